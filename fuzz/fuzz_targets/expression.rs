//! Expressions for identities: any text is compiled within its bound, or refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        perry_sandbox_verifier::fuzzing::expression(text);
    }
});
