//! A docker archive, signed by a bundle beside it: the same gates as for any other image.

use perry_sandbox_reference::Digest;
use perry_sandbox_testkit::sigstore::{IDENTITY, ISSUER, Sigstore};
use perry_sandbox_testkit::{As, Home, Ran};
use serde_json::{Value, json};

use crate::bad_input::refused;
use crate::cosign::{cosign, each_cosign};
use crate::{IMAGE, KEY, users};
use perry_sandbox_testkit::made::{archive, write};

const ARCHIVE: &str = "docker-archive:made.tar";

/// Runs or verifies something as signed by the instance whose root is in the home.
fn ask(home: &Home, command: &str, more: &[&str]) -> Ran {
    let signer = ["--certificate-identity", IDENTITY, "--certificate-oidc-issuer", ISSUER];
    home.run(&[&[command, "--trusted-root", "root.json"], &signer[..], more].concat())
}

/// Writes an archive into the home, and gives the digest that a denial names.
fn unsigned(home: &Home) -> Digest {
    let config = json!({"Entrypoint": ["/bin/busybox", "echo", "hello"]});
    write(&home.path().join("made.tar"), &archive(home, &config));
    let denied = home.run(&["verify", "--json", "--key", KEY, ARCHIVE]);
    assert_eq!(denied.code, 121, "{denied:?}");
    let denial: Value = serde_json::from_str(&denied.stdout).expect("--json prints JSON");
    denial["denial"]["subject"].as_str().and_then(|it| it.parse().ok()).expect("a digest")
}

/// A home with an archive, and a bundle of this instance over its digest.
fn signed(user: As, instance: &Sigstore) -> Home {
    let home = Home::new(user);
    let digest = unsigned(&home);
    write(&home.path().join("root.json"), instance.trusted_root().to_string().as_bytes());
    write(&home.path().join("bundle.json"), instance.image_signature(&digest).to_string().as_bytes());
    home
}

#[test]
fn an_archive_runs_by_a_bundle_over_its_digest() {
    for user in users() {
        let home = signed(user, &Sigstore::default());
        refused(&ask(&home, "run", &[ARCHIVE]), 121, &["V-FIND-01", "--bundle"]);
        let verified = ask(&home, "verify", &["--bundle", "bundle.json", ARCHIVE]);
        assert_eq!(verified.code, 0, "{user:?}: {verified:?}");
        let ran = ask(&home, "run", &["--bundle", "bundle.json", ARCHIVE]);
        assert_eq!((ran.code, ran.stdout.as_str()), (0, "hello\n"), "{user:?}: {ran:?}");
    }
}

#[test]
fn a_bundle_of_somebody_else_or_over_something_else_counts_for_nothing() {
    let (instance, other) = (Sigstore::default(), Sigstore::default());
    let home = signed(As::Ordinary, &instance);
    let with = |bundle: &Value| {
        write(&home.path().join("other.json"), bundle.to_string().as_bytes());
        ask(&home, "run", &["--bundle", "other.json", ARCHIVE])
    };
    refused(&with(&instance.image_signature(&Digest::of(b"other"))), 121, &["V-BIND"]);
    let good: Value =
        serde_json::from_slice(&std::fs::read(home.path().join("bundle.json")).expect("a bundle"))
            .expect("JSON");
    let mut changed = good.clone();
    changed["dsseEnvelope"]["payload"] = "AAAA".into();
    refused(&with(&changed), 121, &["V-"]);
    refused(&with(&json!({})), 121, &["V-PARSE"]);
    write(&home.path().join("root.json"), other.trusted_root().to_string().as_bytes());
    refused(&with(&good), 121, &["V-"]);
}

#[test]
fn a_changed_archive_is_another_image() {
    let home = signed(As::Ordinary, &Sigstore::default());
    let other = archive(&home, &json!({"Entrypoint": ["/bin/busybox", "echo", "evil"]}));
    write(&home.path().join("made.tar"), &other);
    refused(&ask(&home, "run", &["--bundle", "bundle.json", ARCHIVE]), 121, &["V-BIND"]);
}

#[test]
fn a_bundle_beside_anything_else_is_a_usage_error() {
    let home = Home::new(As::Ordinary);
    for command in ["run", "verify"] {
        let ran = home.run(&[command, "--key", KEY, "--bundle", KEY, IMAGE]);
        refused(&ran, 2, &["docker archive only", IMAGE]);
    }
    refused(&home.run(&["verify", "--key", KEY, "--bundle", KEY]), 2, &["IMAGE"]);
}

#[test]
fn a_bundle_of_the_real_cosign_over_an_archive_counts() {
    for (name, program) in each_cosign() {
        let home = Home::new(As::Ordinary);
        let digest = unsigned(&home);
        let made = cosign(&program, home.path(), &["generate-key-pair"]);
        assert!(made.status.success(), "{name}: {made:?}");
        write(&home.path().join("predicate.json"), b"{}");
        // No log and no time stamp: nothing but this machine is asked.
        let config = json!({
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json", "rekorTlogConfig": {}, "tsaConfig": {},
        });
        write(&home.path().join("config.json"), config.to_string().as_bytes());
        let offline: &[&str] = if name == "cosign3" {
            &["--signing-config", "config.json"]
        } else {
            &["--tlog-upload=false", "--new-bundle-format"]
        };
        let args = ["attest-blob", "--yes", "--key", "cosign.key", "--bundle", "bundle.json"];
        let kind = ["--predicate", "predicate.json", "--type", "https://sigstore.dev/cosign/sign/v1"];
        let signed = [&args[..], offline, &kind, &["--hash", digest.hex(), "made.tar"]].concat();
        let signed = cosign(&program, home.path(), &signed);
        assert!(signed.status.success(), "{name}: {signed:?}");
        // cosign's file is for its owner alone, who is not the one who runs here.
        let bundle = std::fs::read(home.path().join("bundle.json")).expect("cosign wrote a bundle");
        write(&home.path().join("copy.json"), &bundle);
        let ran = home.run(&["run", "--key", "cosign.pub", "--bundle", "copy.json", ARCHIVE]);
        assert_eq!((ran.code, ran.stdout.as_str()), (0, "hello\n"), "{name}: {ran:?}");
    }
}
