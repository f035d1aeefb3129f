//! Seccomp profiles: what parses compiles or is refused, and is no more than itself.
#![no_main]

use perry_sandbox_profiles::{Arch, SeccompProfile, bpf, to_oci_json};

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(profile) = SeccompProfile::parse(text) {
        for arch in Arch::ALL {
            drop(bpf::compile(&profile, arch));
            drop(to_oci_json(&profile, arch));
        }
        assert!(profile.meet(&profile).admits_no_more_than(&profile));
    }
});
