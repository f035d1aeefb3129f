//! Where a registry says that its list of referrers goes on.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    perry_sandbox_image::fuzzing::link(text);
});
