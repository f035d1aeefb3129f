//! Steps that would take something in past the network that a build does not have: images of other places of this machine, and
//! what other builds have left. No builder has an option that refuses them.

use super::super::tool::plain;
use super::BuildError;

/// What stands before a colon where an image is not a registry's, or is one in other words.
const TRANSPORTS: [&str; 12] = [
    "atomic",
    "containers-storage",
    "dir",
    "docker",
    "docker-archive",
    "docker-daemon",
    "oci",
    "oci-archive",
    "openshift",
    "ostree",
    "sif",
    "tarball",
];
const ELSEWHERE: &str =
    "it is an image of another place than the builder's own store: name one that is in there";
const UNKNOWN: &str =
    "a variable may make it an image of another place: write out what stands before its tag";
const CACHE: &str = "a cache holds what other builds have left, which may be from a network";

/// Refuses such steps.
///
/// SECURITY: this reads more as a step than a builder does (each line by itself, and joined by both signs that a file may join
/// its lines by), so that no way to write one hides another. What it refuses needlessly can be written in another way.
pub(super) fn check(steps: &str) -> Result<(), BuildError> {
    let steps = steps.trim_start_matches('\u{feff}');
    for joint in [None, Some('\\'), Some('`')] {
        lines(steps, joint).iter().try_for_each(|line| check_line(line))?;
    }
    Ok(())
}

/// Lines, with those that end in `joint` as one with the next that is neither empty nor a comment.
fn lines(steps: &str, joint: Option<char>) -> Vec<String> {
    let (mut lines, mut open) = (Vec::new(), String::new());
    for line in steps.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match joint.and_then(|joint| line.strip_suffix(joint)) {
            Some(begun) => open.push_str(begun),
            None => lines.push(std::mem::take(&mut open) + line),
        }
    }
    lines.push(open);
    lines
}

fn check_line(line: &str) -> Result<(), BuildError> {
    // A builder takes quotes away, and what escapes; so much is the same for all.
    let line: String = line.chars().filter(|char| !"\"'\\`".contains(*char)).collect();
    let words = line.split_whitespace().skip_while(|word| word.eq_ignore_ascii_case("onbuild"));
    let mut words = words.peekable();
    let Some(step) = words.next().map(str::to_ascii_lowercase) else { return Ok(()) };
    match step.as_str() {
        "from" => words.find(|word| !word.starts_with("--")).map_or(Ok(()), check_source),
        "add" | "copy" | "run" => check_flags(&words.collect::<Vec<_>>()),
        _ => Ok(()),
    }
}

fn check_flags(words: &[&str]) -> Result<(), BuildError> {
    words.iter().filter_map(|word| word.strip_prefix("--from=")).try_for_each(check_source)?;
    if !words.iter().any(|word| word.starts_with("--mount")) {
        return Ok(());
    }
    for part in words.iter().flat_map(|word| word.trim_start_matches("--mount=").split(',')) {
        let Some((key, value)) = part.split_once('=') else { continue };
        match key.to_ascii_lowercase().as_str() {
            "from" => check_source(value)?,
            "type" if value.eq_ignore_ascii_case("cache") => return refused(part, CACHE),
            "type" if value.contains('$') => return refused(part, CACHE),
            _ => {}
        }
    }
    // What a variable adds is not seen here.
    match words.iter().find(|word| word.starts_with("--mount") && is_open(word)) {
        Some(word) => refused(word, CACHE),
        None => Ok(()),
    }
}

/// Whether a variable stands for more than one value of a mount.
fn is_open(word: &str) -> bool {
    let mut parts = word.trim_start_matches("--mount=").split(',');
    parts.any(|part| part.split('=').next().is_some_and(|key| key.contains('$')))
}

fn check_source(image: &str) -> Result<(), BuildError> {
    let head = image.split([':', '/', '@']).next().unwrap_or_default();
    let is_before_colon = image.get(head.len()..).is_some_and(|rest| rest.starts_with(':'));
    if head.contains('$') {
        return refused(image, UNKNOWN);
    }
    if is_before_colon && TRANSPORTS.iter().any(|it| head.eq_ignore_ascii_case(it)) {
        return refused(image, ELSEWHERE);
    }
    Ok(())
}

fn refused(word: &str, why: &'static str) -> Result<(), BuildError> {
    Err(BuildError::Steps { word: plain(word.as_bytes()), why })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_of_another_place_is_refused_however_it_is_written() {
        for steps in [
            "FROM oci:/srv/image",
            "from --platform=linux/amd64 dir:/srv/image AS x",
            "FROM docker-daemon:shop:1",
            "FROM docker://registry.example/a",
            "\u{feff}FROM \"oci:/srv/image\"",
            "FROM \\\n# which\n\n  oci:/srv/image",
            "# escape=`\nFROM `\n  oci-archive:/srv/image",
            "FROM scratch\nRUN x `\nFROM oci:/srv/image",
            "# escape=`\nFROM scratch\nRUN x \\\nFROM oci:/srv/image",
            "FROM scratch\nCOPY --chown=0 --from=containers-storage:x /a /b",
            "FROM scratch\nONBUILD COPY --from=docker-archive:/x /a /b",
            "FROM scratch\nRUN --mount=type=bind,from=oci:/x,target=/x true",
            "ARG A=oci:/x\nFROM $A",
            "ARG A=oci:/x\nFROM ${A}/b",
            "FROM o\\ci:/srv/image",
        ] {
            let refused = check(steps).unwrap_err();
            assert!(matches!(refused, BuildError::Steps { .. }), "{steps}: {refused}");
        }
    }

    #[test]
    fn what_other_builds_have_left_is_refused() {
        for flags in [
            "--mount=type=cache,target=/x",
            "--mount=target=/x,\"type=cache\"",
            "--network=none --mount=target=/x,TYPE=ca\\\nche",
            "--mount=type=$KIND,target=/x",
            "--mount=$ALL",
        ] {
            assert!(check(&format!("FROM scratch\nRUN {flags} true")).is_err(), "{flags}");
        }
    }

    #[test]
    fn what_is_in_the_store_or_the_context_is_not() {
        let steps = "# syntax=docker/dockerfile:1\nARG TAG=1\nFROM --platform=$TARGETPLATFORM localhost:5000/oci:$TAG AS base\n\
            FROM docker.io/library/alpine@sha256:0\nCOPY --from=base /a /b\nADD a.tar /\n\
            RUN --mount=type=bind,source=a,target=/a --mount=type=tmpfs,target=/t echo \"$HOME\" type=x \\\n  && true\n\
            RUN echo oci:/x --cache\nCMD [\"a\"]\n";
        check(steps).unwrap();
    }
}
