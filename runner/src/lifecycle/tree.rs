//! The processes of a running sandbox, as the host sees them: stopped, let go on, and measured.
//!
//! Whatever runs in a sandbox descends from its first process or from a program that has joined, since its first process
//! inherits all orphans. Each is acted on by a descriptor that was opened before it was seen to be one of them: a number
//! that is used again is nobody's.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::native::{Process, open_pidfd, signal_by_pidfd, with_memory};

/// How often it is looked whether all have stopped: one may have made another meanwhile.
const ROUNDS: usize = 200;
const PAUSE: Duration = Duration::from_millis(5);

/// What a running sandbox uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Load {
    /// Processes.
    pub processes: u64,
    /// Bytes of memory that are its own or shared in it: no file's.
    pub memory: u64,
    /// Processor time of the processes that are there, since each began.
    pub cpu: Duration,
}

/// Stops all of them, and answers when they are stopped.
pub(super) fn freeze(tops: &dyn Fn() -> Vec<i32>) -> Result<(), String> {
    let mut stopped = None;
    for _ in 0..ROUNDS {
        let all = tree(&tops());
        let going: Vec<u32> = all.iter().copied().filter(|pid| !is_stopped(*pid)).collect();
        if going.is_empty() {
            // One that was made while the others were listed is seen when they are listed again.
            if stopped.as_ref() == Some(&all) {
                return Ok(());
            }
            stopped = Some(all);
            continue;
        }
        stopped = None;
        signal(&going, tops, libc::SIGSTOP)?;
        thread::sleep(PAUSE);
    }
    thaw(tops)?;
    Err("its processes cannot be stopped, for new ones come as fast; they go on".to_owned())
}

/// Lets all of them go on.
pub(super) fn thaw(tops: &dyn Fn() -> Vec<i32>) -> Result<(), String> {
    let all: Vec<u32> = tree(&tops()).into_iter().collect();
    signal(&all, tops, libc::SIGCONT)
}

/// Measures all of them.
pub(super) fn measure(tops: &[i32]) -> Load {
    let mut load = Load { processes: 0, memory: 0, cpu: Duration::ZERO };
    for pid in tree(tops) {
        let Some(ticks) = stat(format!("/proc/{pid}")).and_then(|fields| ticks(&fields)) else { continue };
        load.processes = load.processes.saturating_add(1);
        // The kernel tells a hundred of them a second, whatever it counts by itself.
        load.cpu = load.cpu.saturating_add(Duration::from_millis(ticks.saturating_mul(10)));
        load.memory = load.memory.saturating_add(memory(pid));
    }
    load
}

fn signal(pids: &[u32], tops: &dyn Fn() -> Vec<i32>, signal: i32) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| format!("its processes cannot be reached: {error}");
    let mut open = Vec::new();
    for pid in pids {
        let Some(process) = Process::of(*pid) else { continue };
        match open_pidfd(*pid) {
            // One whose main thread has ended looks dead and is not: that the number is still its own is enough.
            Ok(descriptor) if process.exists() => open.push((*pid, descriptor)),
            Ok(_) => {}
            Err(errno) if errno.0 == libc::ESRCH => {}
            Err(errno) => return Err(failed(&errno)),
        }
    }
    // SECURITY: only now is it seen whose they are. A number that was another's is not among them.
    let own = tree(&tops());
    for (pid, descriptor) in open.into_iter().filter(|(pid, _)| own.contains(pid)) {
        match signal_by_pidfd(descriptor.as_raw_fd(), signal) {
            Ok(()) => {}
            Err(errno) if errno.0 == libc::ESRCH => {}
            Err(errno) => return Err(format!("{} ({pid})", failed(&errno))),
        }
    }
    Ok(())
}

/// These processes and all that descend from them.
pub(super) fn tree(tops: &[i32]) -> BTreeSet<u32> {
    let parents = parents();
    let mut found: BTreeSet<u32> = tops.iter().filter_map(|pid| u32::try_from(*pid).ok()).collect();
    found.retain(|pid| parents.contains_key(pid));
    loop {
        let more: Vec<u32> = parents
            .iter()
            .filter(|(pid, parent)| found.contains(*parent) && !found.contains(*pid))
            .map(|(pid, _)| *pid)
            .collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

fn parents() -> BTreeMap<u32, u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| Some((pid, stat(format!("/proc/{pid}"))?.get(1)?.parse().ok()?))).collect()
}

/// What stands behind the program's name, which may hold anything.
fn stat(folder: impl AsRef<Path>) -> Option<Vec<String>> {
    let text = fs::read(folder.as_ref().join("stat")).ok()?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let (_, fields) = text.rsplit_once(')')?;
    Some(fields.split_ascii_whitespace().map(str::to_owned).collect())
}

/// One that is dead or gone needs no stopping.
///
/// SECURITY: all threads are asked, for the main one may have ended before the others: the process looks dead then.
fn is_stopped(pid: u32) -> bool {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return true };
    let states = tasks.flatten().map(|task| stat(task.path())?.into_iter().next());
    // A thread that has gone meanwhile may have made another that was not listed.
    let Some(states) = states.collect::<Option<Vec<_>>>() else { return false };
    // One that waits in the kernel, for the child it has made with vfork say, which is stopped, stops before it runs again.
    let is_told = states.iter().any(|state| state == "T") || awaits_stop(pid);
    states.iter().all(|state| "TtZX".contains(state.as_str()) || state == "D" && is_told)
}

/// Whether SIGSTOP was sent to it and no thread has taken it yet.
fn awaits_stop(pid: u32) -> bool {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let pending = text.lines().find_map(|line| line.strip_prefix("ShdPnd:"));
    let pending = pending.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    pending & (1 << (libc::SIGSTOP - 1)) != 0
}

/// Processor time of a process, its own and the kernel's for it.
fn ticks(fields: &[String]) -> Option<u64> {
    let at = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(at(11)?.saturating_add(at(12)?))
}

fn memory(pid: u32) -> u64 {
    let shown = i32::try_from(pid).ok().and_then(with_memory);
    let text = shown.map(|(_, status)| status).unwrap_or_default();
    let of = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_start_matches(':').split_ascii_whitespace().next()?.parse::<u64>().ok()
    };
    let kib = of("RssAnon").unwrap_or(0).saturating_add(of("RssShmem").unwrap_or(0));
    kib.saturating_mul(1024)
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// A shell with a child of its own, ended with its test.
    struct Family(Child);

    impl Drop for Family {
        fn drop(&mut self) {
            thaw(&|| self.tops()).ok();
            let own = tree(&self.tops());
            for pid in own {
                Command::new("kill").args(["-KILL", &pid.to_string()]).status().ok();
            }
            self.0.wait().ok();
        }
    }

    impl Family {
        fn new(script: &str) -> Self {
            let family = Self(Command::new("sh").args(["-c", script]).spawn().unwrap());
            while tree(&family.tops()).len() < 3 {
                thread::sleep(PAUSE);
            }
            family
        }

        fn tops(&self) -> Vec<i32> {
            vec![self.0.id().try_into().unwrap()]
        }
    }

    #[test]
    fn all_are_stopped_and_go_on() {
        let family = Family::new("(sleep 100 & while :; do sleep 0.01; done) & wait");
        freeze(&|| family.tops()).unwrap();
        let before = tree(&family.tops());
        assert!(before.len() >= 3 && before.iter().all(|pid| is_stopped(*pid)));
        thread::sleep(Duration::from_millis(50));
        assert_eq!(tree(&family.tops()), before, "nothing is made meanwhile");
        thaw(&|| family.tops()).unwrap();
        assert!(before.iter().any(|pid| !is_stopped(*pid)));
    }

    /// A program of Python's, once it is as wanted.
    fn python(program: &str, is_so: impl Fn(&Family) -> bool) -> Option<Family> {
        let mut command = Command::new("python3");
        let Ok(child) = command.args(["-c", program]).stderr(Stdio::null()).spawn() else {
            perry_sandbox_testkit::skip("no python3");
            return None;
        };
        let family = Family(child);
        let in_time = (0..2000).any(|_| {
            thread::sleep(PAUSE);
            is_so(&family)
        });
        assert!(in_time, "it has not come so far");
        Some(family)
    }

    fn states(pid: u32) -> Vec<String> {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
        tasks.filter_map(|task| stat(task.path())?.into_iter().next()).collect()
    }

    #[test]
    fn one_whose_main_thread_has_ended_is_stopped_and_measured() {
        let program = format!(
            "import ctypes, threading, time\nkept = b'x' * (48 << 20)\n\
             threading.Thread(target=lambda: [time.sleep(0.001) for _ in range(100000)]).start()\n\
             ctypes.CDLL(None).syscall({}, 0)",
            libc::SYS_exit
        );
        let ended = |family: &Family| {
            let states = states(family.0.id());
            states.len() > 1 && states.first().is_some_and(|state| state == "Z")
        };
        let Some(family) = python(&program, ended) else { return };
        assert!(!is_stopped(family.0.id()));
        assert!(measure(&family.tops()).memory > 48 << 20);
        freeze(&|| family.tops()).unwrap();
        assert_eq!(states(family.0.id()), ["Z", "T"]);
        thaw(&|| family.tops()).unwrap();
        assert!(!is_stopped(family.0.id()));
    }

    #[test]
    fn one_that_waits_for_a_stopped_child_does_not_keep_it_from_being_stopped() {
        let program = format!(
            "import ctypes, time\nctypes.CDLL(None).syscall({}, {}, 0, 0, 0, 0)\ntime.sleep(100)",
            libc::SYS_clone,
            libc::CLONE_VFORK | libc::SIGCHLD
        );
        let waits = |family: &Family| tree(&family.tops()).len() == 2 && states(family.0.id()) == ["D"];
        let Some(family) = python(&program, waits) else { return };
        assert!(!is_stopped(family.0.id()), "nobody has told it to");
        freeze(&|| family.tops()).unwrap();
        let own = tree(&family.tops());
        assert!(own.len() == 2 && own.iter().all(|pid| is_stopped(*pid)));
        thaw(&|| family.tops()).unwrap();
        assert!(own.iter().all(|pid| !is_stopped(*pid)));
    }

    #[test]
    fn what_they_use_is_summed() {
        let family =
            Family::new("(sleep 100 & i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; sleep 100) & wait");
        let mut load = measure(&family.tops());
        for _ in 0..1000 {
            if load.cpu > Duration::ZERO {
                break;
            }
            thread::sleep(PAUSE);
            load = measure(&family.tops());
        }
        assert!(load.processes >= 3 && load.memory > 0 && load.cpu > Duration::ZERO, "{load:?}");
        assert_eq!(measure(&[]), Load { processes: 0, memory: 0, cpu: Duration::ZERO });
    }
}
