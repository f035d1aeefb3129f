//! New namespaces, tried for real: here it counts whether one was made, not who refused it.

use crate::raw::{Ended, call, in_child};
use crate::report::Report;

/// Kinds of `CLONE_NEW*`. All but the first need Linux caps.
const KINDS: [(&str, i64); 7] = [
    ("user", 0x1000_0000),
    ("mount", 0x2_0000),
    ("pid", 0x2000_0000),
    ("net", 0x4000_0000),
    ("ipc", 0x0800_0000),
    ("uts", 0x0400_0000),
    ("cgroup", 0x0200_0000),
];

/// The signal of a child's end.
const SIGCHLD: i64 = 17;

/// All of them, by every call that can make one.
pub fn check(report: &mut Report) {
    for (name, flag) in KINDS {
        let ended = in_child(|| call(272, &[flag]).err().unwrap_or(0));
        report.held(&format!("new-{name}-namespace"), ended != Ended::Code(0), format_args!("{ended:?}"));
    }
    let ended = in_child(|| leave(call(56, &[KINDS[0].1 | SIGCHLD, 0, 0, 0, 0])));
    report.held("new-user-namespace-by-clone", ended != Ended::Code(0), format_args!("{ended:?}"));
    // struct clone_args: flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls.
    let arguments: [i64; 8] = [KINDS[0].1, 0, 0, 0, SIGCHLD, 0, 0, 0];
    let ended = in_child(|| leave(call(435, &[(&raw const arguments) as i64, 64])));
    report.held("new-user-namespace-by-clone3", ended != Ended::Code(0), format_args!("{ended:?}"));
}

/// What a clone said; the clone itself leaves at once.
fn leave(answer: Result<i64, i32>) -> i32 {
    match answer {
        Ok(_) => 0,
        Err(errno) => errno,
    }
}
