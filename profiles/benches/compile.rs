//! What reading, comparing and compiling the builtin profiles costs at every launch.
#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use divan::{Bencher, black_box};
use perry_sandbox_profiles::{Arch, SeccompProfile, bpf};

fn main() {
    divan::main();
}

#[divan::bench]
fn read_default() -> SeccompProfile {
    SeccompProfile::parse(black_box(include_str!("../builtin/perry-default.toml"))).unwrap()
}

#[divan::bench]
fn read_minimal() -> SeccompProfile {
    SeccompProfile::parse(black_box(include_str!("../builtin/perry-minimal.toml"))).unwrap()
}

#[divan::bench(args = ["perry-default", "perry-minimal"])]
fn compile(bencher: Bencher<'_, '_>, name: &str) {
    let profile = SeccompProfile::builtin(name).unwrap();
    bencher.bench(|| bpf::compile(black_box(profile), Arch::X86_64).unwrap());
}

#[divan::bench]
fn compare(bencher: Bencher<'_, '_>) {
    let minimal = SeccompProfile::builtin("perry-minimal").unwrap();
    let default = SeccompProfile::builtin("perry-default").unwrap();
    bencher.bench(|| black_box(minimal).admits_no_more_than(black_box(default)));
}

#[divan::bench]
fn digest(bencher: Bencher<'_, '_>) {
    let builtin = SeccompProfile::builtin("perry-default").unwrap();
    let read: SeccompProfile = serde_json::from_str(&builtin.canonical_json()).unwrap();
    bencher.bench(|| black_box(&read).digest());
}

#[divan::bench]
fn read_canonical(bencher: Bencher<'_, '_>) {
    let json = SeccompProfile::builtin("perry-default").unwrap().canonical_json();
    bencher.bench(|| serde_json::from_str::<SeccompProfile>(black_box(&json)).unwrap());
}

#[divan::bench]
fn meet(bencher: Bencher<'_, '_>) {
    let minimal = SeccompProfile::builtin("perry-minimal").unwrap();
    let default = SeccompProfile::builtin("perry-default").unwrap();
    bencher.bench(|| black_box(minimal).meet(black_box(default)));
}
