//! Nothing runs that is not verified: one byte anywhere, another key, no signature.

use std::path::Path;

use perry_sandbox_testkit::example::{Parts, blob, json, parts};
use perry_sandbox_testkit::{As, Home, Ran};

use crate::{IMAGE, KEY, POLICY, run_in};

/// A sound key that did not sign the example.
const OTHER_KEY: &str = "examples/hello/other.pub";

fn flip_byte(file: &Path, at: usize) {
    let mut bytes = std::fs::read(file).expect("the blob can be read");
    bytes[at] ^= 1;
    std::fs::write(file, bytes).expect("the blob can be written");
}

fn refused(ran: &Ran, code: i32, says: &str) {
    assert_eq!(ran.code, code, "{ran:?}");
    assert_eq!(ran.stdout, "", "nothing may have run: {ran:?}");
    assert!(ran.stderr.contains(says), "expected `{says}` in {ran:?}");
}

fn after_flipping(pick: impl Fn(&Parts) -> &String, says: &str) {
    let home = Home::new(As::Ordinary);
    let parts = parts(&home);
    let file = blob(&home, pick(&parts));
    let middle = std::fs::metadata(&file).expect("the blob is there").len() / 2;
    flip_byte(&file, usize::try_from(middle).expect("a small file"));
    refused(&run_in(&home, &[], &[]), 121, says);
}

#[test]
fn the_untouched_example_runs() {
    let ran = run_in(&Home::new(As::Ordinary), &[], &[]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.starts_with("Hello, from a signed image."), "{ran:?}");
}

#[test]
fn one_byte_of_a_layer_is_refused() {
    after_flipping(|parts| &parts.layer, "sha256:");
}

#[test]
fn one_byte_of_the_manifest_is_refused() {
    after_flipping(|parts| &parts.manifest, "sha256:");
}

#[test]
fn one_byte_of_the_index_is_refused() {
    after_flipping(|parts| &parts.index, "sha256:");
}

#[test]
fn one_byte_of_the_signed_payload_is_refused() {
    after_flipping(|parts| &parts.signature_payload, "V-");
}

#[test]
fn one_character_of_the_signature_is_refused() {
    let home = Home::new(As::Ordinary);
    let layout = home.path().join("examples/hello/image");
    let old = blob(&home, &parts(&home).signature_manifest);
    let mut manifest = json(&old);
    let field = &mut manifest["layers"][0]["annotations"]["dev.cosignproject.cosign/signature"];
    let signature = field.as_str().expect("the signature is an annotation").to_owned();
    let middle = signature.len() / 2;
    let other = if &signature[middle..=middle] == "A" { "B" } else { "A" };
    *field = format!("{}{other}{}", &signature[..middle], &signature[middle + 1..]).into();
    // The attacker can recompute every digest around the signature.
    let bytes = serde_json::to_vec(&manifest).expect("JSON");
    let digest = perry_sandbox_reference::Digest::of(&bytes);
    std::fs::write(layout.join("blobs/sha256").join(digest.hex()), &bytes)
        .expect("the layout can be written");
    let mut index = json(&layout.join("index.json"));
    index["manifests"][1]["digest"] = digest.as_str().into();
    index["manifests"][1]["size"] = bytes.len().into();
    std::fs::write(layout.join("index.json"), index.to_string()).expect("the layout can be written");
    refused(&run_in(&home, &[], &[]), 121, "V-");
}

#[test]
fn another_key_is_refused() {
    let home = Home::new(As::Ordinary);
    refused(&home.run(&["run", "--key", OTHER_KEY, IMAGE]), 121, "V-SIG-01");
}

#[test]
fn an_unsigned_image_is_refused() {
    let home = Home::new(As::Ordinary);
    let layout = home.path().join("examples/hello/image/index.json");
    let mut index = json(&layout);
    index["manifests"].as_array_mut().expect("the layout lists manifests").truncate(1);
    std::fs::write(&layout, index.to_string()).expect("the layout can be written");
    refused(&run_in(&home, &[], &[]), 121, "no signature");
}

#[test]
fn without_policy_and_signer_the_answer_is_no() {
    refused(&Home::new(As::Ordinary).run(&["run", IMAGE]), 120, "--key");
}

#[test]
fn a_signature_for_another_repository_is_refused() {
    let home = Home::new(As::Ordinary);
    let right = run_in(&home, &["--repository", "registry.example/perry-sandbox/hello"], &[]);
    assert_eq!(right.code, 0, "{right:?}");
    refused(
        &run_in(&home, &["--repository", "registry.example/perry-sandbox/other"], &[]),
        121,
        "registry.example",
    );
}

#[test]
fn a_warm_store_does_not_weaken_the_gate() {
    let home = Home::new(As::Ordinary);
    assert_eq!(run_in(&home, &[], &[]).code, 0, "the store is warm now");
    refused(&home.run(&["run", "--key", OTHER_KEY, IMAGE]), 121, "V-SIG-01");
    flip_byte(&blob(&home, &parts(&home).layer), 5000);
    refused(&run_in(&home, &[], &[]), 121, "sha256:");
}

#[test]
fn a_capability_runs_what_its_policy_says_and_nothing_else() {
    let home = Home::new(As::Ordinary);
    let ran =
        home.run_with_input(&["run", "--policy", POLICY, "--image", IMAGE, "count-words"], b"one two three");
    assert_eq!((ran.code, ran.stdout.trim()), (0, "3"), "{ran:?}");
    let ran = home.run(&["run", "--policy", POLICY, "--image", IMAGE, "count-words", "--", "/etc/passwd"]);
    refused(&ran, 120, "args");
    let ran = home.run(&["run", "--policy", POLICY, "--image", IMAGE, "count-wrods"]);
    refused(&ran, 120, "count-words");
}

#[test]
fn verify_and_run_give_the_same_answer() {
    let home = Home::new(As::Ordinary);
    let ran = home.run(&["verify", "--key", KEY, IMAGE, "--json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let evidence: serde_json::Value = serde_json::from_str(&ran.stdout).expect("--json prints JSON");
    assert_eq!(evidence["verified"], true);
}
