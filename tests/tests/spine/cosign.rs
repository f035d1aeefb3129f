//! The real cosign signs, and says the same as we do of what it signed.

use std::path::{Path, PathBuf};
use std::process::Command;

use perry_sandbox_testkit::example::registry_with_example;
use perry_sandbox_testkit::{As, Home, peer, skip};

use crate::{IMAGE, KEY};

pub(crate) fn cosign(program: &Path, folder: &Path, args: &[&str]) -> std::process::Output {
    Command::new(program)
        .args(args)
        .env("COSIGN_PASSWORD", "")
        .env("HOME", folder)
        .current_dir(folder)
        .stdin(std::process::Stdio::null())
        .output()
        .expect("cosign starts")
}

pub(crate) fn each_cosign() -> Vec<(&'static str, PathBuf)> {
    let found: Vec<_> =
        ["cosign2", "cosign3"].into_iter().filter_map(|name| Some((name, peer(name)?))).collect();
    if found.is_empty() {
        skip("no cosign: name the folder of cosign2 and cosign3 in PERRY_SANDBOX_PEERS");
    }
    found
}

#[test]
fn cosign_verify_agrees_about_the_example() {
    for (name, program) in each_cosign() {
        let home = Home::new(As::Ordinary);
        let verify = |layout: &str, key: &str| {
            let args = ["verify", "--key", key, "--insecure-ignore-tlog=true", "--local-image", layout];
            cosign(&program, home.path(), &args).status.success()
        };
        let ours = |key: &str| home.run(&["verify", "--key", key, IMAGE]).code == 0;
        assert!(verify("examples/hello/image", KEY) && ours(KEY), "{name}: both accept");
        let made = cosign(&program, home.path(), &["generate-key-pair"]);
        assert!(made.status.success(), "{name}: {made:?}");
        assert!(!verify("examples/hello/image", "cosign.pub") && !ours("cosign.pub"), "{name}: both refuse");
    }
}

/// Pushes the example to a registry on loopback, lets cosign sign it there, and compares both verdicts.
fn signed_in_a_registry(name: &str, program: &Path, sign: &[&str]) {
    let home = Home::new(As::Ordinary);
    let folder = home.path();
    let (registry, digest) = registry_with_example(&home, "acme/hello", false);
    let by_tag = format!("{}/acme/hello:v1", registry.host());
    let by_digest = format!("{}/acme/hello@{digest}", registry.host());

    let unsigned = home.run(&["run", "--key", KEY, &by_tag]);
    assert_eq!(unsigned.code, 121, "{name}: nothing is signed there yet: {unsigned:?}");

    let made = cosign(program, folder, &["generate-key-pair"]);
    assert!(made.status.success(), "{name}: {made:?}");
    let args =
        [&["sign", "--yes", "--key", "cosign.key", "--allow-http-registry"], sign, &[&by_digest]].concat();
    let signed = cosign(program, folder, &args);
    assert!(signed.status.success(), "{name}: {}", String::from_utf8_lossy(&signed.stderr));

    let args =
        ["verify", "--key", "cosign.pub", "--insecure-ignore-tlog=true", "--allow-http-registry", &by_tag];
    let theirs = cosign(program, folder, &args);
    assert!(theirs.status.success(), "{name}: {}", String::from_utf8_lossy(&theirs.stderr));
    let ours = home.run(&["verify", "--key", "cosign.pub", &by_tag]);
    assert_eq!(ours.code, 0, "{name}: {ours:?}");

    let ran =
        home.run(&["run", "--quiet", "--key", "cosign.pub", &by_tag, "--", "/bin/busybox", "echo", "ran"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "ran\n"), "{name}: {ran:?}");
    let other = home.run(&["run", "--key", KEY, &by_tag]);
    assert_eq!(other.code, 121, "{name}: the example's key did not sign here: {other:?}");
}

#[test]
fn what_cosign_2_signs_in_a_registry_runs() {
    match peer("cosign2") {
        Some(program) => signed_in_a_registry("cosign2", &program, &["--tlog-upload=false"]),
        None => skip("no cosign 2: name its folder in PERRY_SANDBOX_PEERS"),
    }
}

#[test]
fn what_cosign_3_signs_in_a_registry_runs() {
    let Some(program) = peer("cosign3") else {
        return skip("no cosign 3: name its folder in PERRY_SANDBOX_PEERS");
    };
    // A signing configuration without services: neither log nor time stamp.
    let config = tempfile::NamedTempFile::new().expect("a temporary file");
    let empty = r#"{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json","rekorTlogConfig":{},"tsaConfig":{}}"#;
    std::fs::write(config.path(), empty).expect("the temporary file can be written");
    let path = config.path().to_str().expect("a path in text");
    signed_in_a_registry("cosign3", &program, &["--signing-config", path]);
}
