//! Seccomp profiles: what parses compiles or is refused, is no more than itself, and comes back from what is written.
#![no_main]

use perry_sandbox_profiles::{Arch, SeccompProfile, bpf, to_oci_json};

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(profile) = SeccompProfile::parse(text) {
        for arch in Arch::ALL {
            drop(bpf::compile(&profile, arch));
            drop(to_oci_json(&profile, arch));
        }
        assert!(profile.meet(&profile).admits_no_more_than(&profile));
        let written = profile.to_toml();
        // What is written is a little longer than the shortest form; only then may it be too long to read.
        if let Ok(back) = SeccompProfile::parse(&written) {
            assert_eq!(back, profile);
            assert_eq!(back.to_toml(), written);
        }
        if let Ok(narrow) = profile.narrowed_to(&profile) {
            assert!(narrow.admits_no_more_than(&profile));
        }
    }
});
