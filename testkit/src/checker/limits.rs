//! Limits: every one is there, and the dangerous ones hold when tried.

use crate::raw::{Ended, call, in_child};
use crate::report::Report;

/// A resource of `getrlimit(2)`: name, number, the most that counts as bounded anywhere, and the most in our sandboxes.
type Resource = (&'static str, i64, u64, u64);

const RLIMITS: [Resource; 7] = [
    ("core", 4, 0, 0),
    ("nofile", 7, 1 << 20, 1 << 20),
    ("nproc", 6, 1 << 16, 1 << 16),
    ("memlock", 8, 1 << 26, 1 << 16),
    ("msgqueue", 12, 1 << 20, 0),
    ("sigpending", 11, 1 << 17, 1 << 10),
    ("fsize", 1, 1 << 40, 1 << 40),
];

/// What is to be tried.
pub struct Bounds {
    /// Whether the limits must be ours, and not only finite.
    pub ours: bool,
    /// Open files of one process.
    pub files: Option<u64>,
    /// Processes.
    pub pids: Option<usize>,
    /// Memory of one process.
    pub each: Option<usize>,
    /// Memory of all.
    pub memory: Option<usize>,
}

/// All of it.
pub fn check(report: &mut Report, bounds: &Bounds) {
    for (name, number, finite, ours) in RLIMITS {
        let most = match (name, bounds.files) {
            ("nofile", Some(files)) if bounds.ours => files,
            _ if bounds.ours => ours,
            _ => finite,
        };
        let mut limit = [0_u64; 2];
        let answer = call(302, &[0, number, 0, (&raw mut limit) as i64]);
        let held = answer.is_ok() && limit[0] <= most && limit[1] <= most;
        report.held(&format!("rlimit-{name}"), held, format_args!("{limit:?}"));
        // In a child: a limit that is raised or lowered here would count for what comes.
        let raised: [u64; 2] = [most + 1, most + 1];
        let raise = in_child(|| call(302, &[0, number, (&raw const raised) as i64, 0]).err().unwrap_or(0));
        report.held(&format!("rlimit-{name}-raise"), raise != Ended::Code(0), format_args!("{raise:?}"));
    }
    flood_of_files(report, bounds.files);
    locked(report);
    queue(report, bounds.ours);
    match bounds.pids {
        Some(pids) => fork_bomb(report, pids),
        None => report.skip("fork-bomb", "no pids= given"),
    }
    if let Some(each) = bounds.each {
        let one = in_child(|| touch(each * 2));
        report.held("memory-of-one-process", one != Ended::Code(0), format_args!("{one:?}"));
    }
    match bounds.memory {
        Some(memory) => memory_hog(report, memory),
        None => report.skip("memory", "no memory= given"),
    }
}

/// Descriptors until the kernel refuses more.
fn flood_of_files(report: &mut Report, files: Option<u64>) {
    let Some(files) = files else { return report.skip("file-flood", "no files= given") };
    let mut kept = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        kept.push(file);
        if kept.len() as u64 > files + 16 {
            break;
        }
    }
    report.held("file-flood", kept.len() as u64 <= files, format_args!("{} more files", kept.len()));
}

/// One mebibyte that cannot be swapped out.
fn locked(report: &mut Report) {
    let held = in_child(|| {
        let Ok(start) = call(9, &[0, 1 << 20, 3, 0x22, -1, 0]) else { return 12 };
        call(149, &[start, 1 << 20]).err().unwrap_or(0)
    });
    report.held("locked-memory", held != Ended::Code(0), format_args!("{held:?}"));
}

/// A queue of messages, which the kernel keeps outside of every memory of ours.
fn queue(report: &mut Report, ours: bool) {
    if !ours {
        return report.skip("queue-of-messages", "bounded anywhere by RLIMIT_MSGQUEUE");
    }
    let name = c"checker-own";
    let made = call(240, &[name.as_ptr() as i64, 0o102, 0o600, 0]);
    report.held("queue-of-messages", made.is_err(), format_args!("{made:?}"));
    let _ = call(241, &[name.as_ptr() as i64]);
}

fn fork_bomb(report: &mut Report, pids: usize) {
    let mut children = Vec::new();
    let mut refused = None;
    for _ in 0..pids * 2 + 600 {
        match call(57, &[]) {
            Ok(0) => loop {
                // pause(2) until we are killed
                let _ = call(34, &[]);
            },
            Ok(pid) => children.push(pid),
            Err(errno) => {
                refused = Some(errno);
                break;
            }
        }
    }
    for pid in &children {
        let _ = call(62, &[*pid, 9]);
        let _ = call(61, &[*pid, 0, 0, 0]);
    }
    report.held(
        "fork-bomb",
        refused.is_some() && children.len() <= pids,
        format_args!("{} children", children.len()),
    );
}

/// Twice the limit, in several processes, so that a limit of each process alone does not hide the sum.
fn memory_hog(report: &mut Report, memory: usize) {
    let share = memory / 4 * 3;
    let mut children = Vec::new();
    for _ in 0..3 {
        match call(57, &[]) {
            Ok(0) => {
                let code = touch(share);
                let _ = call(35, &[(&raw const PAUSE) as i64, 0]);
                let _ = call(231, &[i64::from(code)]);
            }
            Ok(pid) => children.push(pid),
            Err(_) => {}
        }
    }
    let mut survived = 0;
    for pid in &children {
        let mut status: i32 = 0;
        let _ = call(61, &[*pid, (&raw mut status) as i64]);
        survived += usize::from(status == 0);
    }
    report.held(
        "memory-sum",
        survived < 2,
        format_args!("{survived} of 3 processes with 3/4 of the limit each"),
    );
}

static PAUSE: [i64; 2] = [0, 300_000_000];

fn touch(bytes: usize) -> i32 {
    // mmap: private, anonymous, read and write
    let Ok(start) = call(9, &[0, bytes as i64, 3, 0x22, -1, 0]) else { return 12 };
    for offset in (0..bytes).step_by(4096) {
        // JUSTIFICATION: memory counts only when it is written to.
        // SAFETY: the offset lies inside the mapping that was just made.
        unsafe { ((start as usize + offset) as *mut u8).write_volatile(1) };
    }
    0
}
