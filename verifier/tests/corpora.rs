//! The fuzz targets' seeds, through the same readers: each is understood, and none of its beginnings makes one panic.

use std::fs;

use perry_sandbox_reference::Digest;
use perry_sandbox_testkit::corpus::{seeds, understood};
use perry_sandbox_verifier::fuzzing;

use crate::kit::{data, text as text_of};

#[test]
fn every_seed_of_a_target_is_understood_by_one_of_its_readers() {
    let text = |read: fn(&str) -> bool| move |bytes: &[u8]| std::str::from_utf8(bytes).is_ok_and(read);
    assert_eq!(understood("bundle", fuzzing::bundle), seeds("bundle").len());
    assert_eq!(understood("trusted_root", text(fuzzing::trust_root)), seeds("trusted_root").len());
    assert_eq!(understood("expression", text(fuzzing::expression)), seeds("expression").len());
    assert!(understood("signature", fuzzing::payload) >= 2);
    assert!(understood("signature", fuzzing::envelope) >= 1);
    understood("signature", text(fuzzing::annotation));
}

#[test]
fn every_seed_of_a_proof_is_understood_by_its_reader() {
    assert_eq!(understood("certificate", fuzzing::certificate), seeds("certificate").len());
    assert_eq!(understood("predicate", fuzzing::predicate), seeds("predicate").len());
    let root = text_of("signed/trusted_root.json");
    let vouched = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok_and(|it| fuzzing::checkpoint(it, &root));
    // The others are signed by logs of other trust roots.
    assert_eq!(understood("checkpoint", vouched), 2);
}

#[test]
fn of_the_seeds_of_a_time_stamp_only_the_bundles_own_one_will_do() {
    let case = data("conformance/rekor2-happy-path");
    let bundle = fs::read(case.join("bundle.sigstore.json")).unwrap();
    let root = fs::read_to_string(case.join("trusted_root.json")).unwrap();
    let artifact = Digest::of(&fs::read(data("conformance/a.txt")).unwrap());
    let stamped = |token: &[u8]| fuzzing::time_stamp(token, &bundle, &artifact, &root);
    assert_eq!(understood("time_stamp", stamped), 1);
}

#[cfg(feature = "tuf")]
#[test]
fn every_seed_of_root_metadata_is_understood() {
    assert_eq!(understood("root_metadata", fuzzing::root_metadata), seeds("root_metadata").len());
}
