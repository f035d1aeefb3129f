//! What this backend needs of a profile for itself, measured: `builtin/runtimes.toml` says the same.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use perry_sandbox_profiles::{Arch, Runtime, SeccompProfile, Syscall, bpf};

use super::super::plan::words;
use super::super::settings::Settings;
use super::{alone, rootfs, sandbox_in};
use crate::io::Streams;
use crate::outcome::End;

/// What the smallest program ends with.
const CODE: i32 = 42;

/// A 64-bit ELF program for x86-64 with one segment, which makes one call: `exit_group(42)`.
fn smallest_program() -> Vec<u8> {
    let code: [u8; 12] = [0xb8, 231, 0, 0, 0, 0xbf, 42, 0, 0, 0, 0x0f, 0x05];
    // Two headers of 64 and 56 bytes stand before the code.
    let (base, entry, length) = (0x40_0000, 0x40_0078, 132);
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    let halves = |values: &[u16]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let longs = |values: &[u64]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    file.extend([halves(&[2, 62, 1, 0]), longs(&[entry, 64, 0]), vec![0; 4]].concat());
    file.extend(halves(&[64, 56, 1, 0, 0, 0]));
    // A segment that is loaded, read and executed.
    file.extend(halves(&[1, 0, 5, 0]));
    file.extend(longs(&[0, base, base, length, length, 0x1000]));
    file.extend(code);
    file
}

fn starts(root: &Path, calls: &[Syscall]) -> bool {
    let names: Vec<String> = calls.iter().map(|call| format!("\"{call}\"")).collect();
    let text = format!(
        "schema = \"perry-sandbox/seccomp-profile/v1\"\nname = \"few\"\ndescription = \"d\"\nunknown = \"ENOSYS\"\n\
         [[allow]]\nreason = \"r\"\ncalls = [\"exit_group\"]\n[[allow]]\nreason = \"r\"\ncalls = [{}]\n",
        names.join(", ")
    );
    let text = if names.is_empty() { text.rsplit_once("[[allow]]").unwrap().0.to_owned() } else { text };
    let profile = SeccompProfile::parse(&text).unwrap();
    let filter = words(&bpf::compile(&profile, Arch::X86_64).unwrap());
    let settings = Settings { filter, ..rootfs::settings(&["/exit"]) };
    let ended = sandbox_in(root, &settings, Streams::captured(), None);
    ended.is_ok_and(|finished| finished.end == End::Exited(CODE))
}

/// The candidates without which nothing starts, beside those that are known.
fn needed(root: &Path, known: &[Syscall], candidates: &[Syscall]) -> Vec<Syscall> {
    if starts(root, known) {
        return Vec::new();
    }
    let (left, right) = candidates.split_at(candidates.len() / 2);
    if left.is_empty() {
        return right.to_vec();
    }
    let mut found = needed(root, &[known, right].concat(), left);
    found.extend(needed(root, &[known, &found].concat(), right));
    found
}

#[test]
fn the_table_says_what_this_backend_needs() {
    if Arch::host() != Some(Arch::X86_64) {
        return perry_sandbox_testkit::skip("the smallest program is for x86-64");
    }
    let _alone = alone();
    let root = rootfs::busybox();
    let program = root.path().join("exit");
    fs::write(&program, smallest_program()).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let default = SeccompProfile::builtin("perry-default").unwrap();
    let admitted = default.rules(Arch::X86_64).filter(|rule| !rule.admission.is_never());
    let candidates: Vec<Syscall> =
        admitted.map(|rule| rule.call).filter(|call| call.name() != "exit_group").collect();
    let mut found = needed(root.path(), &[], &candidates);
    found.sort_unstable();
    let table = Runtime::find("native").unwrap();
    assert_eq!(found, table.calls(), "put these into profiles/builtin/runtimes.toml");
    assert!(table.measured().contains(&env!("CARGO_PKG_VERSION").to_owned()));
}
