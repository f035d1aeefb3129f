//! Saying aloud that a test could not run here.

use std::io::Write as _;

/// Set by `.ci/run`, which has installed everything: then nothing may be skipped.
const NO_SKIP: &str = "PERRY_SANDBOX_TEST_NO_SKIP";

/// Reports a test as skipped, e.g. `skip("no cosign: set PERRY_SANDBOX_PEERS")`. The line goes past the test
/// harness's capture, so that it is seen and can be counted.
///
/// # Panics
/// Where nothing may be skipped.
pub fn skip(reason: &str) {
    assert!(std::env::var_os(NO_SKIP).is_none(), "this machine must run the test, but: {reason}");
    let _ = writeln!(std::io::stderr(), "skipped: {reason}");
}
