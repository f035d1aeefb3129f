//! Limits: every one is there, and the dangerous ones hold when tried.

use crate::raw::{Ended, call, in_child};
use crate::report::Report;

/// Names and numbers of `getrlimit(2)`, and the most that counts as bounded.
const RLIMITS: [(&str, i64, u64); 7] = [
    ("core", 4, 0),
    ("nofile", 7, 1 << 20),
    ("nproc", 6, 1 << 16),
    ("memlock", 8, 1 << 26),
    ("msgqueue", 12, 1 << 20),
    ("sigpending", 11, 1 << 17),
    ("fsize", 1, 1 << 40),
];

/// All of it.
pub fn check(report: &mut Report, pids: Option<usize>, memory: Option<usize>) {
    for (name, number, most) in RLIMITS {
        let mut limit = [0_u64; 2];
        let answer = call(302, &[0, number, 0, (&raw mut limit) as i64]);
        let held = answer.is_ok() && limit[0] <= most && limit[1] <= most;
        report.held(&format!("rlimit-{name}"), held, format_args!("{limit:?}"));
        let raised: [u64; 2] = [u64::MAX, u64::MAX];
        let raise = call(302, &[0, number, (&raw const raised) as i64, 0]);
        report.held(&format!("rlimit-{name}-raise"), raise.is_err(), format_args!("{raise:?}"));
    }
    match pids {
        Some(pids) => fork_bomb(report, pids),
        None => report.skip("fork-bomb", "no pids= given"),
    }
    match memory {
        Some(memory) => memory_hog(report, memory),
        None => report.skip("memory", "no memory= given"),
    }
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
    let one = in_child(|| touch(memory * 2));
    report.held("memory-one-process", one != Ended::Code(0), format_args!("{one:?}"));
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
