//! What a hostile image ships: programs with more rights than their caller, device nodes, files where ours belong.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

use crate::raw::{EACCES, EPERM, call};
use crate::report::Report;

/// Copies of this program: set-user-id, set-group-id, with file capabilities.
const PROGRAMS: [(&str, &str); 3] = [
    ("setuid-program", "/bin/checker-setuid"),
    ("setgid-program", "/bin/checker-setgid"),
    ("file-caps-program", "/bin/checker-caps"),
];

/// `PROC_SUPER_MAGIC`.
const PROCFS: u64 = 0x9fa0;

/// All of it.
pub fn check(report: &mut Report) {
    let own = rights();
    for (name, path) in PROGRAMS {
        if fs::symlink_metadata(path).is_err() {
            report.skip(name, "the image has none");
            continue;
        }
        let told = Command::new(path).arg("tell=rights").output();
        let told = told.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        let held = told.as_ref().map_or(true, |told| *told == own);
        report.held(name, held, format_args!("{told:?}, and {own} without it"));
    }
    for path in ["/planted-device", "/planted-block"] {
        if fs::symlink_metadata(path).is_err() {
            report.skip(&format!("open-{path}"), "the image has none");
            continue;
        }
        let opened = File::open(path).map_err(|error| error.raw_os_error().unwrap_or(0));
        // ENXIO would say that the kernel looked for the driver.
        let held = matches!(opened, Err(EACCES | EPERM));
        report.held(&format!("open-{path}"), held, format_args!("{opened:?}"));
    }
    let console = fs::symlink_metadata("/dev/console").map(|metadata| metadata.file_type());
    report.held(
        "dev-console-not-the-images",
        console.as_ref().map_or(true, |kind| !kind.is_symlink()),
        format_args!("{console:?}"),
    );
    let mut status = [0_u64; 15];
    let asked = call(137, &[c"/proc".as_ptr() as i64, status.as_mut_ptr() as i64]);
    report.held("proc-is-procfs", asked.is_ok() && status[0] == PROCFS, format_args!("{:#x}", status[0]));
}

/// Effective ids and Linux caps of this process.
pub fn rights() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let caps = status.lines().find_map(|line| line.strip_prefix("CapEff:\t")).unwrap_or("").to_owned();
    let own = fs::metadata("/proc/self").map(|metadata| (metadata.uid(), metadata.gid()));
    format!("{own:?} {caps} {:?} {:?}", call(107, &[]), call(108, &[]))
}
