//! Where values come from, and which images are meant: what `config` says beside the canonical form.

use crate::shop::{ALONE, compose, extend_policy, home};

#[test]
fn a_variables_value_is_told_with_where_it_comes_from_and_goes() {
    let home = home("services: {web: {image: 'a:${TAG:-v1}', environment: {KEY: '${API_TOKEN}'}}}\n");
    home.give(".env", b"TAG=v2\nAPI_TOKEN=hidden-value\nexport TAG=v3\n");
    let tag = compose(&home, &["config", "--explain", "TAG"]);
    assert_eq!(tag.code, 0, "{tag:?}");
    let lines: Vec<&str> = tag.stdout.lines().collect();
    assert_eq!(lines[0], "TAG = v3");
    assert!(lines[1].starts_with("  from    ") && lines[1].ends_with(".env:3"), "{lines:?}");
    assert!(lines[2].starts_with("  hidden  ") && lines[2].ends_with(".env:1"), "{lines:?}");
    assert_eq!(lines[3], "  used    compose.yaml:1:25  services.web.image: a:${TAG:-v1}");
    let secret = compose(&home, &["config", "--explain", "API_TOKEN"]);
    assert!(secret.stdout.starts_with("API_TOKEN = ********\n"), "{secret:?}");
    let shown = compose(&home, &["config", "--explain", "API_TOKEN", "--reveal"]);
    assert!(shown.stdout.starts_with("API_TOKEN = hidden-value\n"), "{shown:?}");
    home.give(
        "compose.yaml",
        b"services: {web: {image: a, environment: {URL: 'db://${API_TOKEN:-in-the-file}@db'}}}\n",
    );
    let used = compose(&home, &["config", "--explain", "API_TOKEN"]);
    assert!(
        used.stdout.contains("services.web.environment.URL\n") && !used.stdout.contains("in-the-file"),
        "{used:?}"
    );
    let none = compose(&home, &["config", "--explain", "NONE"]);
    assert_eq!(none.stdout, "NONE is not set\n  no file names it\n");
    let mut given = home.other_command(&perry_sandbox_testkit::compose_program());
    let given = given.args(["config", "--explain", "TAG"]).env("TAG", "v4").output().expect("it starts");
    let given = String::from_utf8_lossy(&given.stdout).into_owned();
    assert!(given.starts_with("TAG = v4\n  from    the environment of this command\n"), "{given}");
}

#[test]
fn secrets_are_hidden_before_variables_are_put_in_too() {
    let home = home(
        "services: {web: {image: a, environment: [DB_PASSWORD=written, MODE=fast], build: {context: ., args: {API_TOKEN: given}}}}\n",
    );
    let shown = |flags: &[&str]| compose(&home, &[&["config", "--no-interpolate"], flags].concat()).stdout;
    let hidden = shown(&["--redact"]);
    assert!(hidden.contains("fast") && !hidden.contains("written") && !hidden.contains("given"), "{hidden}");
    assert!(shown(&[]).contains("written"), "nobody reads a pipe on a screen");
}

#[test]
fn images_are_named_by_the_digests_of_the_lock_and_no_others() {
    let home = home(ALONE);
    for flag in ["--resolve-image-digests", "--lock-image-digests"] {
        let early = compose(&home, &["config", flag]);
        assert!(early.code == 1 && early.stderr.contains("run `perry-compose lock`"), "{early:?}");
    }
    extend_policy(&home);
    assert_eq!(compose(&home, &["lock", "--policy", "good.toml"]).code, 0);
    let whole = compose(&home, &["config", "--resolve-image-digests"]);
    assert!(whole.stdout.contains("image: oci:examples/hello/image@sha256:"), "{whole:?}");
    let over = compose(&home, &["config", "--lock-image-digests"]);
    assert!(
        over.stdout.starts_with("services:\n  job:\n    image: oci:examples/hello/image@sha256:"),
        "{over:?}"
    );
    home.give("over.yaml", over.stdout.as_bytes());
    let merged = compose(&home, &["-f", "compose.yaml", "-f", "over.yaml", "config"]);
    assert_eq!(merged.stdout, whole.stdout);
}

#[test]
fn what_each_of_several_files_changes_is_told_without_secrets() {
    let home =
        home("services: {web: {image: 'x:1', command: [a, b], environment: {A: '1', DB_PASSWORD: one}}}\n");
    home.give(
        "more.yaml",
        b"services:\n  web:\n    image: x:2\n    environment: {DB_PASSWORD: two}\n  db: {image: 'y'}\n",
    );
    home.give("less.yaml", b"services: {web: {command: !reset []}}\n");
    let files = ["-f", "compose.yaml", "-f", "more.yaml", "-f", "less.yaml", "config", "--diff"];
    let told = compose(&home, &files);
    assert_eq!(told.code, 0, "{told:?}");
    let folder = home.path().display();
    let wanted = format!(
        "{folder}/more.yaml\n  + services.db: {{\"command\":null,\"entrypoint\":null,\"image\":\"y\",\"networks\":{{\"default\":null}}}}\n  \
         ~ services.web.environment.DB_PASSWORD: \"********\" -> \"********\"\n  ~ services.web.image: \"x:1\" -> \"x:2\"\n\
         {folder}/less.yaml\n  ~ services.web.command: [\"a\",\"b\"] -> null\n"
    );
    assert_eq!(told.stdout, wanted);
    let shown = compose(&home, &[&files[..], &["--reveal", "--format", "json"]].concat());
    let shown: serde_json::Value = serde_json::from_str(&shown.stdout).expect("JSON");
    assert_eq!(shown[0]["changes"][1]["after"], "two", "{shown}");
    let one = compose(&home, &["config", "--diff"]);
    assert!(one.code == 0 && one.stdout.ends_with("compose.yaml is the only file\n"), "{one:?}");
}
