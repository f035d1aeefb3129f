//! What a recording did not walk through: the paths on which the program may need more.

use std::collections::BTreeSet;

use super::runs::Recording;
use crate::seccomp::Clause;

/// `CLONE_THREAD`.
const THREAD: u64 = 0x0001_0000;

/// What programs do, and the calls by which it shows.
const DEEDS: &[(&str, &[&str])] = &[
    ("another program", &["execve", "execveat"]),
    ("sockets", &["socket", "socketpair", "accept", "accept4"]),
    ("handling a signal", &["rt_sigreturn"]),
    (
        "writing to files by name",
        &[
            "rename",
            "renameat",
            "renameat2",
            "unlink",
            "unlinkat",
            "mkdir",
            "mkdirat",
            "truncate",
            "ftruncate",
        ],
    ),
    (
        "waiting",
        &["nanosleep", "clock_nanosleep", "poll", "ppoll", "select", "pselect6", "epoll_wait", "epoll_pwait"],
    ),
    ("asking a terminal", &["ioctl"]),
];

impl Recording {
    /// Lists what no run did, in words for people.
    pub fn not_exercised(&self) -> Vec<String> {
        let calls: BTreeSet<&str> = self.seen.keys().map(|sight| sight.call.name()).collect();
        let mut missing: Vec<String> = Vec::new();
        if !self.clones(true) {
            missing.push("threads".to_owned());
        }
        if !self.clones(false) && !["fork", "vfork"].iter().any(|call| calls.contains(call)) {
            missing.push("child processes".to_owned());
        }
        let absent = DEEDS.iter().filter(|(_, shown_by)| !shown_by.iter().any(|call| calls.contains(call)));
        missing.extend(absent.map(|(deed, _)| (*deed).to_owned()));
        let others = crate::Arch::ALL.into_iter().filter(|arch| *arch != self.arch);
        missing.extend(others.map(|arch| format!("{arch}")));
        missing
    }

    /// Says whether a thread, or a process, was made.
    fn clones(&self, thread: bool) -> bool {
        let flags = |class: &Clause| class.tests().find(|test| test.arg == 0).map_or(0, |test| test.value);
        let clones = self.seen.keys().filter(|sight| sight.call.name() == "clone");
        clones.map(|sight| flags(&sight.class) & THREAD != 0).any(|made| made == thread)
    }
}
