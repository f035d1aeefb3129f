//! The table of error codes is the same in Rust, in TypeScript and in the README.

use std::collections::BTreeMap;

use perry_sandbox_ffi::Code;
use perry_sandbox_testkit::crate_root;

fn read(path: &str) -> String {
    std::fs::read_to_string(crate_root().join("perry").join(path)).expect("the file is UTF-8")
}

fn in_rust() -> BTreeMap<String, u16> {
    Code::ALL.iter().map(|code| (code.name().to_owned(), code.status())).collect()
}

#[test]
fn typescript_knows_every_code_and_its_status() {
    let text = read("ts/error.ts");
    let table = text.split("export const ERROR_STATUS = {").nth(1).and_then(|rest| rest.split('}').next());
    let found: BTreeMap<String, u16> = table
        .expect("error.ts has the table")
        .lines()
        .filter_map(|line| line.trim().trim_end_matches(',').split_once(": "))
        .map(|(name, status)| (name.to_owned(), status.parse().expect("a status is a number")))
        .collect();
    assert_eq!(found, in_rust());
}

#[test]
fn the_readme_has_the_whole_table() {
    let readme = read("README.md");
    let table = Code::markdown();
    assert!(readme.contains(&table), "perry/README.md must have this table:\n{table}");
}

/// Compiler 0.5.1520 copies small functions into the modules that call them. Where such a module does not import the class that
/// they throw, something without a code is thrown.
#[test]
fn a_module_that_calls_what_throws_imports_the_error() {
    let throwing = ["requireText(", "flagOf(", "fieldsOf(", "textOf("];
    let mut calling = 0;
    for folder in ["ts", "ts/container"] {
        for entry in std::fs::read_dir(crate_root().join("perry").join(folder)).expect("a folder").flatten() {
            let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
            if throwing.iter().any(|name| text.contains(name)) {
                calling += 1;
                let imports =
                    text.lines().any(|line| line.starts_with("import {") && line.contains("SandboxError"));
                assert!(imports, "{} must import SandboxError", entry.path().display());
            }
        }
    }
    assert!(calling >= 6, "only {calling} modules call what throws");
}
