//! How a program in a machine ends, and who ends it.

use std::time::{Duration, Instant};

use super::super::report::FailureKind;
use super::*;
use crate::outcome::{End, Limit};

#[test]
fn a_program_says_something_and_ends_with_its_own_code() {
    let Some(ran) = run(&["/bin/busybox", "echo", "hello"], b"", |_| {}) else { return };
    assert_eq!(
        (ran.report.end, ran.stdout.as_str()),
        (Some(End::Exited(0)), "hello\n"),
        "{:?} {}",
        ran.report,
        ran.stderr
    );
    assert!(ran.report.boot > 0 && ran.report.output == 6 && ran.report.peak_memory >= 0);
    let Some(ran) = run(&["sh", "-c", "echo no >&2; exit 42"], b"", |_| {}) else { return };
    assert_eq!((ran.report.end, ran.stderr.as_str()), (Some(End::Exited(42)), "no\n"), "{:?}", ran.report);
}
