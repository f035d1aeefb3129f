//! Image configurations: any bytes are read or refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // Refusals are what is looked for: only a panic or endless work would be a finding.
    drop(perry_sandbox_image::ImageConfig::parse(bytes));
});
