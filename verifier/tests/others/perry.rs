//! The seven faults of the verifier in Perry itself: what each would do, and that ours does not.

use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use perry_sandbox_image::{
    Descriptor, ImageName, Memory, RawManifest, ReadError, Source, Wanted, media_type, resolve,
};
use perry_sandbox_policy::{IssuerPattern, Requirement, SignerIdentity, SubjectPattern};
use perry_sandbox_reference::{Digest, Reference, Repository};
use perry_sandbox_testkit::sigstore::{ISSUER, Proofs, Sigstore, leaf_extensions, uri};
use perry_sandbox_verifier::{CacheLimits, Code, DenialClass, Verifier, verify};
use serde_json::json;

use super::instance;
use crate::keyless_kit::holder;
use crate::kit::{INDEX, acme, attach, bare, clock, denied, image, key, layout, require, signer_of, text};

/// A source whose tag moves after the first look, and whose list of referrers can be out of reach.
#[derive(Debug)]
struct Shifty {
    content: Memory,
    tags: [Digest; 2],
    looks: AtomicUsize,
    out_of_reach: AtomicBool,
}

impl Shifty {
    fn new(content: Memory, tags: [Digest; 2]) -> Self {
        Self { content, tags, looks: AtomicUsize::new(0), out_of_reach: AtomicBool::new(false) }
    }
}

impl Source for Shifty {
    fn tag(&self, tag: &str) -> Result<Option<Digest>, ReadError> {
        if tag != "v1" {
            return self.content.tag(tag);
        }
        let look = self.looks.fetch_add(1, Ordering::SeqCst);
        Ok(Some(self.tags[look.min(1)].clone()))
    }

    fn manifest(&self, digest: &Digest) -> Result<Option<RawManifest>, ReadError> {
        self.content.manifest(digest)
    }

    fn blob(
        &self,
        digest: &Digest,
        size: Option<u64>,
        cap: u64,
    ) -> Result<Box<dyn Read + Send + '_>, ReadError> {
        self.content.blob(digest, size, cap)
    }

    fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, ReadError> {
        if self.out_of_reach.load(Ordering::SeqCst) {
            return Err(ReadError::Transport {
                registry: "here".to_owned(),
                what: "referrers".to_owned(),
                reason: "out of reach".to_owned(),
            });
        }
        self.content.referrers(subject)
    }

    fn repository(&self) -> Option<&Repository> {
        None
    }

    fn describe(&self) -> String {
        "a shifty source".to_owned()
    }
}

/// The sample image, signed by an instance.
fn signed(instance: &Sigstore) -> Memory {
    let mut source = bare("cosign3-kl3v1");
    let index: Digest = INDEX.parse().unwrap();
    attach(&mut source, &instance.image_signature(&index), &index);
    source
}

#[test]
fn older_perry_1_a_proof_by_any_key_says_nothing_about_an_identity() {
    let verifier = Verifier::new(CacheLimits::default());
    let source = layout("cosign3-key3");
    let image = image(&source);
    let by_key = require(vec![signer_of("cosign3-key3")]);
    let by_name = require(vec![acme()]);
    let ask = |requirement: &Requirement| verifier.verify(&source, &image, requirement, clock());
    assert!(ask(&by_key).is_ok());
    assert!(ask(&by_name).is_err());
    assert!(ask(&require(vec![key("other", text("signed/keys/ed.pub"), None)])).is_err());
    assert!(ask(&by_key).is_ok() && ask(&by_name).is_err());
}

#[test]
fn older_perry_2_a_failure_is_forgotten_at_once_and_the_memory_is_bounded() {
    let it = instance(Proofs::V1);
    let index: Digest = INDEX.parse().unwrap();
    let source = Shifty::new(signed(&it), [index.clone(), index]);
    let requirement = require(vec![holder(&it)]);
    let limits = CacheLimits { entries: 1, ..CacheLimits::default() };
    let verifier = Verifier::new(limits);
    source.out_of_reach.store(true, Ordering::SeqCst);
    let denial = verifier.verify(&source, &image(&source), &requirement, clock()).unwrap_err();
    assert_eq!(denial.class, DenialClass::Failure, "{denial}");
    source.out_of_reach.store(false, Ordering::SeqCst);
    assert!(verifier.verify(&source, &image(&source), &requirement, clock()).is_ok());
    // A second proof takes the place of the first where there is room for one.
    let other = Requirement { max_age: Some(std::time::Duration::from_secs(1 << 40)), ..requirement.clone() };
    assert!(verifier.verify(&source, &image(&source), &other, clock()).is_ok());
    assert!(verifier.verify(&source, &image(&source), &requirement, clock()).is_ok());
    assert_eq!((verifier.counts().memory, verifier.counts().verified), (0, 3));
}

#[test]
fn older_perry_3_a_tag_that_moves_is_looked_up_once_and_its_digest_is_what_is_verified() {
    let it = instance(Proofs::V1);
    let mut content = signed(&it);
    let index: Digest = INDEX.parse().unwrap();
    // The tag's second place has the same children and no signature.
    let mut other: serde_json::Value =
        serde_json::from_slice(&content.manifest(&index).unwrap().unwrap().bytes).unwrap();
    other["annotations"] = json!({"moved": "yes"});
    let other = content.add_manifest(other.to_string(), media_type::OCI_INDEX);
    let source = Shifty::new(content, [index.clone(), other.clone()]);
    let platform = "linux/amd64".parse().unwrap();
    let requirement = require(vec![holder(&it)]);
    let look = || resolve(&source, &Wanted::Tag("v1".parse().unwrap()), &platform).unwrap();
    let first = look();
    let verified = verify(&source, &first, &requirement, clock()).unwrap();
    assert_eq!((verified.top(), source.looks.load(Ordering::SeqCst)), (&index, 1));
    let second = look();
    assert_eq!(second.top(), &other);
    denied(verify(&source, &second, &requirement, clock()), Code::FindNone);
}

#[test]
fn older_perry_4_a_signed_index_counts_for_the_platform_that_runs_and_for_no_other_list() {
    let it = instance(Proofs::V1);
    let mut content = signed(&it);
    let index: Digest = INDEX.parse().unwrap();
    let raw: serde_json::Value =
        serde_json::from_slice(&content.manifest(&index).unwrap().unwrap().bytes).unwrap();
    let requirement = require(vec![holder(&it)]);
    // Whatever place a platform has in the list, its own manifest runs, and the index that was signed is what is found.
    for entry in raw["manifests"].as_array().unwrap() {
        let platform = format!(
            "{}/{}",
            entry["platform"]["os"].as_str().unwrap(),
            entry["platform"]["architecture"].as_str().unwrap()
        );
        let image = resolve(&content, &Wanted::Digest(index.clone()), &platform.parse().unwrap()).unwrap();
        let verified = verify(&content, &image, &requirement, clock()).unwrap();
        assert_eq!(verified.manifest_digest().as_str(), entry["digest"].as_str().unwrap());
        assert_eq!(verified.top(), &index);
    }
    assert!(raw["manifests"].as_array().unwrap().len() > 1);
    // The same child, asked for by another list or alone, is not signed by it.
    let mut reversed = raw.clone();
    reversed["manifests"].as_array_mut().unwrap().reverse();
    let reversed = content.add_manifest(reversed.to_string(), media_type::OCI_INDEX);
    let child: Digest = raw["manifests"][0]["digest"].as_str().unwrap().parse().unwrap();
    for top in [reversed, child] {
        let image = resolve(&content, &Wanted::Digest(top), &"linux/amd64".parse().unwrap()).unwrap();
        denied(verify(&content, &image, &requirement, clock()), Code::FindNone);
    }
}

#[test]
fn older_perry_5_a_registrys_port_stays_with_its_host() {
    let name = "host.example:5000/app:1";
    let reference: Reference = name.parse().unwrap();
    assert_eq!(reference.to_string(), name);
    let pinned: Reference = format!("host.example:5000/app@{INDEX}").parse().unwrap();
    for reference in [reference, pinned] {
        let repository = reference.repository();
        assert_eq!((repository.registry(), repository.path()), ("host.example:5000", "app"));
    }
    assert_eq!(name.parse::<ImageName>().unwrap().to_string(), name);
}

#[test]
fn older_perry_6_identities_and_instances_are_the_policys_and_a_denial_has_reasons_of_its_own() {
    // Two private instances, two identities; each counts for its own alone, and nothing here reaches a network.
    let names = ["https://ci.example/one", "https://ci.example/two"];
    let instances =
        names.map(|name| Sigstore { extensions: leaf_extensions(uri(name), ISSUER), ..instance(Proofs::V1) });
    for (at, it) in instances.iter().enumerate() {
        for (other, name) in names.iter().enumerate() {
            let mut signer = holder(it);
            let SignerIdentity::Keyless { subject, issuer, .. } = &mut signer.identity else {
                unreachable!()
            };
            *subject = SubjectPattern::Exact((*name).to_owned());
            assert!(matches!(issuer, IssuerPattern::Exact(_)));
            let source = signed(it);
            let outcome = verify(&source, &image(&source), &require(vec![signer]), clock());
            if at == other {
                assert!(outcome.is_ok());
            } else {
                denied(outcome, Code::IdSubject);
            }
        }
    }
}

#[test]
fn older_perry_7_nothing_is_verified_because_something_is_absent() {
    // No signature, no signer, no trust root: three ways to have nothing to check, and each denies.
    let unsigned = bare("cosign3-kl3v1");
    denied(verify(&unsigned, &image(&unsigned), &require(vec![acme()]), clock()), Code::FindNone);
    let source = layout("cosign3-kl3v1");
    denied(verify(&source, &image(&source), &require(vec![]), clock()), Code::QuorumEmpty);
    let mut signer = acme();
    let SignerIdentity::Keyless { root, .. } = &mut signer.identity else { unreachable!() };
    root.json.clear();
    denied(verify(&source, &image(&source), &require(vec![signer]), clock()), Code::RootMissing);
}
