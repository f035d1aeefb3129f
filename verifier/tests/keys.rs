//! Managed keys of every kind: the hash follows from the key and the form, never from the message.

use perry_sandbox_image::Memory;
use perry_sandbox_verifier::{Code, Signed, verify_bundle};
use serde_json::{Value, json};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::kit::{INDEX, attach, bare, check, clock, denied, key, require, text, with_simple};

fn managed() -> Value {
    serde_json::from_str(&text("managed.json")).unwrap()
}

fn public(made: &Value, kind: &str) -> String {
    made["keys"][kind]["public"].as_str().unwrap().to_owned()
}

fn legacy(made: &Value, kind: &str, hash: &str) -> Memory {
    let payload = made["payload"].as_str().unwrap();
    let annotations = json!({"dev.cosignproject.cosign/signature": made["keys"][kind][hash]["payload"]});
    with_simple("cosign2-key2", payload.as_bytes(), &annotations)
}

fn bundle(made: &Value, kind: &str, hash: &str) -> Value {
    json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": ""}},
        "dsseEnvelope": {
            "payload": STANDARD.encode(made["statement"].as_str().unwrap()),
            "payloadType": "application/vnd.in-toto+json",
            "signatures": [{"sig": made["keys"][kind][hash]["statement"]}],
        },
    })
}

fn bundled(made: &Value, kind: &str, hash: &str) -> Memory {
    let mut source = bare("cosign2-key2");
    attach(&mut source, &bundle(made, kind, hash), &INDEX.parse().unwrap());
    source
}

#[test]
fn legacy_signatures_are_sha_256_with_every_key() {
    let made = managed();
    for kind in ["p256", "p384", "rsa2048", "rsa4096", "ed25519"] {
        let requirement = require(vec![key("x", public(&made, kind), None)]);
        check(&legacy(&made, kind, "sha256"), &requirement)
            .unwrap_or_else(|denial| panic!("{kind}: {denial}"));
        for hash in ["sha1", "sha384"] {
            if kind != "ed25519" {
                denied(check(&legacy(&made, kind, hash), &requirement), Code::SigInvalid);
            }
        }
    }
}

#[test]
fn bundles_use_the_keys_own_hash() {
    let made = managed();
    for (kind, right) in [
        ("p256", "sha256"),
        ("p384", "sha384"),
        ("rsa2048", "sha256"),
        ("rsa4096", "sha256"),
        ("ed25519", "sha256"),
    ] {
        let requirement = require(vec![key("x", public(&made, kind), None)]);
        check(&bundled(&made, kind, right), &requirement).unwrap_or_else(|denial| panic!("{kind}: {denial}"));
        for hash in ["sha1", "sha256", "sha384"] {
            if kind != "ed25519" && hash != right {
                denied(check(&bundled(&made, kind, hash), &requirement), Code::SigInvalid);
            }
        }
    }
}

#[test]
fn weak_and_unknown_keys_are_refused() {
    let made = managed();
    for kind in ["rsa1024", "p521"] {
        let requirement = require(vec![key("x", public(&made, kind), None)]);
        denied(check(&legacy(&made, kind, "sha256"), &requirement), Code::SigKeyUnusable);
    }
}

#[test]
fn bare_bytes_are_checked_for_a_bundle_alone() {
    let made = managed();
    let payload = made["payload"].as_str().unwrap().as_bytes();
    let digest = perry_sandbox_reference::Digest::of(payload);
    let message = |kind: &str, hash: &str, algorithm: Option<&str>| {
        let mut message = json!({"signature": made["keys"][kind][hash]["payload"]});
        if let Some(algorithm) = algorithm {
            let bytes = sigstore_verify::crypto::sha256(payload);
            message["messageDigest"] =
                json!({"algorithm": algorithm, "digest": STANDARD.encode(bytes.as_bytes())});
        }
        json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {"publicKey": {"hint": ""}},
            "messageSignature": message,
        })
        .to_string()
    };
    let run = |kind: &str, text: String, signed| {
        verify_bundle(text.as_bytes(), signed, &require(vec![key("x", public(&made, kind), None)]), clock())
    };
    let (bytes, digest) = (Signed::Bytes(payload), Signed::Digest(&digest));
    for kind in ["p256", "rsa2048", "p384"] {
        let evidence = run(kind, message(kind, "sha256", Some("SHA2_256")), bytes).unwrap();
        assert_eq!(evidence.predicate, None);
        assert!(run(kind, message(kind, "sha256", Some("SHA2_256")), digest).is_ok());
        assert!(run(kind, message(kind, "sha256", Some("SHA2_256")), Signed::Bytes(b"other")).is_err());
    }
    assert!(run("ed25519", message("ed25519", "sha256", None), bytes).is_ok());
    let denial = run("ed25519", message("ed25519", "sha256", None), digest).unwrap_err();
    assert!(denial.findings().any(|it| it.code == Code::BindNeedsBytes), "{denial}");
    let denial = run("p256", message("p256", "sha256", Some("SHA2_384")), bytes).unwrap_err();
    assert!(denial.findings().any(|it| matches!(it.code, Code::SigAlgorithm | Code::ParseField)), "{denial}");
}

#[test]
fn sigstore_python_1652_a_message_digest_mismatch_is_noticed() {
    let made = managed();
    let payload = made["payload"].as_str().unwrap().as_bytes();
    let other = sigstore_verify::crypto::sha256(b"other");
    let bundle = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": ""}},
        "messageSignature": {
            "signature": made["keys"]["p256"]["sha256"]["payload"],
            "messageDigest": {"algorithm": "SHA2_256", "digest": STANDARD.encode(other.as_bytes())},
        },
    });
    let requirement = require(vec![key("x", public(&made, "p256"), None)]);
    let outcome = verify_bundle(bundle.to_string().as_bytes(), Signed::Bytes(payload), &requirement, clock());
    assert!(outcome.unwrap_err().findings().any(|it| it.code == Code::BindDigest));
}
