//! The proof that a layout is verified without the network: a process that dies of any call for it does the work.

use perry_sandbox_testkit::registry::{Options, TestRegistry};
use perry_sandbox_testkit::sigstore::{Found, Proofs, SIMPLE_LAYER, Sigstore, attach_bundle, attach_layers};
use tempfile::TempDir;

use crate::keyless_child::Job;
use crate::keyless_kit::{PATH, sample};

struct Scene {
    folder: TempDir,
    registry: TestRegistry,
    job: Job,
}

/// An image with a signature of each form, in a layout and in a registry.
fn scene() -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let (mut content, digest) = sample();
    let mut instance = Sigstore { proofs: Proofs::V1Stamped, ..Sigstore::default() };
    let (payload, annotations) = instance.simple("127.0.0.1/acme/app", &digest);
    let layers = [(SIMPLE_LAYER, payload.as_slice(), &annotations)];
    attach_layers(&mut content, &layers, Found::ByTag(&digest, "sig"));
    instance.proofs = Proofs::V2;
    let bundle = instance.image_signature(&digest).to_string();
    attach_bundle(&mut content, bundle.as_bytes(), &digest);
    content.write_layout(&folder.path().join("image"));
    let root = folder.path().join("trusted_root.json");
    std::fs::write(&root, instance.trusted_root().to_string()).unwrap();
    let registry = TestRegistry::serving(PATH, &content, Options { referrers: true, ..Options::default() });
    let job = Job {
        place: folder.path().join("image").to_str().unwrap().to_owned(),
        digest: digest.to_string(),
        root,
        deadline: 60_000,
        account: None,
        sealed: true,
    };
    Scene { folder, registry, job }
}

#[test]
fn a_layout_is_verified_by_a_process_that_any_call_for_the_network_would_kill() {
    let scene = scene();
    let report = scene.job.run().unwrap();
    assert!(report.accepted, "{}", report.words);
    assert!(scene.folder.path().exists() && scene.registry.connections() == 0);
}

#[test]
fn the_seal_kills_whoever_asks_a_registry() {
    let scene = scene();
    let place = format!("{}/{PATH}", scene.registry.host());
    let sealed = Job { place, ..scene.job };
    assert_eq!(sealed.run().unwrap_err(), nix::libc::SIGSYS);
    assert_eq!(scene.registry.connections(), 0);
    let open = Job { sealed: false, ..sealed }.run().unwrap();
    assert!(open.accepted, "{}", open.words);
}
