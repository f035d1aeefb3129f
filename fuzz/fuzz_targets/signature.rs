//! cosign 2: payloads, envelopes and annotations of any bytes are read in bounded time and never panic.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    perry_sandbox_verifier::fuzzing::payload(bytes);
    perry_sandbox_verifier::fuzzing::envelope(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        perry_sandbox_verifier::fuzzing::annotation(text);
    }
});
