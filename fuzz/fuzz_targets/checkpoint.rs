//! A log's checkpoint: any text is read, and held against the logs of a trust root.
#![no_main]

const ROOT: &str = include_str!("../../verifier/tests/data/signed/trusted_root.json");

libfuzzer_sys::fuzz_target!(|text: &str| {
    perry_sandbox_verifier::fuzzing::checkpoint(text, ROOT);
});
