//! What engines answer: HTTP over a socket, and what they say of themselves.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    perry_sandbox_runner::fuzzing::engine(bytes);
});
