//! Unsafe code stands in named folders, each block with its reasons, and nowhere else.

use std::path::Path;

/// The only folders with unsafe code.
/// The guest is a program of its own, process 1 of a microvm, and can use no crate. The last one is the program that attacks
/// from inside a sandbox; it is part of no product.
const FOLDERS: &[&str] = &[
    "runner/src/native/sys",
    "runner/src/microvm/guest",
    "ffi/src/c",
    "perry/src/abi",
    "testkit/src/checker",
];

fn has_unsafe_block(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"].iter().any(|form| code.contains(form))
}

#[test]
fn unsafe_blocks_stand_only_in_the_named_folders() {
    for file in crate::rust_files() {
        if FOLDERS.iter().any(|folder| file.starts_with(Path::new(folder)))
            || file.starts_with("tests/tests/structure")
        {
            continue;
        }
        let text = std::fs::read_to_string(crate::root().join(&file)).expect("a source file is UTF-8");
        for (number, line) in text.lines().enumerate() {
            assert!(
                !has_unsafe_block(line),
                "{}:{}: unsafe code outside {FOLDERS:?}",
                file.display(),
                number + 1
            );
        }
    }
}

#[test]
fn every_other_crate_forbids_unsafe_code() {
    for file in crate::rust_files() {
        let is_root = file.ends_with("src/lib.rs") || file.ends_with("src/main.rs");
        let exempt = ["runner", "ffi", "perry", "tests", "testkit", "fuzz"]
            .iter()
            .any(|folder| file.starts_with(folder));
        if is_root && !exempt {
            let text = std::fs::read_to_string(crate::root().join(&file)).expect("a source file is UTF-8");
            assert!(
                text.contains("#![forbid(unsafe_code)]"),
                "{} does not forbid unsafe code",
                file.display()
            );
        }
    }
}

#[test]
fn every_unsafe_block_says_why_it_is_sound() {
    for file in crate::rust_files() {
        let text = std::fs::read_to_string(crate::root().join(&file)).expect("a source file is UTF-8");
        if FOLDERS.iter().any(|folder| file.starts_with(folder)) && text.lines().any(has_unsafe_block) {
            assert!(text.contains("// SAFETY:"), "{} has unsafe code without a safety note", file.display());
        }
    }
}
