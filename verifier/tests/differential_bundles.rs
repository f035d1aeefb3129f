//! Single bundles, judged by us and by `cosign verify-blob-attestation`.

use perry_sandbox_policy::{Requirement, SubjectPattern};
use perry_sandbox_reference::Digest;
use perry_sandbox_testkit::sigstore::{Cosign, Proofs, Sigstore, b64, old_issuer, unb64};
use perry_sandbox_verifier::{Signed, verify_bundle};
use serde_json::{Value, json};

use crate::conformance_rules::by_hash;
use crate::differential_faults::faults;
use crate::differential_kit::{Difference, Said, Want, compare, in_parallel};
use crate::keyless_kit::cosign;
use crate::kit::{clock, keyless, require, root_of};
use crate::pki::{IDENTITY, ISSUER, SIGN, SIGNED_AT, oid, subject};

/// Cases in which cosign 3.1.1 accepts what must be refused, or refuses what may be accepted.
const DIFFERENCES: &[Difference] = &[
    (
        "a tiled log that was no longer trusted",
        "cosign holds a log's window to integrated times only, which Rekor 2 has not",
    ),
    ("a leaf that is an authority", LEAF),
    ("a leaf without extended key usage", LEAF),
    ("a leaf without key usage", LEAF),
    ("a leaf for key agreement", LEAF),
    ("a leaf for signing certificates", LEAF),
    ("an email, then the wanted name", NAMED),
    ("the wanted name, then an email", NAMED),
    ("the wanted name twice", NAMED),
    (
        "the wanted name as an email",
        "cosign compares names without their kind: an email provider could vouch for a workflow",
    ),
    ("stamped too late, logged in time", TIMES),
    ("a foreign time stamp beside a good promise", TIMES),
    (
        "another index in the entry, and no promise",
        "cosign does not look at the index, for which only the promise vouches; ours ends in evidence",
    ),
    (
        "a proof for another tree, and no promise",
        "cosign takes the tree's size from beside the checkpoint: the seventh of seven passes for the sixth of six",
    ),
    (
        "an entry by the envelope's hash",
        "cosign reads none such of the first version; the client specification allows it, and so does the public suite",
    ),
    (
        "a checkpoint that names its log's host alone",
        "cosign computes another root then; `intoto-canonical-log-entry` of the public suite is such a bundle, and valid",
    ),
    (
        "a time stamp with a fraction of a second",
        "ours to give up: the core reads whole seconds, and no public authority sends fractions",
    ),
    ("another kind", KIND),
    ("an unknown kind", KIND),
    (
        "an unknown statement type",
        "cosign does not look at `_type`: the meaning of a later version's fields is not known",
    ),
    ("a digest in upper case", "cosign compares digests without regard to case: one digest, one form"),
];
const LEAF: &str = "cosign does not ask what the leaf may be used for";
const NAMED: &str = "cosign takes any of several names: who signed must be one answer";
const TIMES: &str = "cosign takes the one kind of time that it is told to and drops the other: we want every time there is to fit";
const KIND: &str =
    "cosign reads the kind from the body alone: what the bundle says of the entry must be true";

/// Something to judge: what was signed, and whom to trust.
pub(crate) struct Made {
    pub(crate) bundle: Vec<u8>,
    pub(crate) root: Value,
    /// Whether the time comes from a time stamp, which cosign has to be told.
    pub(crate) stamped: bool,
}

struct Case {
    name: &'static str,
    want: Want,
    made: Made,
}

pub(crate) fn artifact() -> Digest {
    Digest::of(b"artifact")
}

pub(crate) fn made(instance: &Sigstore, bundle: &Value) -> Made {
    Made {
        bundle: bundle.to_string().into_bytes(),
        root: instance.trusted_root(),
        stamped: instance.proofs == Proofs::V2,
    }
}

pub(crate) fn instance(proofs: Proofs) -> Sigstore {
    Sigstore { proofs, ..Sigstore::default() }
}

/// What an instance makes after it was changed.
pub(crate) fn changed(proofs: Proofs, change: impl FnOnce(&mut Sigstore)) -> Made {
    let mut instance = instance(proofs);
    change(&mut instance);
    made(&instance, &instance.bundle(SIGN, &subject(&artifact())))
}

/// A good bundle, changed.
pub(crate) fn edited(proofs: Proofs, change: impl FnOnce(&mut Value)) -> Made {
    let instance = instance(proofs);
    let mut bundle = instance.bundle(SIGN, &subject(&artifact()));
    change(&mut bundle);
    made(&instance, &bundle)
}

/// A good bundle, and a trust root that was changed.
pub(crate) fn rooted(proofs: Proofs, change: impl FnOnce(&mut Value)) -> Made {
    let mut made = edited(proofs, |_| ());
    change(&mut made.root);
    made
}

/// A good bundle whose time is the time stamp's, changed.
pub(crate) fn edited_stamped(change: impl FnOnce(&mut Value)) -> Made {
    Made { stamped: true, ..edited(STAMPED, change) }
}

/// A good bundle with its time stamp repeated.
pub(crate) fn stamps(times: usize) -> Made {
    edited(V2, |it| {
        let list = &mut it["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"];
        *list = Value::Array(vec![list[0].clone(); times]);
    })
}

pub(crate) fn subjects(list: &Value) -> Made {
    let instance = instance(Proofs::V1);
    made(&instance, &instance.bundle(SIGN, list))
}

pub(crate) fn payload(bytes: &[u8]) -> Made {
    let instance = instance(Proofs::V1);
    made(&instance, &instance.bundle_over(bytes))
}

/// A leaf with one extension replaced, or taken out.
pub(crate) fn leaf(id: &str, replacement: Vec<perry_sandbox_testkit::sigstore::Extension>) -> Made {
    changed(Proofs::V1, |instance| {
        instance.extensions.retain(|it| it.extn_id != oid(id));
        instance.extensions.extend(replacement);
    })
}

pub(crate) fn entry(bundle: &mut Value) -> &mut Value {
    &mut bundle["verificationMaterial"]["tlogEntries"][0]
}

pub(crate) fn remove(value: &mut Value, name: &str) {
    value.as_object_mut().unwrap().remove(name);
}

/// One byte in the middle of a base64 field, changed.
pub(crate) fn flip(field: &mut Value) {
    let mut bytes = unb64(field.as_str().unwrap());
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    *field = json!(b64(bytes));
}

pub(crate) const V1: Proofs = Proofs::V1;
pub(crate) const STAMPED: Proofs = Proofs::V1Stamped;
pub(crate) const V2: Proofs = Proofs::V2;

fn good() -> Vec<(&'static str, Made)> {
    let many = json!(vec![json!({"digest": {"sha256": artifact().hex()}}); 1024]);
    let two = json!({"sha512": "00".repeat(64), "sha256": artifact().hex()});
    vec![
        ("rekor 1", edited(V1, |_| ())),
        ("rekor 1 and a time stamp", edited(STAMPED, |_| ())),
        ("rekor 2 and a time stamp", edited(V2, |_| ())),
        ("a log with many entries", {
            let instance = instance(V2);
            for at in 0..21_u8 {
                instance.tiled.append(&json!({"other": at}), SIGNED_AT);
            }
            let bundle = instance.bundle(SIGN, &subject(&artifact()));
            for at in 0..21_u8 {
                instance.tiled.append(&json!({"later": at}), SIGNED_AT);
            }
            made(&instance, &bundle)
        }),
        ("1024 subjects", subjects(&many)),
        ("another subject before ours", {
            let other = json!({"name": "other", "digest": {"sha256": Digest::of(b"other").hex()}});
            subjects(&json!([other, subject(&artifact())[0]]))
        }),
        ("two digests of one subject", subjects(&json!([{"name": "app", "digest": two}]))),
        (
            "a statement of the first version",
            changed(V1, |instance| {
                "https://in-toto.io/Statement/v0.1".clone_into(&mut instance.statement_type);
            }),
        ),
        ("an entry by the envelope's hash", {
            let instance = instance(V1);
            made(&instance, &by_hash(&instance, |message, signature| (message.to_vec(), signature.to_vec())))
        }),
        (
            "a checkpoint that names its log's host alone",
            changed(V1, |instance| "rekor.test".clone_into(&mut instance.log.origin)),
        ),
        ("an entry of the kind intoto", changed(V1, |instance| instance.intoto = true)),
        (
            "both issuer extensions, equal",
            changed(V1, |instance| {
                instance.extensions.push(old_issuer(ISSUER));
            }),
        ),
        ("a time stamp with its certificate", changed(V2, |instance| instance.tsa.embed = true)),
        (
            "a bundle of version 0.2",
            edited(V1, |bundle| {
                bundle["mediaType"] = json!("application/vnd.dev.sigstore.bundle+json;version=0.2");
                let leaf = bundle["verificationMaterial"]["certificate"].take();
                remove(&mut bundle["verificationMaterial"], "certificate");
                bundle["verificationMaterial"]["x509CertificateChain"] = json!({"certificates": [leaf]});
            }),
        ),
        (
            "a time stamp, and a log's proof without promise",
            edited_stamped(|it| {
                remove(entry(it), "inclusionPromise");
                remove(entry(it), "integratedTime");
            }),
        ),
        ("one time stamp twice", stamps(2)),
        ("32 time stamps", stamps(32)),
        // What the checkpoint says counts.
        (
            "other copies in the proof, rekor 2",
            edited(V2, |it| {
                let proof = &mut entry(it)["inclusionProof"];
                (proof["logIndex"], proof["treeSize"]) = (json!("7"), json!("9"));
            }),
        ),
        ("the last moment of the leaf", changed(V1, |instance| instance.logged_at = SIGNED_AT + 600)),
    ]
}

fn cases() -> Vec<Case> {
    let case = |want| move |(name, made)| Case { name, want, made };
    let bad = faults().into_iter().map(case(Want::Refuse));
    good().into_iter().map(case(Want::Accept)).chain(bad).collect()
}

fn ours(made: &Made) -> Said {
    let subject = SubjectPattern::Exact(IDENTITY.to_owned());
    let signer = keyless("acme", ISSUER, subject, root_of(made.root.to_string()));
    let requirement: Requirement = require(vec![signer]);
    match verify_bundle(&made.bundle, Signed::Digest(&artifact()), &requirement, clock()) {
        Ok(evidence) => match evidence.predicate.as_deref() {
            Some(SIGN) => Said::new(true, String::new()),
            other => Said::new(false, format!("the predicate is {other:?}")),
        },
        Err(denial) => Said::new(false, denial.to_string()),
    }
}

fn theirs(cosign: &Cosign, case: &Case) -> Said {
    let stem = case.name.replace(' ', "-");
    let (bundle, root) = (format!("{stem}.json"), format!("{stem}.root.json"));
    cosign.write(&bundle, &case.made.bundle);
    cosign.write(&root, case.made.root.to_string());
    let digest = artifact();
    let mut args = vec!["verify-blob-attestation", "--bundle", &bundle, "--trusted-root", &root];
    args.extend(["--type", SIGN, "--digest", digest.hex(), "--digestAlg", "sha256"]);
    args.extend(["--certificate-identity", IDENTITY, "--certificate-oidc-issuer", ISSUER]);
    if case.made.stamped {
        args.push("--use-signed-timestamps");
    }
    let done = cosign.run(&args);
    Said::new(done.ok, done.said)
}

#[test]
fn we_and_cosign_3_agree_but_for_what_is_listed() {
    let Some(cosign) = cosign(3) else { return };
    let cases = cases();
    let said = in_parallel(&cases, |case| (ours(&case.made), theirs(&cosign, case)));
    let names: Vec<_> = cases.iter().map(|case| (case.name, case.want)).collect();
    compare(&names, &said, DIFFERENCES);
}

/// Without cosign, what we say ourselves.
#[test]
fn we_judge_every_bundle_as_we_should() {
    let wrong: Vec<_> = cases()
        .iter()
        .map(|case| (case.name, case.want, ours(&case.made)))
        .filter(|(_, want, said)| said.verdict != *want)
        .map(|(name, want, said)| format!("{name}: not {want:?}: {}", said.words))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
