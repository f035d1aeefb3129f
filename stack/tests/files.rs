//! Secrets and configs: where they are wanted, and which are refused.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use perry_sandbox_policy::{ConfigContent, FileSource, WantedFile};
use perry_sandbox_stack::{Demands, Host, Stack, demand, secrets_of};

use crate::support::{REPOSITORY, stack};

/// Sources that stand in the project's file.
const SOURCES: &str = "secrets: {token: {file: ./token}, more: {environment: MORE}, away: {external: true}}\n\
    configs: {site: {content: 'port = 1'}, var: {environment: SITE}, unset: {environment: UNSET}, away: {external: true}}\n";

/// One service of these lines.
fn project(lines: &str, sources: &str) -> Stack {
    stack(&format!("name: shop\nservices:\n  web:\n    image: {REPOSITORY}:v1\n    {lines}\n{sources}"))
}

/// What it asks for, in a project of this folder.
fn demands(folder: &Path, lines: &str, sources: &str) -> Demands {
    let stack = project(lines, sources);
    let variable = |name: &str| (name == "SITE").then(|| "of the caller".to_owned());
    let mut demands = demand(&stack);
    let folder = folder.display().to_string();
    demands.look_at_host(&stack, Host { folder: &folder, variable: &variable });
    demands
}

fn files(lines: &str) -> Vec<WantedFile> {
    let demands = demands(Path::new("/p"), lines, SOURCES);
    assert!(demands.all_refused().is_empty(), "{:?}", demands.all_refused());
    demands.services["web"].project.files.clone()
}

fn shown(file: &WantedFile) -> (String, Option<u32>, Option<u32>, String) {
    (file.path.to_string(), file.uid, file.gid, file.mode.to_string())
}

#[test]
fn a_secret_is_where_it_is_wanted_with_its_owner_and_mode() {
    let demands = demands(Path::new("/p"), "secrets: [token]", SOURCES);
    let web = &demands.services["web"];
    assert!(web.project.files.is_empty() && web.grants.secrets.len() == 1, "as it always was");
    let found = files(
        "secrets: [{source: token, target: /etc/app/token}, {source: more, target: other, uid: '5', gid: '6', mode: 0440}]",
    );
    let found: Vec<_> = found.iter().map(shown).collect();
    let path = |path: &str| path.to_owned();
    assert_eq!(
        found,
        [
            (path("/etc/app/token"), None, None, "0400".to_owned()),
            (path("/run/secrets/other"), Some(5), Some(6), "0440".to_owned())
        ]
    );
}

#[test]
fn a_config_is_read_from_the_file_or_the_caller_and_everybody_inside_reads_it() {
    let found = files("configs: [site, {source: var, target: /etc/app/var, mode: 0400}]");
    let content = |file: &WantedFile| match &file.source {
        FileSource::Config { content, .. } => String::from_utf8(content.bytes().to_vec()).unwrap(),
        FileSource::Secret(name) => panic!("{name}"),
    };
    assert_eq!(found.iter().map(content).collect::<Vec<_>>(), ["port = 1", "of the caller"]);
    let found: Vec<_> = found.iter().map(|file| (file.path.to_string(), file.mode.to_string())).collect();
    assert_eq!(
        found,
        [("/site".to_owned(), "0444".to_owned()), ("/etc/app/var".to_owned(), "0400".to_owned())]
    );
}

#[test]
fn what_no_file_of_a_service_can_be_is_refused_at_its_place() {
    for (lines, why) in [
        ("secrets: [{source: token, target: /proc/x}]", "`/proc/x` is not a place for a file"),
        ("secrets: [{source: token, target: /run/secrets}]", "`/run/secrets` is not a place"),
        ("secrets: [{source: token, target: ../x}]", "is not a place for a file"),
        ("secrets: [{source: token, mode: 0555}]", "without the right to execute"),
        ("secrets: [{source: token, mode: 04440}]", "is not a mode of a file"),
        ("secrets: [{source: token, uid: root}]", "write them as numbers"),
        ("secrets: [away]", "nobody here keeps secrets beside the project"),
        ("configs: [{source: site, target: /dev/x}]", "`/dev/x` is not a place"),
        ("configs: [{source: site, mode: 0755}]", "without the right to execute"),
        ("configs: [away]", "nobody here keeps configs beside the project"),
        ("configs: [unset]", "the variable `UNSET` is not set"),
    ] {
        let demands = demands(Path::new("/p"), lines, SOURCES);
        let refused = demands.all_refused();
        assert_eq!(refused.len(), 1, "{lines}: {refused:?}");
        let text = format!("{} {}", refused[0].why, refused[0].instead);
        assert!(text.contains(why), "{lines}: {text}");
        let place = project(lines, SOURCES).sources.place(refused[0].span).unwrap();
        assert!(place.contains(":5:"), "{lines}: {place}");
    }
}

#[test]
fn a_config_is_of_the_projects_own_folder_and_has_an_end() {
    let folder = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("key"), "secret of the caller").unwrap();
    symlink(outside.path().join("key"), folder.path().join("link")).unwrap();
    fs::write(folder.path().join("long"), vec![b'x'; ConfigContent::MOST_BYTES + 1]).unwrap();
    fs::write(folder.path().join("good"), [0, 255]).unwrap();
    nix::unistd::mkfifo(&folder.path().join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let of = |path: &Path| {
        let sources = format!("configs: {{site: {{file: {}}}}}\n", path.display());
        demands(folder.path(), "configs: [site]", &sources)
    };
    let good = of(&folder.path().join("good"));
    assert!(good.all_refused().is_empty() && good.services["web"].project.files.len() == 1);
    for (path, why) in [
        (outside.path().join("key"), "is outside of the project's folder"),
        (folder.path().join("link"), "is outside of the project's folder"),
        (folder.path().join("long"), "512 KiB together"),
        (folder.path().join("none"), "No such file"),
        (folder.path().to_owned(), "is no file"),
        (folder.path().join("pipe"), "is no file"),
        ("/dev/zero".into(), "is outside of the project's folder"),
    ] {
        let demands = of(&path);
        let refused = demands.all_refused();
        assert!(refused.len() == 1 && refused[0].why.contains(why), "{}: {refused:?}", path.display());
    }
}

#[test]
fn a_secret_is_read_from_a_file_and_a_pipe_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("good"), "value").unwrap();
    nix::unistd::mkfifo(&folder.path().join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let read = |name: &str| {
        let sources = format!("secrets: {{token: {{file: {}}}}}\n", folder.path().join(name).display());
        secrets_of(&project("secrets: [token]", &sources), &BTreeMap::new(), "web")
    };
    assert!(read("good").is_ok());
    for (name, why) in [("pipe", "is no file"), (".", "is no file"), ("none", "No such file")] {
        let error = read(name).unwrap_err();
        assert!(error.contains("the secret `token`") && error.contains(why), "{error}");
    }
}
