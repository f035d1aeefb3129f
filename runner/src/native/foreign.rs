//! A sandbox that an engine of the host has made, as one that a program of ours joins.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;

use super::cgroup::Group;
use super::ids::Users;
use super::join::Target;
use super::process::Process;
use super::sys::open_pidfd;

/// The sandbox whose first process has this number, if it is the one: `is_it` is asked while the process is held by its
/// descriptor, so that its number cannot have become another's meanwhile.
///
/// SECURITY: the number comes from an engine. A process that is not the first of a pid namespace below ours is no sandbox
/// whatever the engine says, and one without control groups of its own would leave the guest without limits.
pub(crate) fn foreign_target(pid: i32, is_it: impl FnOnce() -> bool) -> io::Result<Target> {
    let other = |why: &str| io::Error::other(format!("process {pid} is not that of a sandbox: {why}"));
    let number = u32::try_from(pid).map_err(|_| other("it has no number"))?;
    let process = open_pidfd(number)?;
    if !Process::of(number).is_some_and(Process::is_first) {
        return Err(other("it is not the first process of a namespace"));
    }
    let group = Group::around(pid)?;
    let space = |of: &str| Ok::<_, io::Error>(fs::metadata(format!("/proc/{of}/ns/user"))?.ino());
    let users = if space("self")? == space(&pid.to_string())? { Users::Hosts } else { Users::Own };
    if !is_it() {
        return Err(other("it has ended, or is another one's"));
    }
    Ok(Target { process, pid, group: Some(group), users })
}
