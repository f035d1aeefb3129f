//! Metadata of The Update Framework, as a hostile mirror could send it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    perry_sandbox_verifier::fuzzing::root_metadata(bytes);
});
