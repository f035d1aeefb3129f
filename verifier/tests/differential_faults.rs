//! Faults, one each, in what is otherwise a good bundle.

use perry_sandbox_reference::Digest;
use perry_sandbox_testkit::sigstore::{
    CODE_SIGNING, IN_TOTO, Key, KeyUsages, Log, Proofs, Sigstore, TIME_STAMPING, Tsa, b64, email,
    extended_key_usage, old_issuer, unb64,
};
use serde_json::{Value, json};

use crate::conformance_rules::by_hash;
use crate::differential_bundles::{
    Made, STAMPED, V1, V2, artifact, changed, edited, edited_stamped, entry, flip, instance, leaf, made,
    payload, remove, rooted, stamps, subjects,
};
use crate::pki::{IDENTITY, SIGN, SIGNED_AT, basic_constraints, claim, key_usage, names, oid, subject, uri};

const KEY_USAGE: &str = "2.5.29.15";
const EXTENDED_KEY_USAGE: &str = "2.5.29.37";
const NAMES: &str = "2.5.29.17";
const ISSUER_ID: &str = "1.3.6.1.4.1.57264.1.8";

/// Every fault, by a name of its own.
pub(crate) fn faults() -> Vec<(&'static str, Made)> {
    let lists =
        [bad_authorities, bad_leaves, bad_times, bad_entries, foreign_entries, bad_statements, bad_bundles];
    lists.into_iter().flat_map(|list| list()).collect()
}

fn bad_authorities() -> Vec<(&'static str, Made)> {
    let ended = json!("2024-12-31T00:00:00Z");
    let end = |place: &'static str, proofs: Proofs| {
        let ended = ended.clone();
        rooted(proofs, move |root| root.pointer_mut(place).unwrap()["end"] = ended)
    };
    vec![
        ("an intermediate that had expired", changed(V1, |it| it.intermediate_valid.1 = SIGNED_AT - 1)),
        ("an intermediate from the future", changed(V1, |it| it.intermediate_valid.0 = SIGNED_AT + 60)),
        ("a root that had expired", changed(V1, |it| it.root_valid.1 = SIGNED_AT - 1)),
        (
            "an intermediate that is no authority",
            changed(V1, |it| {
                it.intermediate_extensions =
                    vec![basic_constraints(false), key_usage(KeyUsages::KeyCertSign)];
            }),
        ),
        (
            "an intermediate that may not sign certificates",
            changed(V1, |it| {
                it.intermediate_extensions =
                    vec![basic_constraints(true), key_usage(KeyUsages::DigitalSignature)];
            }),
        ),
        (
            "another authority of the same name",
            rooted(V1, |root| {
                root["certificateAuthorities"] =
                    Sigstore::default().trusted_root()["certificateAuthorities"].clone();
            }),
        ),
        ("an authority that was no longer trusted", end("/certificateAuthorities/0/validFor", V1)),
        ("a certificate log that was no longer trusted", end("/ctlogs/0/publicKey/validFor", V1)),
        ("a log that was no longer trusted", end("/tlogs/0/publicKey/validFor", V1)),
        ("a tiled log that was no longer trusted", end("/tlogs/1/publicKey/validFor", V2)),
        ("a time-stamp authority that was no longer trusted", end("/timestampAuthorities/0/validFor", V2)),
        ("an unknown certificate log", rooted(V1, |root| root["ctlogs"] = json!([]))),
        ("an unknown log", rooted(V1, |root| root["tlogs"][0] = root["tlogs"][1].clone())),
        ("an unknown tiled log", rooted(V2, |root| root["tlogs"][1] = root["tlogs"][0].clone())),
        ("an unknown time-stamp authority", rooted(V2, |root| root["timestampAuthorities"] = json!([]))),
    ]
}

fn bad_leaves() -> Vec<(&'static str, Made)> {
    let wanted = || uri(IDENTITY);
    vec![
        ("a leaf that is an authority", leaf("2.5.29.19", vec![basic_constraints(true)])),
        ("a leaf without extended key usage", leaf(EXTENDED_KEY_USAGE, vec![])),
        (
            "a leaf for time stamping",
            leaf(EXTENDED_KEY_USAGE, vec![extended_key_usage(false, &[TIME_STAMPING])]),
        ),
        ("a leaf without key usage", leaf(KEY_USAGE, vec![])),
        ("a leaf for key agreement", leaf(KEY_USAGE, vec![key_usage(KeyUsages::KeyAgreement)])),
        ("a leaf for signing certificates", leaf(KEY_USAGE, vec![key_usage(KeyUsages::KeyCertSign)])),
        (
            "a leaf with two extended key usages",
            leaf(
                EXTENDED_KEY_USAGE,
                vec![extended_key_usage(false, &[CODE_SIGNING]), extended_key_usage(false, &[CODE_SIGNING])],
            ),
        ),
        ("a leaf without name", leaf(NAMES, vec![])),
        ("an email, then the wanted name", leaf(NAMES, vec![names(vec![email("a@example.com"), wanted()])])),
        ("the wanted name, then an email", leaf(NAMES, vec![names(vec![wanted(), email("a@example.com")])])),
        ("the wanted name twice", leaf(NAMES, vec![names(vec![wanted(), wanted()])])),
        ("the wanted name as an email", leaf(NAMES, vec![names(vec![email(IDENTITY)])])),
        ("another name", leaf(NAMES, vec![names(vec![uri("https://github.com/acme/app-evil")])])),
        ("another issuer", leaf(ISSUER_ID, vec![claim(8, "https://evil.example")])),
        ("no issuer", leaf(ISSUER_ID, vec![])),
        ("two issuers that differ", changed(V1, |it| it.extensions.push(old_issuer("https://evil.example")))),
        ("a leaf without SCT", changed(V1, |it| it.sct = false)),
        ("a leaf with a foreign SCT", changed(V1, |it| it.foreign_ct = Some(Key::p256()))),
    ]
}

fn bad_times() -> Vec<(&'static str, Made)> {
    let foreign = |bundle: &mut Value| {
        let stamp = Tsa::new(SIGNED_AT).stamp(b"other", SIGNED_AT + 10);
        let stamps = &mut bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"];
        *stamps = json!([{"signedTimestamp": b64(stamp)}]);
    };
    let usage = |replacement| {
        changed(V2, |it| {
            it.tsa.extensions.retain(|it| it.extn_id != oid(EXTENDED_KEY_USAGE));
            it.tsa.extensions.extend(replacement);
        })
    };
    vec![
        ("logged before the leaf was valid", changed(V1, |it| it.logged_at = SIGNED_AT - 1)),
        ("logged after the leaf was valid", changed(V1, |it| it.logged_at = SIGNED_AT + 601)),
        ("stamped before the leaf was valid", changed(V2, |it| it.stamped_at = SIGNED_AT - 1)),
        ("stamped after the leaf was valid", changed(V2, |it| it.stamped_at = SIGNED_AT + 601)),
        ("stamped too late, logged in time", changed(STAMPED, |it| it.stamped_at = SIGNED_AT + 601)),
        ("logged too late, stamped in time", changed(STAMPED, |it| it.logged_at = SIGNED_AT + 601)),
        ("a changed integrated time", edited(V1, |it| entry(it)["integratedTime"] = json!("1735689620"))),
        ("a foreign time stamp", edited(V2, foreign)),
        ("a foreign time stamp beside a good promise", edited(STAMPED, foreign)),
        ("a time stamp over other bytes", {
            let instance = instance(V2);
            let mut bundle = instance.bundle(SIGN, &subject(&artifact()));
            let stamp = b64(instance.stamp(b"other"));
            bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"] =
                json!([{"signedTimestamp": stamp}]);
            made(&instance, &bundle)
        }),
        ("neither promise nor time stamp", edited(V1, |it| remove(entry(it), "inclusionPromise"))),
        (
            "rekor 2 without time stamp",
            edited(V2, |it| {
                remove(&mut it["verificationMaterial"], "timestampVerificationData");
            }),
        ),
        ("a time stamp's certificate without usage", usage(vec![])),
        ("a time stamp's certificate for code", usage(vec![extended_key_usage(true, &[CODE_SIGNING])])),
        ("a time stamp's certificate that had expired", changed(V2, |it| it.tsa.valid.1 = SIGNED_AT - 1)),
        ("a time stamp with a fraction of a second", changed(V2, |it| ".5".clone_into(&mut it.tsa.fraction))),
        ("a time stamp's root that had expired", changed(V2, |it| it.tsa.root_valid.1 = SIGNED_AT - 1)),
    ]
}

fn bad_entries() -> Vec<(&'static str, Made)> {
    let other = |proofs: Proofs| {
        let instance = instance(proofs);
        let mut bundle = instance.bundle(SIGN, &subject(&artifact()));
        let foreign = instance.bundle(SIGN, &subject(&Digest::of(b"other")));
        bundle["verificationMaterial"]["tlogEntries"] =
            foreign["verificationMaterial"]["tlogEntries"].clone();
        made(&instance, &bundle)
    };
    let again = |proofs: Proofs| {
        let instance = instance(proofs);
        let mut bundle = instance.bundle(SIGN, &subject(&artifact()));
        let foreign = instance.bundle(SIGN, &subject(&artifact()));
        bundle["verificationMaterial"]["tlogEntries"] =
            foreign["verificationMaterial"]["tlogEntries"].clone();
        made(&instance, &bundle)
    };
    let repeated = |proofs: Proofs, times: usize| {
        edited(proofs, |it| {
            let entry = entry(it).clone();
            it["verificationMaterial"]["tlogEntries"] = Value::Array(vec![entry; times]);
        })
    };
    vec![
        ("a foreign entry", other(V1)),
        ("a foreign entry of rekor 2", other(V2)),
        ("the entry of another signature over the same", again(V1)),
        ("the entry of another signature over the same, rekor 2", again(V2)),
        ("one entry twice", repeated(V1, 2)),
        ("one entry of rekor 2 twice", repeated(V2, 2)),
        ("33 entries", repeated(V1, 33)),
        ("no entry", edited(V1, |it| it["verificationMaterial"]["tlogEntries"] = json!([]))),
        (
            "no entry, but a time stamp",
            edited(STAMPED, |it| {
                it["verificationMaterial"]["tlogEntries"] = json!([]);
            }),
        ),
        ("no proof", edited(V1, |it| remove(entry(it), "inclusionProof"))),
        ("no proof of rekor 2", edited(V2, |it| remove(entry(it), "inclusionProof"))),
        ("no checkpoint", edited(V1, |it| remove(&mut entry(it)["inclusionProof"], "checkpoint"))),
        ("another log's id, rekor 2", {
            let instance = instance(V2);
            let mut bundle = instance.bundle(SIGN, &subject(&artifact()));
            entry(&mut bundle)["logId"]["keyId"] = json!(b64(instance.log.id()));
            made(&instance, &bundle)
        }),
        ("a time of rekor 2", edited(V2, |it| entry(it)["integratedTime"] = json!("1"))),
        ("another origin, rekor 2", {
            let mut instance = instance(V2);
            let root = instance.trusted_root();
            let key = std::mem::replace(&mut instance.tiled, Log::v2("evil.test")).key;
            instance.tiled.key = key;
            let bundle = instance.bundle(SIGN, &subject(&artifact()));
            Made { root, ..made(&instance, &bundle) }
        }),
        ("a checkpoint by another key", {
            let mut instance = instance(V1);
            let bundle = instance.bundle(SIGN, &subject(&artifact()));
            let root = instance.trusted_root();
            let mut forged = bundle;
            instance.log.key = Key::p256();
            let proof = &mut entry(&mut forged)["inclusionProof"];
            let head: [u8; 32] = unb64(proof["rootHash"].as_str().unwrap()).try_into().unwrap();
            proof["checkpoint"]["envelope"] = json!(instance.log.checkpoint(1, &head));
            Made { root, ..made(&instance, &forged) }
        }),
        ("another root hash", edited(V1, |it| flip(&mut entry(it)["inclusionProof"]["rootHash"]))),
        ("another tree size", edited(V1, |it| entry(it)["inclusionProof"]["treeSize"] = json!("2"))),
        ("another index in the proof", edited(V1, |it| entry(it)["inclusionProof"]["logIndex"] = json!("1"))),
        ("another index in the entry", edited(V1, |it| entry(it)["logIndex"] = json!("1"))),
        ("another index in the entry, rekor 2", edited(V2, |it| entry(it)["logIndex"] = json!("1"))),
        (
            "another index in the entry, and no promise",
            edited_stamped(|it| {
                remove(entry(it), "inclusionPromise");
                remove(entry(it), "integratedTime");
                entry(it)["logIndex"] = json!("1");
            }),
        ),
        (
            "a needless hash in the proof",
            edited(V1, |it| {
                entry(it)["inclusionProof"]["hashes"] = json!([b64([0; 32])]);
            }),
        ),
        ("another body", edited(V1, |it| flip(&mut entry(it)["canonicalizedBody"]))),
        (
            "another promise",
            edited(V1, |it| {
                flip(&mut entry(it)["inclusionPromise"]["signedEntryTimestamp"]);
            }),
        ),
        ("another kind", edited(V1, |it| entry(it)["kindVersion"]["kind"] = json!("hashedrekord"))),
        ("an unknown kind", edited(V1, |it| entry(it)["kindVersion"]["kind"] = json!("rfc3161"))),
    ]
}

/// Entries of other envelopes, and at other places.
fn foreign_entries() -> Vec<(&'static str, Made)> {
    vec![
        ("an entry by the hash of something else", {
            let instance = instance(V1);
            made(&instance, &by_hash(&instance, |_, _| (b"other".to_vec(), instance.leaf.sign(b"other"))))
        }),
        ("an entry by the envelope's hash with another signature", {
            let instance = instance(V1);
            made(&instance, &by_hash(&instance, |message, _| (message.to_vec(), instance.leaf.sign(message))))
        }),
        ("a proof for another tree, and no promise", {
            let instance = instance(STAMPED);
            for at in 0..6_u8 {
                instance.log.append(&json!({"other": at}), SIGNED_AT);
            }
            let mut bundle = instance.bundle(SIGN, &subject(&artifact()));
            let it = entry(&mut bundle);
            remove(it, "inclusionPromise");
            remove(it, "integratedTime");
            it["logIndex"] = json!("5");
            (it["inclusionProof"]["logIndex"], it["inclusionProof"]["treeSize"]) = (json!("5"), json!("6"));
            Made { stamped: true, ..made(&instance, &bundle) }
        }),
    ]
}

fn bad_statements() -> Vec<(&'static str, Made)> {
    let other = |predicate: &str| {
        let instance = instance(V1);
        made(&instance, &instance.bundle(predicate, &subject(&artifact())))
    };
    let copies = |count| json!(vec![json!({"digest": {"sha256": artifact().hex()}}); count]);
    let upper = artifact().hex().to_uppercase();
    let good = |more: &str| {
        let list = subject(&artifact());
        format!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","subject":{list},"predicateType":"{SIGN}","predicate":{{}}{more}}}"#
        )
    };
    vec![
        (
            "an unknown statement type",
            changed(V1, |it| {
                "https://in-toto.io/Statement/v2".clone_into(&mut it.statement_type);
            }),
        ),
        ("another predicate", other("https://slsa.dev/provenance/v1")),
        ("no subject", subjects(&json!([]))),
        ("another subject", subjects(&subject(&Digest::of(b"other")))),
        ("a digest in upper case", subjects(&json!([{"digest": {"sha256": upper}}]))),
        ("the digest under another algorithm", subjects(&json!([{"digest": {"sha512": artifact().hex()}}]))),
        ("1025 subjects", subjects(&copies(1025))),
        ("40000 subjects", subjects(&copies(40_000))),
        ("no statement", payload(b"artifact")),
        ("an empty payload", payload(b"")),
        ("a list for a statement", payload(b"[]")),
        ("a statement with a second predicate type", payload(good(r#","predicateType":"x""#).as_bytes())),
        ("two statements", payload(format!("{}{}", good(""), good("")).as_bytes())),
    ]
}

fn bad_bundles() -> Vec<(&'static str, Made)> {
    let twice = |name: &str| {
        let mut made = edited(V1, |_| ());
        let text = String::from_utf8(made.bundle).unwrap();
        let key = format!("\"{name}\":");
        made.bundle = text.replacen(&key, &format!("{key}null,{key}"), 1).into_bytes();
        made
    };
    let followed = |more: &[u8]| {
        let mut made = edited(V1, |_| ());
        made.bundle.extend_from_slice(more);
        made
    };
    let dsse = |change: fn(&mut Value)| edited(V1, |it| change(&mut it["dsseEnvelope"]));
    vec![
        ("33 time stamps", stamps(33)),
        ("2000 time stamps", stamps(2000)),
        ("two signatures", dsse(|it| it["signatures"] = json!([it["signatures"][0], it["signatures"][0]]))),
        ("no signature", dsse(|it| it["signatures"] = json!([]))),
        ("another signature", dsse(|it| flip(&mut it["signatures"][0]["sig"]))),
        ("another payload", dsse(|it| flip(&mut it["payload"]))),
        ("another payload type", dsse(|it| it["payloadType"] = json!(format!("{IN_TOTO}x")))),
        (
            "another certificate",
            edited(V1, |it| {
                flip(&mut it["verificationMaterial"]["certificate"]["rawBytes"]);
            }),
        ),
        (
            "no certificate",
            edited(V1, |it| {
                remove(&mut it["verificationMaterial"], "certificate");
            }),
        ),
        (
            "a key's hint for a certificate",
            edited(V1, |it| {
                remove(&mut it["verificationMaterial"], "certificate");
                it["verificationMaterial"]["publicKey"] = json!({"hint": "x"});
            }),
        ),
        (
            "a certificate and a key",
            edited(V1, |it| {
                it["verificationMaterial"]["publicKey"] = json!({"hint": "x"});
            }),
        ),
        ("an unknown field", edited(V1, |it| entry(it)["extra"] = json!(1))),
        ("an unknown field at the top", edited(V1, |it| it["extra"] = json!(1))),
        (
            "an unknown version",
            edited(V1, |it| {
                it["mediaType"] = json!("application/vnd.dev.sigstore.bundle.v0.4+json");
            }),
        ),
        ("a repeated key", twice("mediaType")),
        ("a repeated key further down", twice("logIndex")),
        ("more after the bundle", followed(b"{}")),
        ("a list in place of the bundle", Made { bundle: b"[]".to_vec(), ..edited(V1, |_| ()) }),
        ("nothing in place of the bundle", Made { bundle: Vec::new(), ..edited(V1, |_| ()) }),
        (
            "a bundle that is too deep",
            Made { bundle: [b"[".repeat(20_000), b"]".repeat(20_000)].concat(), ..edited(V1, |_| ()) },
        ),
    ]
}
