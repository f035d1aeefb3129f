//! No file grows until nobody reads it.

use std::path::Path;

/// Above this a source file is split by idea.
const MAX_SOURCE: usize = 800;
/// Tests are lists, and may be longer.
const MAX_TEST: usize = 1500;

#[test]
fn no_file_is_longer_than_the_limit() {
    for file in crate::rust_files() {
        let text = std::fs::read_to_string(crate::root().join(&file)).expect("a source file is UTF-8");
        let lines = text.lines().count();
        let is_test =
            file.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "benches");
        let limit = if is_test { MAX_TEST } else { MAX_SOURCE };
        assert!(
            lines <= limit,
            "{} has {lines} lines, the limit is {limit}: split it by idea",
            file.display()
        );
    }
}

#[test]
fn mod_files_only_re_export() {
    let in_tests = |file: &Path| file.components().any(|part| part.as_os_str() == "tests");
    for file in crate::rust_files().into_iter().filter(|file| file.ends_with("mod.rs") && !in_tests(file)) {
        let text = std::fs::read_to_string(crate::root().join(&file)).expect("a source file is UTF-8");
        let code = text.lines().any(|line| line.trim_start().starts_with("fn ") || line.starts_with("impl "));
        assert!(!code, "{} has code: a mod.rs names modules and re-exports", file.display());
    }
}
