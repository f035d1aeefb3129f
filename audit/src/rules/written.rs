//! Which part of a text is written down, and which a variable brings.

use std::ops::Range;

/// Variables in defaults of variables; what is deeper counts as written down.
const DEEPEST: usize = 8;

/// How far a variable reaches at the start of a text, and what stands between its braces.
fn variable(text: &str) -> Option<(usize, Option<&str>)> {
    let rest = text.strip_prefix('$')?;
    let Some(braced) = rest.strip_prefix('{') else {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let is_name = rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        return is_name.then(|| (end.saturating_add(1), None));
    };
    let mut open = 1_usize;
    for (at, char) in braced.char_indices() {
        match char {
            '{' => open = open.saturating_add(1),
            '}' => open = open.saturating_sub(1),
            _ => {}
        }
        if open == 0 {
            return Some((at.saturating_add(3), braced.get(..at)));
        }
    }
    None
}

/// What a variable stands for where it is not set, or is: nothing, unless it says so.
fn own_text(inside: &str) -> &str {
    let end = inside.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inside.len());
    let said = inside.get(end..).unwrap_or_default();
    let said = said.strip_prefix(':').unwrap_or(said);
    said.strip_prefix(['-', '+']).unwrap_or_default()
}

fn only_variables(mut text: &str, depth: usize) -> bool {
    while !text.is_empty() {
        let Some((length, inside)) = variable(text) else { return false };
        if depth >= DEEPEST || !only_variables(inside.map_or("", own_text), depth.saturating_add(1)) {
            return false;
        }
        text = text.get(length..).unwrap_or_default();
    }
    true
}

/// Whether a text is nothing but variables, of which none brings a text that is written down.
pub(super) fn is_only_variables(text: &str) -> bool {
    only_variables(text, 0)
}

/// A text of the same length in which no variable has a character that means something in a URL.
fn masked(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
        made.push_str(before);
        // What does not end is no variable, and nothing behind it is looked at again for its end.
        let Some((length, _)) = variable(from) else {
            made.push('_');
            rest = from.get(1..).unwrap_or_default();
            if from.starts_with("${") {
                break;
            }
            continue;
        };
        made.extend(std::iter::repeat_n('_', length));
        rest = from.get(length..).unwrap_or_default();
    }
    made.push_str(rest);
    made
}

/// Where the passwords of URLs stand in a text; `interpolates` says whether `$` begins a variable.
pub(super) fn passwords(text: &str, interpolates: bool) -> Vec<Range<usize>> {
    let masked = if interpolates { masked(text) } else { text.to_owned() };
    let mut found = Vec::new();
    for (at, sign) in masked.match_indices("://") {
        let start = at.saturating_add(sign.len());
        let rest = masked.get(start..).unwrap_or_default();
        let end = rest.find(|c: char| c.is_whitespace() || "/?#\"'<>".contains(c)).unwrap_or(rest.len());
        let authority = rest.get(..end).unwrap_or_default();
        let Some((user, _)) = authority.rsplit_once('@') else { continue };
        let Some((name, password)) = user.split_once(':') else { continue };
        if !password.is_empty() {
            let first = start.saturating_add(name.len()).saturating_add(1);
            found.push(first..first.saturating_add(password.len()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_told_from_what_is_written_down() {
        for text in ["", "$A", "${A}", "${A:?must be set}", "${A:-}", "${A}${B}", "${A:-${B:?x}}", "${A:+}"] {
            assert!(is_only_variables(text), "{text}");
        }
        for text in
            ["x", "pa$$word", "${A:-x}", "${A-x}", "${A:-${B:-x}}", "$A-x", "${A", "$", "$1", "${A:+x}"]
        {
            assert!(!is_only_variables(text), "{text}");
        }
        assert!(!is_only_variables(&"${A:-".repeat(100_000)), "and its depth is bounded");
        let deep = format!("{}{}", "${A:-".repeat(5_000), "}".repeat(5_000));
        assert!(!is_only_variables(&deep));
    }

    #[test]
    fn the_password_of_a_url_is_found_whatever_its_variables_hold() {
        let of = |text: &'static str| -> Vec<&str> {
            passwords(text, true).into_iter().map(|range| text.get(range).unwrap_or_default()).collect()
        };
        assert_eq!(of("postgres://app:${PW:?a/b@c}@db:${PORT:-5432}/app"), ["${PW:?a/b@c}"]);
        assert_eq!(of("postgres://app:hunter2@db/${DB}"), ["hunter2"]);
        assert_eq!(of("a://u:p@h, b://:q@h"), ["p", "q"]);
        assert_eq!(of("https://db:80/a@b http://u@db ${URL} x://u:@h"), [""; 0]);
        assert_eq!(passwords("x://u:a${b@h", false).first(), Some(&(6..10)));
    }
}
