//! What an attestation says: any bytes are read for who built it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    perry_sandbox_verifier::fuzzing::predicate(bytes);
});
