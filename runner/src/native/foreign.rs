//! A sandbox that an engine of the host has made, as one that a program of ours joins.

use std::fs;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;

use super::cgroup::Group;
use super::ids::Users;
use super::join::Target;
use super::process::Process;
use super::sys::{open_pidfd, peek_exited};

/// The sandbox whose first process has this number, if `is_it` says so of what is found under that number.
pub(crate) fn foreign_target(pid: i32, is_it: impl FnOnce() -> bool) -> io::Result<Target> {
    let (process, group) = foreign_process(pid, is_it)?;
    let space = |of: &str| Ok::<_, io::Error>(fs::metadata(format!("/proc/{of}/ns/user"))?.ino());
    let users = if space("self")? == space(&pid.to_string())? { Users::Hosts } else { Users::Own };
    if label("self") != label(&pid.to_string()) {
        // AppArmor's and SELinux's labels are given at exec, and a guest keeps ours.
        let why = "AppArmor or SELinux confines the sandbox and would not confine a program that joins it: use the backend `native` for that";
        return Err(io::Error::other(why));
    }
    if peek_exited(process.as_fd()) {
        return Err(other(pid, "it has ended"));
    }
    Ok(Target { process, pid, group: Some(group), users })
}

/// The first process of that sandbox, and what holds its limits.
///
/// SECURITY: a process that is not the first of a pid namespace below ours is no sandbox whatever an engine says. Without
/// control groups of its own it would leave the guest without limits, and groups that are not root's can be any user's, under
/// any name. Everything is read by the number, so at the end the process must still live that its descriptor holds: as long as
/// it does, the number is nobody else's.
pub(crate) fn foreign_process(pid: i32, is_it: impl FnOnce() -> bool) -> io::Result<(OwnedFd, Group)> {
    let number = u32::try_from(pid).map_err(|_| other(pid, "it has no number"))?;
    let process = open_pidfd(number)?;
    if !Process::of(number).is_some_and(Process::is_first) {
        return Err(other(pid, "it is not the first process of a namespace"));
    }
    let group = Group::around(pid)?;
    if !group.is_roots() {
        return Err(other(pid, "its control groups are not root's"));
    }
    if !is_it() || peek_exited(process.as_fd()) {
        return Err(other(pid, "it has ended, or is another one's"));
    }
    Ok((process, group))
}

fn other(pid: i32, why: &str) -> io::Error {
    io::Error::other(format!("process {pid} is not that of a sandbox: {why}"))
}

/// What a security module of the kernel has labelled a process with; nothing where there is none.
fn label(process: &str) -> Option<Vec<u8>> {
    let label = fs::read(format!("/proc/{process}/attr/current")).ok()?;
    Some(label.into_iter().filter(|byte| !matches!(byte, 0 | b'\n')).collect())
}
