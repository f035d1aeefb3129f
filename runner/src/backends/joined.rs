//! Programs that join a sandbox of an engine: not through the engine, but as they join one of our own.
//!
//! An engine's own `exec` starts what it likes under walls that it chooses, and a program that it started outlives a client
//! that is killed. Where the sandbox's processes are this kernel's, ours enters its namespaces and control groups by itself,
//! and puts on the plan's filter, limits and Linux caps step by step.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use serde_json::Value;

use super::prepared::Work;
use super::script::{Action, Backend, PID_FILE, Script};
use super::stage::SAYING;
use crate::native::{Ids, Process, Target, foreign_process, foreign_target};

/// Whether a program can join a sandbox of this backend here, as far as can be said before there is one; if not, why.
pub(crate) fn can_be_joined(backend: &str) -> Result<(), &'static str> {
    if backend == Backend::Runsc.name() {
        return Err(
            "gVisor puts no filter on such a program, and leaves it running when its client is killed",
        );
    }
    if ![Backend::Podman, Backend::Docker].iter().any(|known| known.name() == backend) {
        return Err("its processes are not this kernel's, or nobody has tried it");
    }
    if Ids::of_this_process() != Ids::Range {
        return Err("only root may enter what an engine has made");
    }
    Ok(())
}

impl Work {
    /// Where a program can join; if nowhere, why.
    pub(crate) fn target(&self) -> Result<Target, String> {
        let Self::Script(script) = self else {
            return Err("it is no sandbox of this kernel's processes".to_owned());
        };
        script.target()
    }
}

impl Script {
    fn target(&self) -> Result<Target, String> {
        self.found(|pid, is_it| foreign_target(pid, is_it))
    }

    /// Its first process.
    pub(super) fn first_process(&self) -> Result<OwnedFd, String> {
        self.found(|pid, is_it| foreign_process(pid, is_it).map(|(process, _)| process))
    }

    /// What `look` makes of the number of its first process, and of who knows whether it is that.
    fn found<T>(&self, look: impl FnOnce(i32, &dyn Fn() -> bool) -> io::Result<T>) -> Result<T, String> {
        can_be_joined(self.backend.name())?;
        let found = if self.backend == Backend::Podman {
            let file = self.folder.join(PID_FILE);
            let pid = self.program().ok_or("podman does not say which process its program is")?;
            look(pid, &|| is_monitored(pid, &file))
        } else {
            let id = self.container()?;
            let pid = first_process(&id).ok_or("no process of this kernel is the first of that container")?;
            look(pid, &|| is_in_groups(pid, &id))
        };
        found.map_err(|error| error.to_string())
    }

    /// What a Docker engine calls a container that runs.
    fn container(&self) -> Result<String, String> {
        let Some(state @ Action::Ask(ask)) = &self.state else {
            return Err("its engine is asked by a client".to_owned());
        };
        let body = state.take(SAYING).map_err(|error| error.to_string())?;
        let body =
            serde_json::from_slice(&body).map_err(|error| ask.unusable(error.to_string()).to_string())?;
        read_id(&body).ok_or_else(|| "the engine does not say that it runs".to_owned())
    }
}

fn read_id(body: &Value) -> Option<String> {
    let id = body.get("Id")?.as_str()?;
    // It is looked for in a text: a short one could be found anywhere.
    let is_digest = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let runs = body.pointer("/State/Running")?.as_bool()?;
    (runs && is_digest).then(|| id.to_owned())
}

/// The first process of a container as this kernel numbers it. The engine's own number may be of another pid namespace, or of
/// another machine: what counts is in whose control groups a process is.
fn first_process(id: &str) -> Option<i32> {
    let all = fs::read_dir("/proc").ok()?.flatten();
    let mut numbers = all.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    numbers.find(|pid| {
        is_in_groups(*pid, id)
            && u32::try_from(*pid).ok().and_then(Process::of).is_some_and(Process::is_first)
    })
}

fn is_in_groups(pid: i32, id: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/cgroup")).is_ok_and(|groups| is_of(&groups, id))
}

/// Whether the groups that hold a process's limits are a container's: under its name, as both ways of making them (cgroupfs and
/// systemd) have it. The names prove nothing by themselves: anybody may make such a group of their own.
fn is_of(groups: &str, id: &str) -> bool {
    let scope = format!("docker-{id}.scope");
    let last_of = |wanted: &str| {
        groups.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (names, path) = (parts.next()?, parts.next()?);
            names.split(',').any(|name| name == wanted).then(|| path.rsplit('/').next()).flatten()
        })
    };
    let is_its = |last: Option<&str>| last.is_some_and(|last| last == id || last == scope);
    let first = ["memory", "pids", "cpu"].map(last_of);
    // Where the first version has the limits, the second one beside it has whatever its daemon is in.
    if first.iter().any(Option::is_some) { first.into_iter().all(is_its) } else { is_its(last_of("")) }
}

/// Whether podman's monitor of the sandbox with this file is a process's parent: it lives as long as its container does.
fn is_monitored(pid: i32, file: &Path) -> bool {
    let parent = fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|text| text.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse::<i32>().ok());
    let words =
        parent.and_then(|parent| fs::read(format!("/proc/{parent}/cmdline")).ok()).unwrap_or_default();
    words.split(|byte| *byte == 0).any(|word| word == file.as_os_str().as_encoded_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_container_that_is_not_said_to_run_under_its_whole_name_is_none() {
        let id = "a1".repeat(32);
        let said = |id: &str, running: bool| read_id(&json!({ "Id": id, "State": { "Running": running } }));
        assert_eq!(said(&id, true), Some(id.clone()));
        for (id, running) in [(id.as_str(), false), ("", true), ("/", true), ("../", true), ("a1", true)] {
            assert_eq!(said(id, running), None, "{id}");
        }
        assert_eq!(read_id(&json!({ "Id": id })), None);
        assert_eq!(first_process(&id), None);
    }

    #[test]
    fn groups_are_a_containers_by_their_last_name_only() {
        let id = "a1".repeat(32);
        for path in
            [format!("/docker/{id}"), format!("/system.slice/docker-{id}.scope"), format!("/x/y/{id}")]
        {
            let first = format!("5:memory:{path}\n4:pids:{path}\n2:cpu,cpuacct:{path}\n0::/init.scope\n");
            assert!(is_of(&first, &id) && is_of(&format!("0::{path}\n"), &id), "{path}");
            assert!(!is_of(&first.replacen(&path, "/other", 1), &id), "{path}");
        }
        for path in
            [format!("/user/{id}/x"), format!("/user/x-{id}"), format!("/user/{id}.scope"), "/".to_owned()]
        {
            assert!(!is_of(&format!("0::{path}\n"), &id), "{path}");
            assert!(
                !is_of(&format!("5:memory:/docker/{id}\n4:pids:{path}\n0::/docker/{id}\n"), &id),
                "{path}"
            );
        }
        assert!(!is_of("", &id));
    }

    #[test]
    fn no_process_is_that_of_a_sandbox_because_somebody_says_so() {
        let own = i32::try_from(std::process::id()).unwrap();
        for pid in [own, 1, -1, 0] {
            assert!(foreign_target(pid, || true).is_err(), "{pid}");
        }
        assert!(!is_monitored(own, Path::new("/run/x/pid")));
    }

    #[test]
    fn what_nobody_can_join_says_why() {
        for backend in ["runsc", "microvm", "wasm", "nerdctl", "apple", "lima", "orbstack"] {
            can_be_joined(backend).unwrap_err();
        }
    }
}
