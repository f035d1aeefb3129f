//! Where signatures are found, and what hostile or broken sources can do about it.

use std::fs;
use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use perry_sandbox_image::{Descriptor, Layout, Memory, RawManifest, ReadError, Source, media_type};
use perry_sandbox_policy::{LogRule, PredicateRule, ProvenanceRule, SignerIdentity};
use perry_sandbox_reference::{Digest, Repository};
use perry_sandbox_verifier::{Clock, Code, DenialClass, verify};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::kit::{
    INDEX, acme, attach, bare, bundle_of, check, clock, data, denied, image, key, layout, require, signer_of,
    simple_manifest, simple_of, text, with_simple,
};
use crate::pki::{Pki, SIGN, subject};

fn index() -> Digest {
    INDEX.parse().unwrap()
}

#[test]
fn nothing_found_says_so() {
    let denial = check(&bare("cosign3-kl3v1"), &require(vec![acme()])).unwrap_err();
    assert_eq!(denial.class, DenialClass::NotVerified);
    let codes: Vec<_> = denial.findings().map(|it| it.code).collect();
    assert_eq!(codes, [Code::FindNone, Code::QuorumUnmet], "{denial}");
}

#[test]
fn oci_1_1_simple_signing_is_found() {
    let (payload, annotations) = simple_of("cosign2-key2");
    let mut source = bare("cosign2-key2");
    simple_manifest(&mut source, &[(&payload, &annotations)], Some(&index()));
    assert!(check(&source, &require(vec![signer_of("cosign2-key2")])).is_ok());
}

#[test]
fn a_referrer_about_another_image_does_not_count() {
    let mut source = bare("cosign3-kl3v1");
    let stray = attach(&mut source, &bundle_of("cosign3-kl3v1"), &Digest::of(b"other"));
    source.set_tag(&format!("{}.sig", INDEX.replace(':', "-")), stray);
    denied(check(&source, &require(vec![acme()])), Code::FindOtherSubject);
}

#[test]
fn a_signature_over_the_child_alone_is_enough_for_that_child() {
    let pki = Pki::new();
    let mut source = bare("cosign3-kl3v1");
    let child = image(&source).manifest_digest().clone();
    attach(&mut source, &pki.bundle(SIGN, &subject(&child)), &child);
    let verified = check(&source, &require(vec![pki.signer()])).unwrap();
    assert_eq!(verified.evidence().signatures[0].signed, child);
}

#[test]
fn a_signature_over_another_index_with_the_same_child_is_refused() {
    let pki = Pki::new();
    let mut source = bare("cosign3-kl3v1");
    let mut other: Value = serde_json::from_slice(image(&source).top_bytes()).unwrap();
    other["annotations"] = json!({"other": "index"});
    let other = source.add_manifest(other.to_string(), media_type::OCI_INDEX);
    let referrer = attach(&mut source, &pki.bundle(SIGN, &subject(&other)), &index());
    assert_ne!(referrer, other);
    denied(check(&source, &require(vec![pki.signer()])), Code::BindSubject);
}

/// A layout that may be changed.
fn copied(name: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    let from = data(&format!("signed/{name}"));
    fs::create_dir_all(folder.path().join("blobs/sha256")).unwrap();
    for entry in fs::read_dir(from.join("blobs/sha256")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), folder.path().join("blobs/sha256").join(entry.file_name())).unwrap();
    }
    for file in ["oci-layout", "index.json"] {
        fs::copy(from.join(file), folder.path().join(file)).unwrap();
    }
    folder
}

/// What `cosign save` writes: entries told apart by `kind`, without names.
#[test]
fn cosign_saves_kind_annotations_are_found() {
    let folder = copied("cosign2-kl2ts");
    let mut list: Value =
        serde_json::from_slice(&fs::read(folder.path().join("index.json")).unwrap()).unwrap();
    for entry in list["manifests"].as_array_mut().unwrap() {
        let name = entry["annotations"]["org.opencontainers.image.ref.name"].as_str().unwrap_or_default();
        let kind = if name == format!("{}.sig", INDEX.replace(':', "-")) { "sigs" } else { "imageIndex" };
        entry["annotations"] = json!({"kind": format!("dev.cosignproject.cosign/{kind}")});
    }
    fs::write(folder.path().join("index.json"), list.to_string()).unwrap();
    let source = Layout::open(folder.path()).unwrap();
    assert!(check(&source, &require(vec![acme()])).is_ok());
}

#[test]
fn order_does_not_matter_and_bad_candidates_do_not_spoil_a_good_one() {
    let (payload, annotations) = simple_of("cosign2-key2");
    let mut foreign = annotations.clone();
    foreign["dev.cosignproject.cosign/signature"] = json!("AAAA");
    let empty = json!({});
    let good = (payload.as_slice(), &annotations);
    let orders = [
        [good, (payload.as_slice(), &foreign), (payload.as_slice(), &empty)],
        [(payload.as_slice(), &empty), (payload.as_slice(), &foreign), good],
    ];
    let evidence = orders.map(|layers| {
        let mut source = bare("cosign2-key2");
        let manifest = simple_manifest(&mut source, &layers, None);
        source.set_tag(&format!("{}.sig", INDEX.replace(':', "-")), manifest);
        check(&source, &require(vec![signer_of("cosign2-key2")])).unwrap().evidence().clone()
    });
    assert_eq!(evidence[0], evidence[1]);
}

#[test]
fn issue_4668_signature_and_attestation_must_both_be_there() {
    const SLSA: &str = "https://slsa.dev/provenance/v1";
    let (pki, other) = (Pki::new(), Pki::new());
    let mut requirement = require(vec![pki.signer()]);
    requirement.provenance = Some(ProvenanceRule {
        predicate: SLSA.to_owned(),
        by: vec![pki.signer()],
        says: PredicateRule::default(),
    });
    let mut source = bare("cosign3-kl3v1");
    attach(&mut source, &pki.bundle(SLSA, &subject(&index())), &index());
    denied(check(&source, &requirement), Code::QuorumUnmet);
    let attested = source.clone();
    attach(&mut source, &pki.bundle(SIGN, &subject(&index())), &index());
    let verified = check(&source, &requirement).unwrap();
    assert!(verified.evidence().provenance.is_some());
    assert_eq!(verified.evidence().signatures.len(), 1);
    // Another predicate, or the right one by somebody else, does not do.
    for (instance, predicate) in [(&pki, "https://slsa.dev/provenance/v0.2"), (&other, SLSA)] {
        let mut source = bare("cosign3-kl3v1");
        attach(&mut source, &pki.bundle(SIGN, &subject(&index())), &index());
        attach(&mut source, &instance.bundle(predicate, &subject(&index())), &index());
        denied(check(&source, &requirement), Code::ProvenanceMissing);
    }
    denied(check(&attested, &require(vec![pki.signer()])), Code::FindOnlyAttestations);
}

#[test]
fn one_signer_who_signed_twice_counts_once() {
    let pki = Pki::new();
    let mut source = bare("cosign3-kl3v1");
    // Two signatures by one signer: ECDSA signs the same content in another way each time.
    for _ in 0..2 {
        attach(&mut source, &pki.bundle(SIGN, &subject(&index())), &index());
    }
    let mut requirement = require(vec![pki.signer(), signer_of("cosign3-key3")]);
    requirement.at_least = 2.try_into().unwrap();
    let denial = check(&source, &requirement).unwrap_err();
    assert_eq!(denial.candidates.len(), 2, "{denial}");
    denied(Err(denial), Code::QuorumUnmet);
    attach(&mut source, &bundle_of("cosign3-key3"), &index());
    assert_eq!(check(&source, &requirement).unwrap().evidence().signers().len(), 2);
}

/// A source that misbehaves in one way.
#[derive(Debug, Default)]
struct Evil {
    inner: Memory,
    /// Fails for tags.
    no_tags: bool,
    /// Fails for referrers.
    no_referrers: bool,
    /// Names this many referrers that are not there.
    junk: usize,
    /// Hands over this instead of any manifest but the image's own.
    lie: Option<Vec<u8>>,
    asked: AtomicUsize,
}

fn broken() -> ReadError {
    ReadError::Transport { registry: "r".into(), what: "w".into(), reason: "connection refused".into() }
}

impl Source for Evil {
    fn tag(&self, tag: &str) -> Result<Option<Digest>, ReadError> {
        if self.no_tags { Err(broken()) } else { self.inner.tag(tag) }
    }

    fn manifest(&self, digest: &Digest) -> Result<Option<RawManifest>, ReadError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let raw = self.inner.manifest(digest)?;
        Ok(match (&self.lie, raw) {
            (Some(lie), Some(raw)) if raw.bytes.windows(9).any(|it| it == b"\"subject\"") => {
                Some(RawManifest { bytes: lie.clone(), ..raw })
            }
            (_, raw) => raw,
        })
    }

    fn blob(
        &self,
        digest: &Digest,
        size: Option<u64>,
        cap: u64,
    ) -> Result<Box<dyn Read + Send + '_>, ReadError> {
        self.inner.blob(digest, size, cap)
    }

    fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, ReadError> {
        if self.no_referrers {
            return Err(broken());
        }
        let junk = |at: usize| Descriptor::new(media_type::OCI_MANIFEST, Digest::of(&at.to_le_bytes()), 10);
        Ok(self.inner.referrers(subject)?.into_iter().chain((0..self.junk).map(junk)).collect())
    }

    fn repository(&self) -> Option<&Repository> {
        None
    }

    fn describe(&self) -> String {
        "an evil source".to_owned()
    }
}

fn signed() -> Memory {
    let mut source = bare("cosign3-kl3v1");
    attach(&mut source, &bundle_of("cosign3-kl3v1"), &index());
    source
}

#[test]
fn a_place_that_fails_is_a_failure_only_if_nothing_else_suffices() {
    let requirement = require(vec![acme()]);
    let source = Evil { inner: signed(), no_tags: true, ..Evil::default() };
    assert!(check(&source, &requirement).is_ok());
    for source in [
        Evil { inner: signed(), no_referrers: true, ..Evil::default() },
        Evil { inner: bare("cosign3-kl3v1"), no_tags: true, no_referrers: true, ..Evil::default() },
    ] {
        let denial = check(&source, &requirement).unwrap_err();
        assert_eq!(denial.class, DenialClass::Failure, "{denial}");
        assert!(denial.findings().any(|it| it.code == Code::FindUnreadable && it.failure));
    }
}

#[test]
fn cve_2023_46737_endless_referrers_are_not_followed() {
    let source = Evil { inner: signed(), junk: 5_000, ..Evil::default() };
    let resolved = image(&source);
    let before = source.asked.load(Ordering::Relaxed);
    let outcome = verify(&source, &resolved, &require(vec![acme()]), clock());
    assert!(outcome.is_ok(), "the real one was named first");
    assert!(source.asked.load(Ordering::Relaxed) - before <= 256);
}

#[test]
fn cve_2023_33957_more_than_64_candidates_are_not_examined() {
    let (payload, annotations) = simple_of("cosign2-key2");
    let mut source = bare("cosign2-key2");
    let layers = vec![(payload.as_slice(), &annotations); 100];
    let manifest = simple_manifest(&mut source, &layers, None);
    source.set_tag(&format!("{}.sig", INDEX.replace(':', "-")), manifest);
    denied(check(&source, &require(vec![key("x", text("signed/keys/ed.pub"), None)])), Code::FindTooMany);
    let denial = check(&source, &require(vec![acme()])).unwrap_err();
    assert_eq!(denial.candidates.len(), 64);
}

#[test]
fn cve_2022_47633_another_manifest_than_the_digest_names_is_refused() {
    // What is handed over instead would do, if its digest were the one that was asked for.
    let good = signed();
    let referrer = good.referrers(&index()).unwrap().remove(0).digest;
    let lie = good.manifest(&referrer).unwrap().unwrap().bytes;
    let mut inner = bare("cosign3-kl3v1");
    inner.add(bundle_of("cosign3-kl3v1").to_string().into_bytes());
    attach(&mut inner, &json!({"junk": true}), &index());
    let evil = Evil { inner, lie: Some(lie), ..Evil::default() };
    denied(check(&evil, &require(vec![acme()])), Code::FindRefused);
}

#[test]
fn cve_2024_29902_a_signature_that_claims_gigabytes_is_not_read() {
    let mut source = bare("cosign2-key2");
    let (payload, annotations) = simple_of("cosign2-key2");
    let digest = source.add(payload);
    let kind = "application/vnd.dev.cosign.simplesigning.v1+json";
    let config = source.add(b"{}".to_vec());
    let manifest = json!({
        "schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST,
        "config": {"mediaType": media_type::EMPTY, "digest": config.as_str(), "size": 2},
        "layers": [{"mediaType": kind, "digest": digest.as_str(), "size": 4_u64 << 30, "annotations": annotations}],
    });
    let manifest = source.add_manifest(manifest.to_string(), media_type::OCI_MANIFEST);
    source.set_tag(&format!("{}.sig", INDEX.replace(':', "-")), manifest);
    denied(check(&source, &require(vec![signer_of("cosign2-key2")])), Code::ParseLimit);
}

#[test]
fn cve_2024_29903_no_more_than_16_mebibytes_are_read() {
    let mut source = bare("cosign3-kl3v1");
    for at in 0..6_u8 {
        let mut filler = vec![b' '; 3 << 20];
        filler[0] = b'0' + at;
        crate::kit::attach_bytes(&mut source, &filler, &index());
    }
    denied(check(&source, &require(vec![acme()])), Code::FindTooLarge);
}

#[test]
fn a_deadline_that_has_passed_is_a_failure() {
    let source = signed();
    let late = Clock { deadline: Some(Instant::now()), ..clock() };
    let denial = verify(&source, &image(&source), &require(vec![acme()]), late).unwrap_err();
    assert_eq!(denial.class, DenialClass::Failure);
    assert!(denial.findings().any(|it| it.code == Code::FindTimeRanOut), "{denial}");
}

#[test]
fn a_signer_that_cannot_be_read_is_named_and_nothing_is_fetched() {
    let source = Evil { inner: signed(), ..Evil::default() };
    let resolved = image(&source);
    let before = source.asked.load(Ordering::Relaxed);
    let mut bad = acme();
    if let SignerIdentity::Keyless { root, .. } = &mut bad.identity {
        *root = crate::kit::root_of("{".to_owned());
    }
    let denial = verify(&source, &resolved, &require(vec![bad]), clock()).unwrap_err();
    assert_eq!(denial.reasons[0].signer.as_ref().map(ToString::to_string), Some("acme".to_owned()));
    assert_eq!(source.asked.load(Ordering::Relaxed), before);
}

#[test]
fn a_key_with_a_root_has_its_entry_checked() {
    // The certificate's key is a key like any other: its legacy signature has an entry, for the certificate.
    let (payload, annotations) = simple_of("cosign2-kl2ts");
    let source = with_simple("cosign2-kl2ts", &payload, &annotations);
    let mut requirement = require(vec![key("x", leaf_key(&annotations), None)]);
    let verified = check(&source, &requirement).unwrap();
    assert!(
        verified.evidence().not_checked.iter().any(|it| it.contains("no trust root")),
        "{:?}",
        verified.evidence()
    );
    requirement.signers = vec![key("x", leaf_key(&annotations), Some(crate::kit::root()))];
    requirement.log = LogRule::Required;
    denied(check(&source, &requirement), Code::LogBody);
}

fn leaf_key(annotations: &Value) -> String {
    let pem = annotations["dev.sigstore.cosign/certificate"].as_str().unwrap();
    let der = sigstore_verify::types::DerCertificate::from_pem(pem).unwrap();
    sigstore_verify::crypto::parse_certificate_info(&der).unwrap().public_key.to_pem()
}

#[test]
fn cosign_4937_a_bundle_that_no_entry_lists_is_found_where_that_is_asked_for() {
    let folder = copied("cosign3-key3");
    let path = folder.path().join("index.json");
    let mut entries: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let list = entries["manifests"].as_array_mut().unwrap();
    list.retain(|entry| entry["digest"] == INDEX);
    assert_eq!(list.len(), 1);
    fs::write(&path, entries.to_string()).unwrap();
    let requirement = require(vec![signer_of("cosign3-key3")]);
    let layout = || Layout::open(folder.path()).unwrap();
    denied(check(&layout(), &requirement), Code::FindNone);
    check(&layout().scanning_blobs(), &requirement).unwrap();
    // A blob that is not what its name says is a fault, not something to pass over.
    let odd = folder.path().join("blobs/sha256").join("0".repeat(64));
    fs::write(odd, "{}").unwrap();
    denied(check(&layout().scanning_blobs(), &requirement), Code::FindRefused);
}

#[test]
fn a_layouts_fallback_artifact_type_is_not_trusted() {
    // The fixtures' index.json says `application/vnd.oci.empty.v1+json`, as cosign 3.1.1's fallback index does.
    let list = fs::read_to_string(data("signed/cosign3-kl3v1/index.json")).unwrap();
    assert!(list.contains("\"artifactType\":\"application/vnd.oci.empty.v1+json\""));
    assert!(check(&layout("cosign3-kl3v1"), &require(vec![acme()])).is_ok());
}
