//! A registry's demand to log in.
#![no_main]

libfuzzer_sys::fuzz_target!(|header: &str| {
    perry_sandbox_image::fuzzing::challenge(header);
});
