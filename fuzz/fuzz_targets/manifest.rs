//! Manifests, indexes and image configs.
#![no_main]

use perry_sandbox_image::{ImageConfig, Manifest};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    drop(Manifest::parse(bytes, None));
    drop(ImageConfig::parse(bytes));
});
