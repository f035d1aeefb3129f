//! A layer's archive: any bytes are walked in bounded time and never panic.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    perry_sandbox_image::fuzzing::archive(bytes);
});
