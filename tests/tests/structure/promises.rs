//! SECURITY.md names the test of each promise, perry/UPSTREAM.md that of each weakness that is mended: those tests are there.

use std::collections::BTreeSet;

use crate::{root, rust_files};

#[test]
fn every_test_that_a_promise_names_is_there() {
    let security = std::fs::read_to_string(root().join("SECURITY.md")).expect("SECURITY.md is UTF-8");
    let (_, section) = security.split_once("## Promises and the tests").expect("the section is there");
    let (section, _) = section.split_once("\n## ").expect("another follows");
    assert!(rows_of(section) > 20, "too few promises were found");
}

#[test]
fn every_weakness_of_perrys_own_modules_has_its_test() {
    let page = std::fs::read_to_string(root().join("perry/UPSTREAM.md")).expect("the page is UTF-8");
    assert_eq!(rows_of(&page), 29);
}

/// The rows of a table whose second column names tests, all of which must be there.
fn rows_of(section: &str) -> usize {
    let tests = tests();
    let rows = section.lines().filter(|line| line.starts_with("| ")).skip(2);
    let check = |row: &str| {
        let names = row.split('|').nth(2).expect("a row has two columns");
        let named: Vec<&str> = names.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "no test: {row}");
        for name in named {
            assert!(tests.contains(name), "there is no test `{name}`, which a table names");
        }
    };
    rows.map(check).count()
}

/// The names of all tests.
fn tests() -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    for file in rust_files() {
        let text = std::fs::read_to_string(root().join(file)).expect("a source is UTF-8");
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            // `proptest!` keeps the attribute in front of the function too.
            is_test |= line == "#[test]";
            // A test may be a part of another.
            let line = line.strip_prefix("pub(crate) ").unwrap_or(line);
            if let Some(name) = line.strip_prefix("fn ").and_then(|rest| rest.split('(').next()) {
                if is_test {
                    tests.insert(name.to_owned());
                }
                is_test = false;
            }
        }
    }
    tests
}
