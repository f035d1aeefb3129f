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
