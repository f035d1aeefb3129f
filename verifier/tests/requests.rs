//! What a verification costs a registry: how many questions, and how many of them wait for another.

use perry_sandbox_image::{Wanted, resolve};
use perry_sandbox_testkit::registry::{Options, TestRegistry};
use perry_sandbox_testkit::sigstore::{Found, Proofs, SIMPLE_LAYER, Sigstore, attach_bundle, attach_layers};
use perry_sandbox_verifier::{Clock, verify};

use crate::keyless_kit::{PATH, client, holder, sample};
use crate::kit::require;

/// How many requests finding and checking the signature of a manifest took, after the manifest was resolved.
fn requests(form: &str, options: Options) -> Vec<String> {
    let (mut content, digest) = sample();
    let instance = Sigstore { proofs: Proofs::V1Stamped, ..Sigstore::default() };
    if form == "bundle" {
        let bundle = instance.image_signature(&digest).to_string();
        attach_bundle(&mut content, bundle.as_bytes(), &digest);
    } else {
        let (payload, annotations) = instance.simple("127.0.0.1/acme/app", &digest);
        let layers = [(SIMPLE_LAYER, payload.as_slice(), &annotations)];
        attach_layers(&mut content, &layers, Found::ByTag(&digest, "sig"));
    }
    let registry = TestRegistry::serving(PATH, &content, options);
    let source = client(&registry);
    let image = resolve(&source, &Wanted::Digest(digest), &"linux/amd64".parse().unwrap()).unwrap();
    let before = registry.log().len();
    let now = Clock::at("2026-11-22T21:00:00Z".parse().unwrap());
    verify(&source, &image, &require(vec![holder(&instance)]), now)
        .unwrap_or_else(|denial| panic!("{denial}"));
    registry.log().split_off(before).into_iter().map(|asked| asked.path).collect()
}

#[test]
fn a_signature_of_either_kind_takes_at_most_four_requests_after_the_manifest() {
    let referrers = || Options { referrers: true, ..Options::default() };
    let found = requests("bundle", referrers());
    assert_eq!(found.len(), 4, "{found:#?}");
    // The tag and the list of referrers do not wait for each other; what they name comes after both.
    assert!(found[..2].iter().any(|path| path.contains("/referrers/")), "{found:#?}");
    assert!(found[..2].iter().any(|path| path.contains(".sig")), "{found:#?}");
    assert!(found[3].contains("/blobs/"), "{found:#?}");
    let found = requests("simple", referrers());
    assert_eq!(found.len(), 3, "{found:#?}");
}
