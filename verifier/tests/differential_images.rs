//! Images in a registry, with signatures of both kinds, judged by us and by `cosign verify`: simple signatures by
//! cosign 2, bundles by cosign 3.

use perry_sandbox_policy::{Expression, RepositoryRule, SubjectPattern};
use perry_sandbox_reference::Digest;
use perry_sandbox_testkit::layout::Content;
use perry_sandbox_testkit::registry::{Options, TestRegistry};
use perry_sandbox_testkit::sigstore::{
    Cosign, ENVELOPE_LAYER, Found, Proofs, SIMPLE_LAYER, Sigstore, attach_bundle, attach_layers, b64,
    fallback_index, old_issuer, simple_payload, unb64,
};
use serde_json::{Value, json};

use crate::differential_kit::{Difference, Said, Want, compare, in_parallel};
use crate::keyless_kit::{PATH, client, cosign, judge, sample};
use crate::kit::{keyless, require, root_of};
use crate::pki::{IDENTITY, ISSUER, SIGN, SIGNED_AT, subject};

const SLSA: &str = "https://slsa.dev/provenance/v1";
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
const ENTRY: &str = "dev.sigstore.cosign/bundle";
const STAMP: &str = "dev.sigstore.cosign/rfc3161timestamp";

/// Cases in which cosign 2.5.0 or 3.1.1 accepts what must be refused, or refuses what may be accepted.
const DIFFERENCES: &[Difference] = &[
    (
        "a simple signature from another repository",
        "cosign does not read the repository that was signed: a signature could be copied to any other",
    ),
    ("another type of payload", "cosign does not read the payload's type: the signer meant something else"),
    (
        "a payload with more in its critical part",
        "cosign drops what it does not know, although it is critical",
    ),
    ("a payload that says two things", "cosign takes the last of two equal keys: others take the first"),
    ("oci 1.1 simple signing", "cosign writes this form and does not find it"),
    ("a signature of the child only", CHILD),
    ("a bundle about the child only", CHILD),
    ("a bundle about the child, attached to the index", CHILD),
    ("an attestation alone", "cosign 3 takes any statement of the name for a signature"),
    ("a pattern for part of the name", "cosign looks for the pattern anywhere in the name"),
];
const CHILD: &str = "cosign looks at the index alone; what runs is the child, and the child is signed";

/// An instance and a repository under work.
struct Scene {
    instance: Sigstore,
    content: Content,
    digest: Digest,
    /// The repository's name, which simple signatures contain.
    place: String,
}

struct Case {
    name: &'static str,
    want: Want,
    /// Which cosign judges it.
    version: u32,
    /// The name asked for; a pattern if it starts with `^`.
    identity: &'static str,
    make: fn(&mut Scene),
}

impl Scene {
    fn new(registry: &TestRegistry) -> Self {
        let mut instance = Sigstore::default();
        instance.extensions.push(old_issuer(ISSUER));
        let (content, digest) = sample();
        Self { instance, content, digest, place: format!("{}/{PATH}", registry.host()) }
    }

    fn simple(&self) -> (Vec<u8>, Value) {
        self.instance.simple(&self.place, &self.digest)
    }

    fn attach(&mut self, layers: &[(Vec<u8>, Value)]) {
        let layers: Vec<_> = layers.iter().map(|(bytes, notes)| (SIMPLE_LAYER, &bytes[..], notes)).collect();
        attach_layers(&mut self.content, &layers, Found::ByTag(&self.digest, "sig"));
    }

    /// One simple signature, changed.
    fn changed(&mut self, change: impl FnOnce(&mut Vec<u8>, &mut Value)) {
        let (mut payload, mut annotations) = self.simple();
        change(&mut payload, &mut annotations);
        self.attach(&[(payload, annotations)]);
    }

    /// A simple signature over any payload.
    fn over(&mut self, payload: &[u8]) {
        let annotations = self.instance.simple_over(payload);
        self.attach(&[(payload.to_vec(), annotations)]);
    }

    fn bundle(&mut self, bundle: &Value) {
        attach_bundle(&mut self.content, bundle.to_string().as_bytes(), &self.digest);
    }

    /// The first image below the index.
    fn child(&self) -> Digest {
        let index: Value = serde_json::from_slice(&self.content.blobs[&self.digest]).unwrap();
        index["manifests"][0]["digest"].as_str().unwrap().parse().unwrap()
    }
}

/// A change to the log entry beside a simple signature.
fn entry(annotations: &mut Value, change: impl FnOnce(&mut Value)) {
    let mut entry: Value = serde_json::from_str(annotations[ENTRY].as_str().unwrap()).unwrap();
    change(&mut entry);
    annotations[ENTRY] = json!(entry.to_string());
}

fn payload_with(scene: &Scene, change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut payload = serde_json::from_slice(&simple_payload(&scene.place, &scene.digest)).unwrap();
    change(&mut payload);
    payload.to_string().into_bytes()
}

type Make = fn(&mut Scene);

fn simple_cases() -> Vec<(&'static str, Want, Make)> {
    use Want::{Accept, Refuse};
    vec![
        ("a simple signature", Accept, |it| it.changed(|_, _| ())),
        ("a simple signature with a time stamp", Accept, |it| {
            it.instance.proofs = Proofs::V1Stamped;
            it.changed(|_, _| ());
        }),
        ("a bad signature beside a good one", Accept, |it| {
            let (good, mut bad) = (it.simple(), it.simple());
            bad.1[SIGNATURE] = json!(b64([0; 70]));
            it.attach(&[bad, good]);
        }),
        ("annotations of the signer's own", Accept, |it| {
            let payload = payload_with(it, |it| it["optional"] = json!({"built-by": "me"}));
            it.over(&payload);
        }),
        ("no signature at all", Refuse, |_| ()),
        ("a manifest without signatures", Refuse, |it| it.attach(&[])),
    ]
}

fn payload_cases() -> Vec<(&'static str, Want, Make)> {
    use Want::Refuse;
    vec![
        ("a simple signature of another image", Refuse, |it| {
            let payload = simple_payload(&it.place, &Digest::of(b"other"));
            it.over(&payload);
        }),
        ("a simple signature from another repository", Refuse, |it| {
            let payload = simple_payload("127.0.0.1:1/other/app", &it.digest);
            it.over(&payload);
        }),
        ("another type of payload", Refuse, |it| {
            let payload = payload_with(it, |it| it["critical"]["type"] = json!("atomic container signature"));
            it.over(&payload);
        }),
        ("a payload with more in its critical part", Refuse, |it| {
            let payload = payload_with(it, |it| it["critical"]["more"] = json!(1));
            it.over(&payload);
        }),
        ("a payload with the digest in upper case", Refuse, |it| {
            let digest = format!("sha256:{}", it.digest.hex().to_uppercase());
            let payload =
                payload_with(it, |it| it["critical"]["image"]["docker-manifest-digest"] = json!(digest));
            it.over(&payload);
        }),
        ("a payload that says two things", Refuse, |it| {
            let other = format!(r#""docker-manifest-digest":"{}","#, Digest::of(b"other"));
            let payload = String::from_utf8(simple_payload(&it.place, &it.digest)).unwrap();
            let member = r#""docker-manifest-digest""#;
            let payload = payload.replacen(member, &format!("{other}{member}"), 1);
            it.over(payload.as_bytes());
        }),
        ("a payload with more after it", Refuse, |it| {
            let payload = [simple_payload(&it.place, &it.digest), b"{}".to_vec()].concat();
            it.over(&payload);
        }),
        ("a payload that was changed", Refuse, |it| it.changed(|payload, _| payload.push(b' '))),
        ("a signature that was changed", Refuse, |it| {
            it.changed(|_, annotations| {
                let mut bytes = unb64(annotations[SIGNATURE].as_str().unwrap());
                *bytes.last_mut().unwrap() ^= 1;
                annotations[SIGNATURE] = json!(b64(bytes));
            });
        }),
    ]
}

fn proof_cases() -> Vec<(&'static str, Want, Make)> {
    use Want::Refuse;
    vec![
        ("cve-2022-23649: the log entry of another signature", Refuse, |it| {
            let other = it.instance.simple(&it.place, &Digest::of(b"other")).1[ENTRY].clone();
            it.changed(|_, annotations| annotations[ENTRY] = other);
        }),
        ("no log entry", Refuse, |it| {
            it.changed(|_, annotations| {
                annotations.as_object_mut().unwrap().remove(ENTRY);
            });
        }),
        ("a changed time in the log entry", Refuse, |it| {
            it.changed(|_, notes| entry(notes, |it| it["Payload"]["integratedTime"] = json!(SIGNED_AT + 20)));
        }),
        ("a changed index in the log entry", Refuse, |it| {
            it.changed(|_, notes| entry(notes, |it| it["Payload"]["logIndex"] = json!(7)));
        }),
        ("another log's id in the log entry", Refuse, |it| {
            it.changed(|_, notes| entry(notes, |it| it["Payload"]["logID"] = json!("00".repeat(32))));
        }),
        ("another log's promise", Refuse, |it| {
            let other = Sigstore::default().simple(&it.place, &it.digest).1;
            let other: Value = serde_json::from_str(other[ENTRY].as_str().unwrap()).unwrap();
            it.changed(|_, notes| {
                entry(notes, |it| it["SignedEntryTimestamp"] = other["SignedEntryTimestamp"].clone());
            });
        }),
        ("logged after the certificate", Refuse, |it| {
            it.instance.logged_at = SIGNED_AT + 601;
            it.changed(|_, _| ());
        }),
        ("stamped after the certificate", Refuse, |it| {
            it.instance.proofs = Proofs::V1Stamped;
            it.instance.stamped_at = SIGNED_AT + 601;
            it.changed(|_, _| ());
        }),
        ("a time stamp of another signature", Refuse, |it| {
            it.instance.proofs = Proofs::V1Stamped;
            let other = it.simple().1[STAMP].clone();
            it.changed(|_, annotations| annotations[STAMP] = other);
        }),
        ("no certificate", Refuse, |it| {
            it.changed(|_, annotations| {
                annotations.as_object_mut().unwrap().remove("dev.sigstore.cosign/certificate");
            });
        }),
        ("another authority", Refuse, |it| {
            let mut other = Sigstore::default();
            other.extensions.push(old_issuer(ISSUER));
            std::mem::swap(&mut other.root, &mut it.instance.root);
            std::mem::swap(&mut other.intermediate, &mut it.instance.intermediate);
            it.changed(|_, _| ());
            std::mem::swap(&mut other.root, &mut it.instance.root);
            std::mem::swap(&mut other.intermediate, &mut it.instance.intermediate);
        }),
        ("a certificate without SCT", Refuse, |it| {
            it.instance.sct = false;
            it.changed(|_, _| ());
        }),
        ("an expired intermediate", Refuse, |it| {
            it.instance.intermediate_valid.1 = SIGNED_AT - 1;
            it.changed(|_, _| ());
        }),
    ]
}

fn place_cases() -> Vec<(&'static str, Want, Make)> {
    use Want::{Accept, Refuse};
    vec![
        ("an attestation by cosign 2 alone", Refuse, |it| {
            let (envelope, annotations) = it.instance.legacy_attestation(SLSA, &subject(&it.digest));
            let layers = [(ENVELOPE_LAYER, envelope.as_bytes(), &annotations)];
            attach_layers(&mut it.content, &layers, Found::ByTag(&it.digest, "att"));
        }),
        ("an attestation in a signature's place", Refuse, |it| {
            let (envelope, annotations) = it.instance.legacy_attestation(SLSA, &subject(&it.digest));
            let layers = [(ENVELOPE_LAYER, envelope.as_bytes(), &annotations)];
            attach_layers(&mut it.content, &layers, Found::ByTag(&it.digest, "sig"));
        }),
        ("oci 1.1 simple signing", Accept, |it| {
            let (payload, annotations) = it.simple();
            let layers = [(SIMPLE_LAYER, payload.as_slice(), &annotations)];
            attach_layers(&mut it.content, &layers, Found::BySubject(&it.digest));
        }),
        ("a signature of the child only", Accept, |it| {
            let child = it.child();
            let (payload, annotations) = it.instance.simple(&it.place, &child);
            let layers = [(SIMPLE_LAYER, payload.as_slice(), &annotations)];
            attach_layers(&mut it.content, &layers, Found::ByTag(&child, "sig"));
        }),
    ]
}

fn bundle_cases() -> Vec<(&'static str, Want, Make)> {
    use Want::{Accept, Refuse};
    vec![
        ("a bundle", Accept, |it| {
            let bundle = it.instance.image_signature(&it.digest);
            it.bundle(&bundle);
        }),
        ("a bundle with rekor 2", Accept, |it| {
            it.instance.proofs = Proofs::V2;
            let bundle = it.instance.image_signature(&it.digest);
            it.bundle(&bundle);
        }),
        ("a bad bundle beside a good one", Accept, |it| {
            let bundle = it.instance.image_signature(&it.digest);
            it.bundle(&json!({"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json"}));
            it.bundle(&bundle);
        }),
        ("no bundle", Refuse, |_| ()),
        ("a bundle about another image", Refuse, |it| {
            let bundle = it.instance.image_signature(&Digest::of(b"other"));
            it.bundle(&bundle);
        }),
        ("an attestation alone", Refuse, |it| {
            let bundle = it.instance.bundle(SLSA, &subject(&it.digest));
            it.bundle(&bundle);
        }),
        ("a bundle by another instance", Refuse, |it| {
            let bundle = Sigstore::default().image_signature(&it.digest);
            it.bundle(&bundle);
        }),
        ("a bundle whose payload is no statement", Refuse, |it| {
            let bundle = it.instance.bundle_over(b"not a statement");
            it.bundle(&bundle);
        }),
        ("cve-2026-22703: a bundle with a foreign log entry", Refuse, |it| {
            let mut bundle = it.instance.image_signature(&it.digest);
            let other = it.instance.image_signature(&Digest::of(b"other"));
            bundle["verificationMaterial"]["tlogEntries"] =
                other["verificationMaterial"]["tlogEntries"].clone();
            it.bundle(&bundle);
        }),
        ("a bundle of a managed key where a name is wanted", Refuse, |it| {
            let bundle = it.instance.key_bundle(&subject(&it.digest));
            it.bundle(&bundle);
        }),
        ("a bundle about the child only", Accept, |it| {
            let child = it.child();
            let bundle = it.instance.bundle(SIGN, &subject(&child));
            attach_bundle(&mut it.content, bundle.to_string().as_bytes(), &child);
        }),
        ("a bundle about the child, attached to the index", Accept, |it| {
            let child = it.child();
            let bundle = it.instance.bundle(SIGN, &subject(&child));
            it.bundle(&bundle);
        }),
    ]
}

/// One good image, asked for by other names than its own.
fn name_cases() -> Vec<Case> {
    let named = |name, want, identity| Case {
        name,
        want,
        version: 3,
        identity,
        make: |it: &mut Scene| {
            let bundle = it.instance.image_signature(&it.digest);
            it.bundle(&bundle);
        },
    };
    vec![
        named("another name", Want::Refuse, "https://github.com/acme/app"),
        named(
            "the name in upper case",
            Want::Refuse,
            "HTTPS://GITHUB.COM/ACME/APP/.GITHUB/WORKFLOWS/RELEASE.YML@REFS/HEADS/MAIN",
        ),
        named("a pattern for the whole name", Want::Accept, "^https://github\\.com/acme/app/.*"),
        named("a pattern for part of the name", Want::Refuse, "^https://github\\.com/acme/ap"),
        named("a pattern for another name", Want::Refuse, "^https://github\\.com/evil/.*"),
    ]
}

fn cases() -> Vec<Case> {
    let case = |version| move |(name, want, make)| Case { name, want, version, identity: IDENTITY, make };
    let simple = [simple_cases(), payload_cases(), proof_cases(), place_cases()];
    let simple = simple.into_iter().flatten().map(case(2));
    simple.chain(bundle_cases().into_iter().map(case(3))).chain(name_cases()).collect()
}

fn pattern(case: &Case) -> bool {
    case.identity.starts_with('^')
}

fn ours(case: &Case, scene: &Scene, registry: &TestRegistry) -> Said {
    let subject = if pattern(case) {
        SubjectPattern::WholeRegexp(Expression::new(case.identity.trim_start_matches('^')).unwrap())
    } else {
        SubjectPattern::Exact(case.identity.to_owned())
    };
    let signer = keyless("acme", ISSUER, subject, root_of(scene.instance.trusted_root().to_string()));
    let mut requirement = require(vec![signer]);
    requirement.repository = RepositoryRule::Exact(registry.repository(PATH));
    match judge(&client(registry), &scene.digest, &requirement) {
        Ok(_) => Said::new(true, String::new()),
        Err(denial) => Said::new(false, denial.to_string()),
    }
}

fn theirs(case: &Case, cosign: &Cosign, scene: &Scene) -> Said {
    cosign.trust(&scene.instance);
    let image = format!("{}@{}", scene.place, scene.digest);
    let (flag, name) = if pattern(case) {
        ("--certificate-identity-regexp", case.identity)
    } else {
        ("--certificate-identity", case.identity)
    };
    let mut args = vec!["verify", "--allow-http-registry", "--offline", flag, name];
    args.extend(["--certificate-oidc-issuer", ISSUER]);
    if case.version == 2 {
        args.extend(["--timestamp-certificate-chain", "tsa.pem"]);
    } else {
        args.extend(["--trusted-root", "trusted_root.json"]);
        if scene.instance.proofs == Proofs::V2 {
            args.push("--use-signed-timestamps");
        }
    }
    args.push(&image);
    let done = cosign.run(&args);
    Said::new(done.ok, done.said)
}

fn staged(case: &Case) -> (TestRegistry, Scene) {
    let registry = TestRegistry::start(Options { referrers: true, ..Options::default() });
    let mut scene = Scene::new(&registry);
    (case.make)(&mut scene);
    registry.load(PATH, &scene.content);
    (registry, scene)
}

#[test]
fn we_and_both_cosigns_agree_about_images_but_for_what_is_listed() {
    if cosign(2).is_none() || cosign(3).is_none() {
        return;
    }
    let cases = cases();
    let said = in_parallel(&cases, |case| {
        let (registry, scene) = staged(case);
        let cosign = cosign(case.version).unwrap();
        (ours(case, &scene, &registry), theirs(case, &cosign, &scene))
    });
    let names: Vec<_> = cases.iter().map(|case| (case.name, case.want)).collect();
    compare(&names, &said, DIFFERENCES);
}

/// Without cosign, what we say ourselves.
#[test]
fn we_judge_every_image_as_we_should() {
    let judged = cases().into_iter().map(|case| {
        let (registry, scene) = staged(&case);
        let said = ours(&case, &scene, &registry);
        (case, said)
    });
    let wrong: Vec<_> = judged
        .filter(|(case, said)| said.verdict != case.want)
        .map(|(case, said)| format!("{}: not {:?}: {}", case.name, case.want, said.words))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_index_in_the_place_of_a_list_of_referrers_is_read_although_its_types_are_wrong() {
    let registry = TestRegistry::start(Options::default());
    let mut scene = Scene::new(&registry);
    let bundle = scene.instance.image_signature(&scene.digest).to_string();
    let referrer = attach_bundle(&mut scene.content, bundle.as_bytes(), &scene.digest);
    fallback_index(&mut scene.content, &scene.digest, &[referrer]);
    registry.load(PATH, &scene.content);
    let case = Case { name: "", want: Want::Accept, version: 3, identity: IDENTITY, make: |_| () };
    let said = ours(&case, &scene, &registry);
    assert_eq!(said.verdict, Want::Accept, "{}", said.words);
    assert!(registry.count("/referrers/") > 0, "the list was asked for first");
}
