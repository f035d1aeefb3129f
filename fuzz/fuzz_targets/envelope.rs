//! Requests of Perry and C programs: reading one never panics, and every answer is an envelope.
#![no_main]

libfuzzer_sys::fuzz_target!(|request: &[u8]| {
    drop(perry_sandbox_ffi::check_request(request));
});
