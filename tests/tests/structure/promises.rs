//! SECURITY.md names the test of each promise: that test is there.

use std::collections::BTreeSet;

use crate::{root, rust_files};

#[test]
fn every_test_that_a_promise_names_is_there() {
    let mut tests = BTreeSet::new();
    for file in rust_files() {
        let text = std::fs::read_to_string(root().join(file)).expect("a source is UTF-8");
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            // `proptest!` keeps the attribute in front of the function too.
            is_test |= line == "#[test]";
            if let Some(name) = line.strip_prefix("fn ").and_then(|rest| rest.split('(').next()) {
                if is_test {
                    tests.insert(name.to_owned());
                }
                is_test = false;
            }
        }
    }
    let security = std::fs::read_to_string(root().join("SECURITY.md")).expect("SECURITY.md is UTF-8");
    let (_, section) = security.split_once("## Promises and the tests").expect("the section is there");
    let (section, _) = section.split_once("\n## ").expect("another follows");
    let mut rows = 0;
    for row in section.lines().filter(|line| line.starts_with("| ")).skip(2) {
        let names = row.split('|').nth(2).expect("a row has two columns");
        let named: Vec<&str> = names.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "no test: {row}");
        for name in named {
            assert!(tests.contains(name), "there is no test `{name}`, which SECURITY.md names");
        }
        rows += 1;
    }
    assert!(rows > 20, "only {rows} promises were found");
}
