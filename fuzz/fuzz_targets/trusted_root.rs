//! Trust roots: any text is read or refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        perry_sandbox_verifier::fuzzing::trust_root(text);
    }
});
