//! What reading, comparing and compiling the builtin profiles costs at every launch.
#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use divan::{Bencher, black_box};
use perry_sandbox_profiles::{Arch, SeccompProfile, bpf};

const DEFAULT: &str = include_str!("../builtin/perry-default.toml");
const MINIMAL: &str = include_str!("../builtin/perry-minimal.toml");

fn main() {
    divan::main();
}

#[divan::bench(args = [DEFAULT, MINIMAL])]
fn read(text: &str) -> SeccompProfile {
    SeccompProfile::parse(black_box(text)).unwrap()
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
    let default = SeccompProfile::builtin("perry-default").unwrap();
    bencher.bench(|| black_box(default).digest());
}
