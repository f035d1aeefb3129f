//! What a sandbox sends to its egress proxy: HTTP heads, SOCKS, TLS greetings, questions for names.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    perry_sandbox_runner::fuzzing::egress(bytes);
});
