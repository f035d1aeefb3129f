//! How far a sandbox of an engine has come, by what stands in its folder and in /proc, or by what its engine says.

use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde_json::Value;

use super::script::{Backend, PID_FILE, Script};
use crate::native::Process;

/// How long an engine may take to say how a sandbox is.
pub(super) const SAYING: Duration = Duration::from_secs(5);

/// Whether that is how a runtime is called. A program that is called so keeps nobody waiting but itself, and not for long.
fn is_runtime(words: &[u8]) -> bool {
    let first = words.split(|byte| *byte == 0).next().unwrap_or_default();
    let name = first.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    [&b"runc"[..], b"crun"].contains(&name)
}

/// Whether a Docker engine has started a container, now or before.
fn is_started(container: &Value) -> bool {
    let started = container.pointer("/State/StartedAt").and_then(Value::as_str);
    started.is_some_and(|started| !started.starts_with("0001-"))
}

/// Whether that process is dead, collected or not. One that may not be looked at is not.
fn is_dead(number: u32) -> bool {
    let Ok(pid) = i32::try_from(number) else { return true };
    kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH)
        || Process::of(number).is_some_and(|process| !process.is_alive())
}

impl Script {
    /// Whether its program has been started, as far as its engine says without being kept waiting.
    pub(crate) fn has_started(&self) -> bool {
        match self.backend {
            Backend::Podman => self.folder.join(PID_FILE).exists(),
            Backend::Runsc => {
                self.folder.join(super::runsc::STATE).read_dir().is_ok_and(|mut it| it.next().is_some())
            }
            Backend::Docker
            | Backend::Nerdctl
            | Backend::Orbstack
            | Backend::Colima
            | Backend::RancherDesktop
            | Backend::Lima => {
                let state = self.state.as_ref().and_then(|state| state.take(SAYING).ok()).unwrap_or_default();
                serde_json::from_slice(&state).is_ok_and(|state: Value| is_started(&state))
            }
            // Apple's says so to nobody, and the others are no scripts.
            Backend::Apple | Backend::Microvm | Backend::Wasm => true,
        }
    }

    /// Whether its process is there and is still its runtime's: podman writes the number down before there is a network, and
    /// before the program is executed.
    pub(crate) fn is_being_made(&self) -> bool {
        let process = self.program().and_then(|number| std::fs::read(format!("/proc/{number}/cmdline")).ok());
        process.is_some_and(|words| is_runtime(&words))
    }

    /// Whether [`Script::has_started`] knows it also of one that has ended, so that one of which it does not say so never ran.
    pub(crate) const fn keeps_start(&self) -> bool {
        matches!(self.backend, Backend::Podman)
    }

    /// The program's process as the host sees it, where its engine runs below us and says so.
    pub(crate) fn program(&self) -> Option<i32> {
        let process = Process::of(self.number()?).filter(|process| process.is_first())?;
        i32::try_from(process.pid).ok()
    }

    /// Whether its program is dead, where its engine runs below us and has said which process it is.
    pub(crate) fn has_ended(&self) -> bool {
        self.number().is_some_and(is_dead)
    }

    fn number(&self) -> Option<u32> {
        if self.backend != Backend::Podman {
            return None;
        }
        std::fs::read_to_string(self.folder.join(PID_FILE)).ok()?.trim().parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_runtime_is_told_from_a_program_by_how_it_was_called() {
        for words in ["/usr/bin/runc\0init\0", "runc\0init\0", "/usr/bin/crun\0--root\0/run/crun\0create\0"] {
            assert!(is_runtime(words.as_bytes()), "{words:?}");
        }
        for words in ["/bin/busybox\0sleep\0", "sh\0-c\0runc\0", "/runc/sh\0", ""] {
            assert!(!is_runtime(words.as_bytes()), "{words:?}");
        }
    }

    #[test]
    fn a_process_is_dead_before_and_after_somebody_has_collected_it() {
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        assert!(!is_dead(child.id()) && !is_dead(1));
        child.kill().unwrap();
        while Process::of(child.id()).is_some_and(Process::is_alive) {
            std::thread::yield_now();
        }
        assert!(is_dead(child.id()), "nobody has collected it");
        child.wait().unwrap();
        assert!(is_dead(child.id()) && is_dead(u32::MAX));
    }
}
