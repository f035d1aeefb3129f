//! Every kind of bad input: one clear message, the documented exit code, nothing left.

use std::process::Stdio;

use perry_sandbox_testkit::sigstore::{IDENTITY, ISSUER, SIGNED_AT, Sigstore, attach_bundle};
use perry_sandbox_testkit::tarball::Tarball;
use perry_sandbox_testkit::{As, Home, Ran};
use serde_json::json;

use crate::{IMAGE, KEY, POLICY, run_in};
use perry_sandbox_testkit::example::{blob, parts};
use perry_sandbox_testkit::made::{MADE, content, write};

pub(crate) fn refused(ran: &Ran, code: i32, says: &[&str]) {
    assert_eq!(ran.code, code, "{ran:?}");
    assert_eq!(ran.stdout, "", "nothing may have run: {ran:?}");
    for word in says {
        assert!(ran.stderr.contains(word), "expected `{word}` in:\n{}", ran.stderr);
    }
}

fn with_policy(home: &Home, edit: impl Fn(&str) -> String) -> Ran {
    let file = home.path().join(POLICY);
    let text = std::fs::read_to_string(&file).expect("the policy can be read");
    std::fs::write(&file, edit(&text)).expect("the policy can be written");
    home.run(&["run", "--policy", POLICY, "--image", IMAGE, "hello"])
}

#[test]
fn an_unknown_policy_key_is_pointed_at_with_a_suggestion() {
    let home = Home::new(As::Ordinary);
    let ran = with_policy(&home, |text| text.replace("wall = \"10s\"", "wal = \"10s\""));
    refused(&ran, 2, &["`wal`", "wall", "policy.toml:"]);
}

#[test]
fn an_unknown_tier_is_refused_in_the_file_and_on_the_command_line() {
    let home = Home::new(As::Ordinary);
    let ran = run_in(&home, &["--tier", "isolatd"], &[]);
    refused(&ran, 120, &["isolatd", "isolated"]);
    let ran = with_policy(&home, |text| text.replace("tier = \"isolated\"", "tier = \"isolatd\""));
    refused(&ran, 2, &["isolatd", "isolated"]);
}

#[test]
fn a_policy_that_others_can_write_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new(As::Ordinary);
    let file = home.path().join(POLICY);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).expect("its mode can be set");
    let ran = home.run(&["run", "--policy", POLICY, "--image", IMAGE, "hello"]);
    refused(&ran, 2, &["policy.toml", "everybody"]);
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let home = Home::new(As::Ordinary);
    let absent = "check the path";
    refused(&home.run(&["run", "--policy", "nowhere.toml", "hello"]), 2, &["nowhere.toml", absent]);
    refused(&home.run(&["run", "--key", "nowhere.pub", IMAGE]), 2, &["nowhere.pub", absent]);
    refused(&home.run(&["run", "--key", "/proc", IMAGE]), 2, &["/proc", "name the file itself"]);
    refused(&home.run(&["run", "--key", KEY, "oci:nowhere"]), 125, &["nowhere", absent]);
    refused(&home.run(&["run", "--key", KEY, "docker-archive:nowhere"]), 125, &["nowhere", absent]);
    refused(&home.run(&["run", "--key", KEY, "oci:examples"]), 125, &["examples", "name the folder"]);
}

#[test]
fn files_that_may_not_be_read_are_named_with_what_to_do() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new(As::Ordinary);
    let close = |file: &std::path::Path| {
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o000)).expect("its mode can be set");
    };
    let layer = blob(&home, &parts(&home).layer);
    close(&layer);
    let name = layer.file_name().and_then(|name| name.to_str()).expect("a digest");
    refused(&run_in(&home, &[], &[]), 125, &[name, "right to read"]);
    close(&home.path().join(KEY));
    refused(&run_in(&home, &[], &[]), 2, &["cosign.pub", "right to read"]);
}

#[test]
fn a_word_that_is_no_image_is_not_turned_into_one() {
    let home = Home::new(As::Ordinary);
    for (word, remedy) in [
        ("--privileged", "flags stand before"),
        ("a b", "REGISTRY/REPOSITORY"),
        ("Word", "REGISTRY/REPOSITORY"),
    ] {
        let ran = home.run(&["run", "--key", KEY, "--", word]);
        refused(&ran, 120, &[word, remedy]);
        assert!(!ran.stderr.contains("docker.io"), "{ran:?}");
    }
    refused(&home.run(&["run", "--key", KEY, "word"]), 120, &["docker.io/library/word"]);
}

#[test]
fn a_key_that_is_no_key_is_refused() {
    let home = Home::new(As::Ordinary);
    refused(&home.run(&["run", "--key", POLICY, IMAGE]), 2, &["policy.toml", "public key"]);
}

#[test]
fn a_wrong_digest_is_refused() {
    let home = Home::new(As::Ordinary);
    let absent = format!("{IMAGE}@sha256:{}", "0".repeat(64));
    refused(&home.run(&["run", "--key", KEY, &absent]), 125, &["sha256:0000"]);
    refused(&home.run(&["run", "--key", KEY, &format!("{IMAGE}@sha256:12")]), 2, &["sha256:12"]);
}

#[test]
fn a_truncated_layer_is_refused() {
    let home = Home::new(As::Ordinary);
    let blobs = home.path().join("examples/hello/image/blobs/sha256");
    for entry in std::fs::read_dir(blobs).expect("the layout has blobs") {
        let path = entry.expect("an entry").path();
        let bytes = std::fs::read(&path).expect("a blob can be read");
        if bytes.len() > 100_000 {
            std::fs::write(&path, &bytes[..bytes.len() / 2]).expect("the layout can be written");
        }
    }
    refused(&run_in(&home, &[], &[]), 121, &["sha256:", "bytes"]);
    let ran = home.run(&["image", "ls", "--json"]);
    assert_eq!((ran.code, ran.stdout.trim()), (0, "[]"), "no half image is in the store: {ran:?}");
}

#[test]
fn a_platform_that_the_image_lacks_is_named_with_those_it_has() {
    let home = Home::new(As::Ordinary);
    refused(
        &run_in(&home, &["--platform", "linux/riscv64"], &[]),
        125,
        &["linux/riscv64", "linux/arm64", "ask for"],
    );
}

#[test]
fn an_image_for_another_processor_is_122_and_nothing_is_fetched() {
    let home = Home::new(As::Ordinary);
    let other = if cfg!(target_arch = "x86_64") { "linux/arm64" } else { "linux/amd64" };
    let architecture = other.trim_start_matches("linux/");
    let expected = format!("the image is for {architecture}");
    refused(&run_in(&home, &["--platform", other], &[]), 122, &[&expected, "oci (native for"]);
}

#[test]
fn a_policy_below_a_folder_that_others_can_write_to_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new(As::Me);
    let open = home.path().join("open");
    std::fs::create_dir_all(open.join("sub")).expect("the home can be written");
    std::fs::copy(home.path().join("examples/hello/policy.toml"), open.join("sub/policy.toml"))
        .expect("a copy");
    std::fs::copy(home.path().join("examples/hello/cosign.pub"), open.join("sub/cosign.pub"))
        .expect("a copy");
    let check = || home.run(&["policy", "check", "open/sub/policy.toml"]);
    assert_eq!(check().code, 0);
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).expect("it is ours");
    refused(&check(), 2, &["open` can be written by everybody", "chmod go-w"]);
}

#[test]
fn a_signer_on_the_command_line_takes_nothing_of_the_policy_away() {
    let home = Home::new(As::Me);
    let index =
        std::fs::read_to_string(home.path().join("examples/hello/image/index.json")).expect("a layout");
    let index: serde_json::Value = serde_json::from_str(&index).expect("JSON");
    let digest = index["manifests"][0]["digest"].as_str().expect("a digest");
    let policy = std::fs::read_to_string(home.path().join(POLICY)).expect("the example's policy");
    let denied = format!("{policy}\n[[deny]]\ndigest = \"{digest}\"\nreason = \"withdrawn\"\n");
    std::fs::write(home.path().join("examples/hello/denied.toml"), denied).expect("the home can be written");
    let words = ["--policy", "examples/hello/denied.toml", "--key", KEY, IMAGE];
    for command in ["verify", "run"] {
        refused(&home.run(&[&[command], &words[..]].concat()), 121, &["V-DENY-01", "withdrawn"]);
    }
}

#[test]
fn grants_that_nobody_gave_are_denied() {
    let home = Home::new(As::Ordinary);
    refused(&run_in(&home, &["--egress", "example.org:443"], &[]), 120, &["egress", "example.org:443"]);
    refused(&run_in(&home, &["--mount-write", "/etc"], &[]), 120, &["/etc"]);
    refused(&run_in(&home, &["--cap-add", "SYS_ADMIN"], &[]), 120, &["SYS_ADMIN"]);
    refused(&run_in(&home, &["--env", "LD_PRELOAD=/tmp/x.so"], &[]), 120, &["LD_PRELOAD"]);
    refused(&run_in(&home, &["--memory", "1TiB"], &[]), 120, &["1TiB"]);
}

#[test]
fn an_isolation_level_that_is_not_here_is_122() {
    let home = Home::new(As::Ordinary);
    refused(&run_in(&home, &["--tier", "untrusted"], &[]), 122, &["microvm"]);
}

#[test]
fn no_user_namespaces_is_122_with_what_to_do() {
    let home = Home::new(As::Me);
    let plain = home.command(&["run", "--key", KEY, IMAGE]);
    // A user namespace that allows none below it stands for a machine where they are switched off.
    let script = "echo 0 >/proc/sys/user/max_user_namespaces && exec \"$@\"";
    let mut command = std::process::Command::new("unshare");
    command.args(["--user", "--map-root-user", "sh", "-c", script, "sh"]);
    command.arg(home.path().join("perry-sandbox")).args([
        "--data-dir",
        "unprivileged",
        "run",
        "--key",
        KEY,
        IMAGE,
    ]);
    command.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(home.path()).stdin(Stdio::null());
    let ran = Ran::from(command.output().expect("unshare starts"));
    refused(&ran, 122, &["user namespace", "max_user_namespaces"]);
}

#[test]
fn usage_errors_are_2() {
    let home = Home::new(As::Ordinary);
    for args in
        [&["run"][..], &["frobnicate"], &["run", "--memory", "5MB", IMAGE], &["run", "--tier", "A B", IMAGE]]
    {
        assert_eq!(home.run(args).code, 2, "{args:?}");
    }
}

/// The example's policy with a tier that lets one folder of the host be written.
fn policy_that_mounts(home: &Home, folder: &str) -> &'static str {
    let text = std::fs::read_to_string(home.path().join(POLICY)).expect("the policy can be read");
    let tier = format!(
        "[tier.data]\nisolation = {{ accept = [\"oci\"], prefer = [\"oci\"] }}\nseccomp = \"perry-default\"\n\
         memory-enforcement = \"watched\"\nmounts = {{ read = [], write = [\"{folder}\"] }}\n\
         limits = {{ memory = \"64MiB\", cpu = 1.0, pids = 64, wall = \"10s\", output = \"1MiB\", disk = \"8MiB\", open-files = 256 }}\n"
    );
    let text = text.replace("[ad-hoc]\ntier = \"isolated\"", &format!("{tier}\n[ad-hoc]\ntier  = \"data\""));
    std::fs::write(home.path().join("examples/hello/mounts.toml"), text).expect("the home can be written");
    "examples/hello/mounts.toml"
}

#[test]
fn a_mount_over_the_store_or_the_policy_is_denied() {
    let home = Home::new(As::Me);
    let folder = home.path().to_str().expect("a path in text").to_owned();
    let policy = policy_that_mounts(&home, &folder);
    let beside = home.path().join("beside");
    std::fs::create_dir(&beside).expect("the home can be written");
    let beside = beside.to_str().expect("a path in text");
    let run = |mount: &str| {
        home.run(&["run", "--quiet", "--policy", policy, "--mount-write", mount, IMAGE, "--", "ls", mount])
    };
    let allowed = run(beside);
    assert_eq!(allowed.code, 0, "{allowed:?}");
    refused(&run(&folder), 120, &["decides about runs"]);
    assert!(home.run(&["log", "show"]).stdout.contains("own-folders"), "the refusal is in the trail");
    let explained = home.run(&["explain", "--policy", policy, "--mount-write", &folder, IMAGE, "--", "ls"]);
    refused(&explained, 120, &["decides about runs"]);
}

#[test]
fn a_folder_of_the_host_cannot_take_the_place_of_the_program() {
    let home = Home::new(As::Me);
    let folder = home.path().to_str().expect("a path in text").to_owned();
    let policy = policy_that_mounts(&home, &folder);
    let program = format!("{folder}/bin/tool");
    let mount = format!("{folder}/bin");
    std::fs::create_dir(&mount).expect("the home can be written");
    let ran = home.run(&["run", "--policy", policy, "--mount-write", &mount, IMAGE, "--", &program]);
    refused(&ran, 120, &["cover"]);
}

#[test]
fn a_default_policy_that_cannot_be_read_does_not_count_as_none() {
    let home = Home::new(As::Ordinary);
    let folder = home.path().join(".config/perry-sandbox");
    std::fs::create_dir_all(&folder).expect("the home can be written");
    std::os::unix::fs::symlink("nowhere", folder.join("policy.toml")).expect("a link can be made");
    refused(&home.run(&["run", "--key", KEY, IMAGE]), 2, &["policy.toml"]);
}

#[test]
fn a_key_that_everybody_can_write_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new(As::Ordinary);
    let file = home.path().join(KEY);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).expect("its mode can be set");
    refused(&home.run(&["run", "--key", KEY, IMAGE]), 2, &["cosign.pub", "everybody"]);
}

/// Runs an image that this instance of Sigstore has signed.
fn signed_by(instance: &Sigstore) -> Ran {
    let home = Home::new(As::Ordinary);
    let (mut content, digest) =
        content(&home, Tarball::new(), &json!({"Entrypoint": ["/bin/busybox", "true"]}));
    attach_bundle(&mut content, instance.image_signature(&digest).to_string().as_bytes(), &digest);
    content.write_layout(&home.path().join("made"));
    write(&home.path().join("root.json"), instance.trusted_root().to_string().as_bytes());
    let signer = ["--certificate-identity", IDENTITY, "--certificate-oidc-issuer", ISSUER];
    home.run(&[&["run", "--trusted-root", "root.json"], &signer[..], &[MADE]].concat())
}

#[test]
fn a_certificate_that_had_expired_is_refused() {
    let ran = signed_by(&Sigstore::default());
    assert_eq!(ran.code, 0, "what was signed in time holds for ever: {ran:?}");
    // A leaf is valid for ten minutes.
    let late = Sigstore { logged_at: SIGNED_AT + 601, ..Sigstore::default() };
    refused(
        &signed_by(&late),
        121,
        &["V-TIME-03", "at 2025-01-01T00:10:01Z, after it expired at 2025-01-01T00:10:00Z"],
    );
    let authority = Sigstore { intermediate_valid: (0, SIGNED_AT - 1), ..Sigstore::default() };
    refused(&signed_by(&authority), 121, &["V-TIME-03", "authority"]);
    let root = Sigstore { root_valid: (0, SIGNED_AT - 1), ..Sigstore::default() };
    refused(&signed_by(&root), 121, &["V-TIME-03", "authority"]);
}
