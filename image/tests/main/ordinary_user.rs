//! The same tests again as an ordinary user, where the run is root's.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::Command;

use perry_sandbox_testkit::skip;

/// Modules whose tests behave differently without root's powers.
const MODULES: [&str; 3] = ["hostile_layers::", "unpacked_layers::", "store::"];

#[test]
fn everything_holds_for_an_ordinary_user_too() {
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    // The build folder may lie where the ordinary user cannot go.
    let program = dir.path().join("tests");
    // Copied by another process: a child that another test starts meanwhile would keep the new file open.
    let copied = Command::new("cp").arg(std::env::current_exe().unwrap()).arg(&program).status().unwrap();
    assert!(copied.success());
    let home = dir.path().join("home");
    std::fs::create_dir(&home).unwrap();
    std::os::unix::fs::chown(&home, Some(65534), Some(65534)).unwrap();
    let run = Command::new("setpriv")
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
        .arg(&program)
        .args(MODULES)
        .env("TMPDIR", &home)
        .current_dir(&home)
        .output();
    let Ok(run) = run else {
        skip("no setpriv");
        return;
    };
    let text = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{text}\n{}", String::from_utf8_lossy(&run.stderr));
    assert!(!text.contains(" 0 passed"), "{text}");
}
