//! A zstd layer: any bytes are decompressed in bounded memory, or refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    perry_sandbox_image::fuzzing::zstd(bytes);
});
