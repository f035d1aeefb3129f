//! Time stamps: any bytes in the place of a good bundle's one are read or refused, and nothing panics on the way.
#![no_main]

use perry_sandbox_reference::Digest;

const BUNDLE: &[u8] =
    include_bytes!("../../verifier/tests/data/conformance/rekor2-happy-path/bundle.sigstore.json");
const ROOT: &str =
    include_str!("../../verifier/tests/data/conformance/rekor2-happy-path/trusted_root.json");
const ARTIFACT: &[u8] = include_bytes!("../../verifier/tests/data/conformance/a.txt");

libfuzzer_sys::fuzz_target!(|token: &[u8]| {
    perry_sandbox_verifier::fuzzing::time_stamp(token, BUNDLE, &Digest::of(ARTIFACT), ROOT);
});
