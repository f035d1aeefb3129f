//! Names of images: what is read is written back the same.
#![no_main]

use perry_sandbox_image::ImageName;
use perry_sandbox_reference::{Platform, Reference};

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(reference) = text.parse::<Reference>() {
        assert_eq!(reference.to_string().parse::<Reference>().as_ref(), Ok(&reference));
    }
    drop(text.parse::<ImageName>());
    drop(text.parse::<Platform>());
});
