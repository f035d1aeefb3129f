//! The real cosign 2 and 3 sign without keys, with the test kit's services, and we accept what they made: in the
//! registry, and in the layouts that cosign, oras and skopeo copy it to.

use std::path::{Path, PathBuf};
use std::process::Command;

use perry_sandbox_image::Layout;
use perry_sandbox_policy::{
    LogRule, PredicateRule, ProvenanceRule, Requirement, SignatureFormat, TimeSource,
};
use perry_sandbox_reference::Digest;
use perry_sandbox_testkit::layout::{Compression, digest_of};
use perry_sandbox_testkit::registry::{Options, TestRegistry};
use perry_sandbox_testkit::sigstore::{Cosign, Proofs, Services, Signed};
use perry_sandbox_testkit::{peer, skip};
use perry_sandbox_verifier::{Code, VerifiedImage};
use serde_json::json;

use crate::keyless_kit::{PATH, client, cosign, holder, judge, judge_layout, sample, serving};
use crate::kit::{denied, key, require, root_of};
use crate::pki::Pki;

const SLSA: &str = "https://slsa.dev/provenance/v1";

fn services(proofs: Proofs) -> Services {
    let services = Services::new();
    services.with(|instance| instance.proofs = proofs);
    services
}

/// What the services' own signer must have signed.
fn required(services: &Services) -> Requirement {
    require(vec![services.with(|instance| holder(instance))])
}

#[track_caller]
fn done(signed: &Signed) {
    assert!(signed.ok, "{}", signed.said);
}

fn times(image: &VerifiedImage) -> Vec<TimeSource> {
    image.evidence().signatures[0].times.iter().map(|it| it.source).collect()
}

/// cosign signs an image in a registry, and both verifiers accept it there.
fn signed(version: u32, referrers: bool, proofs: Proofs) -> Option<(VerifiedImage, Services)> {
    let cosign = cosign(version)?;
    let (registry, digest, name) = serving(referrers);
    let services = services(proofs);
    done(&cosign.sign(&services, &name));
    done(&cosign.verify(&name));
    let source = client(&registry);
    let verified = judge(&source, &digest, &required(&services)).unwrap_or_else(|denial| panic!("{denial}"));
    // Nobody else's signature does.
    denied(judge(&source, &digest, &require(vec![Pki::new().signer()])), Code::QuorumUnmet);
    Some((verified, services))
}

#[test]
fn cosign_2_with_rekor_1() {
    for referrers in [true, false] {
        let Some((image, services)) = signed(2, referrers, Proofs::V1) else { return };
        assert_eq!(times(&image), [TimeSource::Log]);
        assert_eq!(image.evidence().signatures[0].format, SignatureFormat::SimpleSigning);
        let asked = services.log();
        for path in ["POST /api/v1/signingCert", "POST /api/v1/log/entries"] {
            assert!(asked.iter().any(|it| it == path), "{path} in {asked:?}");
        }
    }
}

#[test]
fn cosign_2_with_rekor_1_and_a_time_stamp() {
    let Some((image, _)) = signed(2, true, Proofs::V1Stamped) else { return };
    assert_eq!(times(&image), [TimeSource::TimestampAuthority, TimeSource::Log]);
}

#[test]
fn cosign_3_with_rekor_1_and_a_time_stamp() {
    for referrers in [true, false] {
        let Some((image, _)) = signed(3, referrers, Proofs::V1Stamped) else { return };
        assert_eq!(times(&image), [TimeSource::TimestampAuthority, TimeSource::Log]);
        assert_eq!(image.evidence().signatures[0].format, SignatureFormat::Bundle);
    }
}

#[test]
fn cosign_3_with_rekor_2_and_a_time_stamp() {
    for referrers in [true, false] {
        let Some((image, services)) = signed(3, referrers, Proofs::V2) else { return };
        assert_eq!(times(&image), [TimeSource::TimestampAuthority]);
        assert!(image.evidence().signatures[0].log.is_some());
        let asked = services.log();
        for path in ["POST /api/v2/signingCert", "POST /api/v2/log/entries", "POST /api/v1/timestamp"] {
            assert!(asked.iter().any(|it| it == path), "{path} in {asked:?}");
        }
    }
}

#[test]
fn both_attest_and_the_attestation_is_no_signature() {
    for (version, proofs) in [(2, Proofs::V1), (3, Proofs::V1Stamped), (3, Proofs::V2)] {
        let Some(cosign) = cosign(version) else { continue };
        let (registry, digest, name) = serving(true);
        let services = services(proofs);
        let predicate = json!({
            "buildDefinition": {"buildType": "https://build.test/v1", "externalParameters": {}},
            "runDetails": {"builder": {"id": "https://builder.test"}},
        });
        done(&cosign.attest(&services, "slsaprovenance1", &predicate, &name));
        let source = client(&registry);
        let mut requirement = required(&services);
        denied(judge(&source, &digest, &requirement), Code::QuorumUnmet);
        done(&cosign.sign(&services, &name));
        requirement.provenance = Some(ProvenanceRule {
            predicate: SLSA.to_owned(),
            by: requirement.signers.clone(),
            says: PredicateRule::default(),
        });
        let verified = judge(&source, &digest, &requirement).unwrap_or_else(|denial| panic!("{denial}"));
        assert!(verified.evidence().provenance.is_some(), "cosign {version} {proofs:?}");
    }
}

/// A key pair of cosign's own making.
fn generated(cosign: &Cosign) -> String {
    done(&cosign.run(&["generate-key-pair"]));
    std::fs::read_to_string(cosign.home().join("cosign.pub")).unwrap()
}

#[test]
fn cosign_3_with_a_key_rekor_2_and_a_time_stamp() {
    let Some(cosign) = cosign(3) else { return };
    let (registry, digest, name) = serving(true);
    let services = services(Proofs::V2);
    let public = generated(&cosign);
    done(&cosign.sign_with_key(&services, "cosign.key", &name));
    let root = services.with(|instance| root_of(instance.trusted_root().to_string()));
    let mut requirement = require(vec![key("plant", public, Some(root))]);
    requirement.log = LogRule::Required;
    let verified =
        judge(&client(&registry), &digest, &requirement).unwrap_or_else(|denial| panic!("{denial}"));
    assert!(verified.evidence().signatures[0].log.is_some());
    assert_eq!(times(&verified), [TimeSource::TimestampAuthority]);
}

#[test]
fn cosign_3_with_a_key_and_no_services() {
    let Some(cosign) = cosign(3) else { return };
    let (registry, digest, name) = serving(true);
    let public = generated(&cosign);
    let empty = json!({"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json"});
    cosign.write("signing_config.json", empty.to_string());
    let args = ["sign", "--yes", "--allow-http-registry", "--signing-config", "signing_config.json"];
    done(&cosign.run(&[args.as_slice(), &["--key", "cosign.key", &name]].concat()));
    let verified = judge(&client(&registry), &digest, &require(vec![key("plant", public, None)])).unwrap();
    assert!(times(&verified).is_empty());
}

/// An image that this cosign has signed, still in its registry.
struct Stored {
    cosign: Cosign,
    registry: TestRegistry,
    digest: Digest,
    name: String,
    requirement: Requirement,
}

fn stored(version: u32, proofs: Proofs) -> Option<Stored> {
    let cosign = cosign(version)?;
    let (registry, digest, name) = serving(true);
    let services = services(proofs);
    done(&cosign.sign(&services, &name));
    let requirement = required(&services);
    Some(Stored { cosign, registry, digest, name, requirement })
}

impl Stored {
    #[track_caller]
    fn accepted_in(&self, folder: &Path) {
        judge_layout(folder, &self.digest, &self.requirement).unwrap_or_else(|denial| panic!("{denial}"));
    }
}

#[test]
fn what_cosign_2_saves_is_accepted() {
    let Some(stored) = stored(2, Proofs::V1Stamped) else { return };
    done(&stored.cosign.run(&["save", "--allow-http-registry", "--dir", "saved", &stored.name]));
    stored.accepted_in(&stored.cosign.home().join("saved"));
}

/// cosign 3.1.1 saves bundles and lists them nowhere. Its own `verify --local-image` finds that of a single image and
/// not that of an index; we find both where the whole layout is searched.
#[test]
fn what_cosign_3_saves_is_accepted_where_the_whole_layout_is_searched() {
    let Some(cosign) = cosign(3) else { return };
    let (mut content, index) = sample();
    let platform = "linux/amd64".parse().unwrap();
    let single = digest_of(&content.image(&[(b"one".to_vec(), Compression::Gzip)], &platform, &json!({})));
    let registry = TestRegistry::serving(PATH, &content, Options { referrers: true, ..Options::default() });
    let services = services(Proofs::V2);
    for (digest, folder) in [(index, "index"), (single, "single")] {
        let name = format!("{}/{PATH}@{digest}", registry.host());
        done(&cosign.sign(&services, &name));
        done(&cosign.run(&["save", "--allow-http-registry", "--dir", folder, &name]));
        let theirs = cosign.run(&[&["verify", "--local-image", folder], cosign.whom()].concat());
        assert_eq!(theirs.ok, folder == "single", "{}", theirs.said);
        let (saved, requirement) = (cosign.home().join(folder), required(&services));
        denied(judge_layout(&saved, &digest, &requirement), Code::FindNone);
        let searched = Layout::open(&saved).unwrap().scanning_blobs();
        judge(&searched, &digest, &requirement).unwrap_or_else(|denial| panic!("{folder}: {denial}"));
    }
}

fn program(name: &str) -> Option<PathBuf> {
    let found = peer(name);
    if found.is_none() {
        skip(&format!("no {name}: install it, or name its folder in PERRY_SANDBOX_PEERS"));
    }
    found
}

#[track_caller]
fn copy(program: &Path, home: &Path, args: &[&str]) {
    let mut command = Command::new(program);
    let output = command.args(args).current_dir(home).env_clear().env("HOME", home).output().unwrap();
    done(&output.into());
}

#[test]
fn what_oras_copies_with_referrers_is_accepted() {
    let Some(oras) = program("oras") else { return };
    for (version, proofs) in [(3, Proofs::V1Stamped), (3, Proofs::V2)] {
        let Some(stored) = stored(version, proofs) else { return };
        let home = stored.cosign.home();
        copy(&oras, home, &["cp", "-r", "--from-plain-http", &stored.name, "--to-oci-layout", "copied:v1"]);
        stored.accepted_in(&home.join("copied"));
    }
}

#[test]
fn what_skopeo_and_oras_copy_by_tag_is_accepted() {
    let Some(stored) = stored(2, Proofs::V1Stamped) else { return };
    let home = stored.cosign.home();
    let tag = format!("{}.sig", stored.digest.as_str().replace(':', "-"));
    let at = |tag: &str| format!("{}/acme/app:{tag}", stored.registry.host());
    if let Some(skopeo) = program("skopeo") {
        std::fs::write(home.join("any.json"), r#"{"default": [{"type": "insecureAcceptAnything"}]}"#)
            .unwrap();
        for tag in ["v1", &tag] {
            let (from, to) = (format!("docker://{}", at(tag)), format!("oci:by-skopeo:{tag}"));
            let args =
                ["--policy", "any.json", "copy", "--all", "--preserve-digests", "--src-tls-verify=false"];
            copy(&skopeo, home, &[args.as_slice(), &[&from, &to]].concat());
        }
        stored.accepted_in(&home.join("by-skopeo"));
    }
    if let Some(oras) = program("oras") {
        for tag in ["v1", &tag] {
            let to = format!("by-oras:{tag}");
            copy(&oras, home, &["cp", "--from-plain-http", &at(tag), "--to-oci-layout", &to]);
        }
        stored.accepted_in(&home.join("by-oras"));
    }
}
