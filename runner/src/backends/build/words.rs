//! The words of each builder. A flag and its value are one word: then neither is taken for something else.

use perry_sandbox_policy::BuildNetwork;

use super::BuilderKind;
use super::order::{BuildCache, BuildOrder, BuildPull, Files};

/// What steps as root need to lay out files and to give them away; of all others a build has none.
const CAPS: &str = "CHOWN,DAC_OVERRIDE,FOWNER,FSETID,SETGID,SETUID";

/// What builds an image under `name`.
pub(super) fn build(kind: BuilderKind, order: &BuildOrder, files: Files<'_>, name: &str) -> Vec<String> {
    let mut words = vec!["build".to_owned()];
    let mut flag = |name: &str, value: &str| words.push(format!("--{name}={value}"));
    flag("tag", name);
    flag("file", &files.dockerfile.display().to_string());
    flag("force-rm", "true");
    if order.network == BuildNetwork::None {
        flag("network", "none");
    }
    match kind {
        BuilderKind::Podman | BuilderKind::Buildah => {
            let pull = match (order.network, order.pull) {
                (BuildNetwork::None, _) => "never",
                (BuildNetwork::Builder, BuildPull::Always) => "always",
                (BuildNetwork::Builder, BuildPull::Missing) => "missing",
            };
            flag("pull", pull);
            flag("isolation", "oci");
            flag("http-proxy", "false");
            flag("cap-drop", "ALL");
            flag("cap-add", CAPS);
        }
        BuilderKind::Docker if order.pull == BuildPull::Always => flag("pull", "true"),
        BuilderKind::Docker => {}
    }
    if order.cache == BuildCache::Ignore {
        flag("no-cache", "true");
    }
    if let Some(platform) = &order.platform {
        flag("platform", &platform.to_string());
    }
    if let Some(target) = &order.target {
        flag("target", target);
    }
    for (name, value) in &order.args {
        flag("build-arg", &format!("{name}={value}"));
    }
    for (name, value) in &order.labels {
        flag("label", &format!("{name}={value}"));
    }
    words.extend(["--".to_owned(), order.context.display().to_string()]);
    words
}

/// What writes the image as a docker archive, the one form that all of them have.
pub(super) fn save(kind: BuilderKind, files: Files<'_>, name: &str) -> Vec<String> {
    let file = files.archive.display();
    let words = match kind {
        BuilderKind::Podman => ["save", "--format=docker-archive", &format!("--output={file}"), name],
        BuilderKind::Buildah => ["push", "--quiet", name, &format!("docker-archive:{file}:{name}")],
        BuilderKind::Docker => ["image", "save", &format!("--output={file}"), name],
    };
    words.map(str::to_owned).into()
}

/// What takes the name away again; steps that later builds may use stay.
pub(super) fn forget(kind: BuilderKind, name: &str) -> Vec<String> {
    let words: &[&str] = match kind {
        BuilderKind::Podman => &["untag", name],
        BuilderKind::Buildah => &["rmi", name],
        BuilderKind::Docker => &["image", "rm", "--no-prune", name],
    };
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;

    fn order(network: BuildNetwork) -> BuildOrder {
        BuildOrder {
            context: PathBuf::from("/srv/shop"),
            dockerfile: "FROM scratch".to_owned(),
            args: [("A".to_owned(), "1 --privileged".to_owned())].into(),
            target: Some("web".to_owned()),
            labels: [("l".to_owned(), "v".to_owned())].into(),
            platform: Some("linux/amd64".parse().unwrap()),
            network,
            cache: BuildCache::Ignore,
            pull: BuildPull::Always,
        }
    }

    fn line(kind: BuilderKind, network: BuildNetwork) -> Vec<String> {
        let files = Files { dockerfile: Path::new("/t/Dockerfile"), archive: Path::new("/t/image.tar") };
        build(kind, &order(network), files, "localhost/x:1")
    }

    #[test]
    fn without_a_network_nothing_is_pulled_and_no_step_has_one() {
        for kind in [BuilderKind::Podman, BuilderKind::Buildah] {
            let words = line(kind, BuildNetwork::None);
            assert!(
                words.contains(&"--network=none".to_owned()) && words.contains(&"--pull=never".to_owned())
            );
            let with = line(kind, BuildNetwork::Builder);
            assert!(with.contains(&"--pull=always".to_owned()) && !with.concat().contains("--network"));
        }
    }

    #[test]
    fn a_value_is_never_a_word_of_its_own() {
        for kind in [BuilderKind::Podman, BuilderKind::Buildah, BuilderKind::Docker] {
            let words = line(kind, BuildNetwork::Builder);
            assert!(words.contains(&"--build-arg=A=1 --privileged".to_owned()), "{words:?}");
            let end = words.iter().position(|word| word == "--").unwrap();
            assert_eq!(words[end + 1..], ["/srv/shop"]);
            assert!(
                words[1..end].iter().all(|word| word.starts_with("--") && word.contains('=')),
                "{words:?}"
            );
        }
    }
}
