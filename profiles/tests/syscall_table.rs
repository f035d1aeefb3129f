//! The table of system call numbers, against the kernel's headers and against another project's table.

use std::collections::BTreeMap;
use std::fs;

use perry_sandbox_profiles::{Arch, Syscall};
use perry_sandbox_testkit::skip;

/// Reads `#define __NR_name number` lines.
fn defines(text: &str, prefix: &str) -> BTreeMap<String, u32> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let ("#define", Some(name), Some(number)) = (words.next()?, words.next(), words.next()) else {
                return None;
            };
            Some((name.strip_prefix(prefix)?.to_owned(), number.parse().ok()?))
        })
        .collect()
}

fn agrees(arch: Arch, header: &BTreeMap<String, u32>) {
    assert!(header.len() > 20, "the header has no numbers");
    for (name, number) in header {
        let call: Syscall = name.parse().unwrap();
        assert_eq!(call.number(arch), Some(*number), "{name} on {arch}");
    }
}

#[test]
fn every_number_of_the_x86_64_header_is_in_the_table_and_nothing_else_is_older() {
    let paths = ["/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h"];
    let Some(text) = paths.iter().find_map(|path| fs::read_to_string(path).ok()) else {
        skip("no asm/unistd_64.h on this machine");
        return;
    };
    let header = defines(&text, "__NR_");
    agrees(Arch::X86_64, &header);
    let newest = header.values().max().unwrap();
    // The two uprobe calls are newer than their numbers.
    for call in Syscall::all().filter(|call| !call.name().ends_with("probe")) {
        let Some(number) = call.number(Arch::X86_64) else { continue };
        assert!(number > *newest || header.contains_key(call.name()), "{call}");
    }
}

#[test]
fn every_number_of_the_generic_header_is_in_the_aarch64_column() {
    let Ok(text) = fs::read_to_string("/usr/include/asm-generic/unistd.h") else {
        skip("no asm-generic/unistd.h on this machine");
        return;
    };
    // Calls with a 32-bit and a 64-bit name have a number under neither; the rest of the header names them.
    let mut header = defines(&text, "__NR_");
    for shared in defines(&text, "__NR3264_") {
        let name = match shared.0.as_str() {
            "fstatat" => "newfstatat",
            other => other,
        };
        if !matches!(name, "stat" | "lstat") {
            header.insert(name.to_owned(), shared.1);
        }
    }
    header.retain(|name, _| {
        !matches!(name.as_str(), "syscalls" | "arch_specific_syscall" | "sync_file_range2")
    });
    // These numbers are for 32-bit architectures, which had to get calls with 64-bit times.
    header.retain(|_, number| !(403..=423).contains(number));
    agrees(Arch::Aarch64, &header);
}

/// Asks the other project's reader for a filter on one call and reads the number out of it.
fn number_elsewhere(arch: Arch, name: &str) -> Option<u32> {
    let json = format!(
        r#"{{"one":{{"mismatch_action":"kill_process","match_action":"allow","filter":[{{"syscall":"{name}"}}]}}}}"#
    );
    let arch = seccompiler::TargetArch::try_from(arch.name()).unwrap();
    let program = seccompiler::compile_from_json(json.as_bytes(), arch).ok()?.remove("one")?;
    // Four instructions check the architecture and load the number; the fifth compares it.
    let compare = program.get(4)?;
    assert_eq!(compare.code, 0x15);
    Some(compare.k)
}

#[test]
fn the_numbers_are_those_of_another_table() {
    for arch in Arch::ALL {
        let mut known = 0;
        for call in Syscall::all() {
            let Some(theirs) = number_elsewhere(arch, call.name()) else { continue };
            known += 1;
            assert_eq!(call.number(arch), Some(theirs), "{call} on {arch}");
        }
        assert!(known > 250, "only {known} names were known on {arch}");
    }
}
