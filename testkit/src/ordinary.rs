//! Tests that hold for root and for an ordinary user. Only root can try both in one run.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use crate::{is_root, skip};

/// The user and group that stand for an ordinary user when the tests run as root.
pub(crate) const ORDINARY: u32 = 1337;

/// Whether this is root; says aloud that the test is skipped where it is not.
pub fn as_root() -> bool {
    if !is_root() {
        let test = std::thread::current();
        skip(&format!("only root can try {}", test.name().unwrap_or("this")));
    }
    is_root()
}

/// Runs a test of this program again, as an ordinary user, and gives what it wrote to standard error. Whoever is not root has
/// run it as that already.
///
/// # Panics
/// Where the test fails, or there is none of that name.
pub fn again_as_ordinary(test: &str) -> String {
    let program = std::env::current_exe().expect("the test program has a path");
    again_as_ordinary_from(&program, test, &[])
}

/// The same from a copy of this program, which an ordinary user must be able to read, with these variables.
///
/// # Panics
/// As `again_as_ordinary`.
pub fn again_as_ordinary_from(program: &Path, test: &str, variables: &[(&str, &OsStr)]) -> String {
    if !is_root() {
        return String::new();
    }
    let output = Command::new(program)
        .envs(variables.iter().copied())
        .args(["--exact", test, "--nocapture"])
        .uid(ORDINARY)
        .gid(ORDINARY)
        // From the host's root: what is mounted on a folder of the runner must not matter.
        .current_dir("/")
        .output()
        .expect("the test program starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.contains("1 passed"), "{test}: {said}{errors}");
    for line in errors.lines().filter_map(|line| line.strip_prefix("skipped: ")) {
        skip(line);
    }
    errors
}
