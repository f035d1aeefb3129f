//! A layout's `index.json`: any bytes are read or refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    perry_sandbox_image::fuzzing::layout_index(bytes);
});
