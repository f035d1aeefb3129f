//! A signer's certificate: any bytes are read or refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    perry_sandbox_verifier::fuzzing::certificate(bytes);
});
