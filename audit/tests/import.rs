//! What is imported loads, allows no more than the original but where it says so, and tells what it leaves out.

use perry_sandbox_audit::{ImportError, Imported, LossKind, import};
use perry_sandbox_policy::{FileError, PolicyFiles, PolicySource, SourceName, load};

const KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEd7BRCjRIrB24U8NSnzw5oqclrn+V\n\
    RLWRzshrhfO2ww4FmZmRW0qMpmoJrKAXCPUHu9vS5B5YLCfC4m8kBSr9+Q==\n\
    -----END PUBLIC KEY-----\n";

struct Keys;

impl PolicyFiles for Keys {
    fn read(&self, _policy: &SourceName, _path: &str) -> Result<Vec<u8>, FileError> {
        Ok(KEY.as_bytes().to_vec())
    }
}

fn imported(name: &str, text: &str) -> Imported {
    let imported = import(name, text).expect("it is read");
    load(&[PolicySource::new("a.toml", imported.policy.clone())], &Keys).expect("what is written loads");
    imported
}

fn losses(imported: &Imported) -> Vec<(LossKind, &str)> {
    imported.losses.iter().map(|loss| (loss.kind, imported.texts.at(loss.place))).collect()
}

fn cluster(authorities: &str, globs: &[&str]) -> String {
    let globs: Vec<String> = globs.iter().map(|glob| format!("    - glob: {glob}\n")).collect();
    let globs = globs.concat();
    format!(
        "apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nmetadata: {{name: release}}\nspec:\n  images:\n{globs}  authorities:\n{authorities}"
    )
}

const KEYLESS: &str = "    - keyless:\n        url: https://fulcio.sigstore.dev\n        identities:\n          - issuer: https://token.actions.githubusercontent.com\n            subject: https://github.com/acme/tools/.github/workflows/r.yml@refs/tags/v1\n";

#[test]
fn an_identity_of_the_public_instance_is_taken_whole() {
    let imported = imported("cip.yaml", &cluster(KEYLESS, &["ghcr.io/acme/**"]));
    assert_eq!(losses(&imported), []);
    for line in [
        "[trust-root.public]",
        "[signer.release]",
        "issuer = \"https://token.actions.githubusercontent.com\"",
        "repository = \"ghcr.io/acme\"",
        "signed-by = { at-least = 1, of = [\"release\"] }",
        "log = \"required\"",
    ] {
        assert!(imported.policy.lines().any(|known| known == line), "no `{line}` in\n{}", imported.policy);
    }
}

#[test]
fn a_key_in_the_file_becomes_a_file_beside_the_policy() {
    let lines: Vec<String> = KEY.lines().map(|line| format!("          {line}\n")).collect();
    let data = format!("        data: |\n{}", lines.concat());
    let imported = imported("cip.yaml", &cluster(&format!("    - key:\n{data}"), &["ghcr.io/acme/tools"]));
    let [key] = imported.keys.as_slice() else { panic!("one key") };
    assert_eq!((key.name.as_str(), key.pem.as_str()), ("release-1.pub", KEY));
    assert!(imported.policy.contains("public-key = \"release-1.pub\""));
    assert!(!imported.policy.contains("log ="), "no log was asked for");
    assert_eq!(losses(&imported), [(LossKind::Changed, "ghcr.io/acme/tools")]);
}

#[test]
fn a_key_whose_log_is_the_public_one_has_the_public_root() {
    let authority = "    - key: {data: \"PEM\"}\n      ctlog: {url: https://rekor.sigstore.dev}\n";
    let imported = imported("cip.yaml", &cluster(authority, &["ghcr.io/acme/**"]));
    assert_eq!(losses(&imported), []);
    assert!(
        imported.policy.contains("root = \"public\"\npublic-key = \"release-1.pub\""),
        "{}",
        imported.policy
    );
    assert!(imported.policy.contains("log = \"required\""), "{}", imported.policy);
}

#[test]
fn requirements_of_policy_json_hold_together() {
    let text = r#"{ "default": [{ "type": "reject" }], "transports": { "docker": { "registry.example/acme": [
      { "type": "sigstoreSigned", "keyPath": "/a.pub", "rekorPublicKeyPath": "/r.pub" },
      { "type": "sigstoreSigned", "keyPaths": ["/b.pub", "/c.pub"], "rekorPublicKeyPath": "/r.pub" } ] } } }"#;
    let imported = imported("policy.json", text);
    // The log has a key of its own, for which a trust root must be written.
    assert!(imported.losses.len() == 2 && imported.left_out().next().is_none(), "{:?}", imported.losses);
    let name = "registry-example-acme";
    let quorum = format!("all = [\"{name}\"], at-least = 1, of = [\"{name}-2\", \"{name}-3\"]");
    assert!(imported.policy.contains(&quorum), "{}", imported.policy);
}

#[test]
fn what_cannot_be_said_is_left_out_and_told() {
    for (authorities, glob, lost) in [
        (KEYLESS, "ghcr.io/**", "ghcr.io/**"),
        (KEYLESS, "ghcr.io/acme/t*", "ghcr.io/acme/t*"),
        (KEYLESS, "ghcr.io/acme/tools:v1", "ghcr.io/acme/tools:v1"),
        ("    - key: {kms: 'awskms:///a'}\n", "ghcr.io/acme/**", "'awskms:///a'"),
        ("    - static: {action: pass}\n", "ghcr.io/acme/**", "{action: pass}"),
    ] {
        let imported = imported("cip.yaml", &cluster(authorities, &[glob]));
        assert_eq!(losses(&imported), [(LossKind::LeftOut, lost)]);
        assert!(!imported.policy.contains("[image."), "{}", imported.policy);
        assert!(!imported.policy.contains("[signer."), "a signer that nothing uses is not written");
    }
}

#[test]
fn a_hole_in_a_wider_rule_takes_the_wider_rule_away() {
    let rule = r#"[{ "type": "sigstoreSigned", "keyPath": "/a.pub", "rekorPublicKeyPath": "/r.pub" }]"#;
    for hole in
        [r#"[{ "type": "reject" }]"#, r#"[{ "type": "signedBy", "keyType": "GPGKeys", "keyPath": "/g" }]"#]
    {
        let text = format!(
            r#"{{ "default": [{{ "type": "reject" }}], "transports": {{ "docker": {{ "r.example/a": {rule}, "r.example/a/b": {hole}, "r.example/c": {rule} }} }} }}"#
        );
        let imported = imported("policy.json", &text);
        assert!(!imported.policy.contains("\"r.example/a\"") && imported.policy.contains("\"r.example/c\""));
        assert!(losses(&imported).contains(&(LossKind::LeftOut, "\"r.example/a\"")));
    }
}

#[test]
fn two_rules_of_a_cluster_that_hold_together_are_both_left_out() {
    let imported = imported("cip.yaml", &cluster(KEYLESS, &["ghcr.io/acme/**", "ghcr.io/acme/tools/**"]));
    assert!(!imported.policy.contains("[image."));
    assert_eq!(losses(&imported), [(LossKind::LeftOut, "ghcr.io/acme/tools/**")]);
}

#[test]
fn what_is_none_of_the_two_or_has_an_unknown_key_is_refused() {
    assert_eq!(import("a.yaml", "services: {}\n").err(), Some(ImportError::NoTrustPolicy));
    assert!(matches!(import("a.json", "{"), Err(ImportError::Unreadable(_))));
    let text = r#"{ "default": [{ "type": "reject" }], "transport": {} }"#;
    let Err(ImportError::Unreadable(told)) = import("policy.json", text) else { panic!("it is refused") };
    assert_eq!(told, ["policy.json:1: nothing reads `transport` here; did you mean `transports`?"]);
}

#[test]
fn text_of_the_original_cannot_write_into_the_policy() {
    let subject = "a@b\\\"\\n[signer.evil]\\npublic-key = \\\"x";
    let authorities = format!(
        "    - keyless:\n        identities:\n          - {{issuer: \"https://i.example\", subject: \"{subject}\"}}\n"
    );
    let text =
        cluster(&authorities, &["ghcr.io/acme/**"]).replace("name: release", "name: \"x]\\n[signer.evil\"");
    match import("cip.yaml\n[signer.evil2]", &text) {
        Ok(imported) => assert!(!imported.policy.lines().any(|line| line.starts_with("[signer.evil"))),
        Err(error) => assert!(matches!(error, ImportError::NotOurs(_)), "{error}"),
    }
}
