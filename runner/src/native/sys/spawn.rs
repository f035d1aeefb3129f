//! Starts a program of the host as a process that ends with us and has as little as possible: a monitor of a virtual machine.
#![expect(
    unsafe_code,
    reason = "what a new process does before exec cannot be said to the standard library in a safe way"
)]

use std::io;
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};

use super::call::{Errno, NONE, Plain, Prctl, fd, int, plain, prctl, set_limit, sys};
use super::landlock;
use crate::native::landlock::Domain;

/// What is taken from a program that is started with [`spawn_walled`].
#[derive(Debug, Clone)]
pub(crate) struct Walls {
    /// Whether it gets user, network, ipc and uts namespaces of its own.
    pub(crate) namespaces: bool,
    /// The most memory of its own, in bytes.
    pub(crate) memory: u64,
    /// What it may touch of the host's files.
    pub(crate) domain: Option<Domain>,
}

/// Starts a program that dies with this thread's process, and keeps these descriptors open in it.
///
/// It can gain no privileges, write no file that can grow, and leave no image of its memory behind.
pub(crate) fn spawn_walled(command: &mut Command, keep: Vec<RawFd>, walls: &Walls) -> io::Result<Child> {
    let parent = std::process::id();
    // Made here: as another user it may reach nothing of what the rules name.
    let made = |domain: &Domain| landlock::domain(domain.handled, domain.scoped, &domain.rules);
    let domain = walls.domain.as_ref().map(made).transpose()?;
    let (namespaces, memory) = (walls.namespaces, walls.memory);
    let before = move || -> io::Result<()> {
        prctl(Prctl::DieWithParent, i64::from(libc::SIGKILL))?;
        // A parent that died before that is no longer the parent.
        if std::os::unix::process::parent_id() != parent {
            return Err(Errno(libc::ESRCH).into());
        }
        if namespaces {
            let all = libc::CLONE_NEWUSER | libc::CLONE_NEWNET | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS;
            plain(Plain::Unshare, [i64::from(all), 0, 0])?;
        }
        set_limit(libc::RLIMIT_CORE, 0, 0)?;
        set_limit(libc::RLIMIT_FSIZE, 0, 0)?;
        set_limit(libc::RLIMIT_DATA, memory, memory)?;
        for descriptor in &keep {
            stays_open(*descriptor)?;
        }
        prctl(Prctl::NoNewPrivileges, 1)?;
        if let Some(domain) = &domain {
            landlock::enter(domain.as_raw_fd())?;
        }
        Ok(())
    };
    // JUSTIFICATION: std knows neither the signal of a parent's death nor namespaces.
    // SAFETY: the closure makes system calls through wrappers that neither allocate nor lock, and touches no memory but its
    // own; an error holds a number.
    let command = unsafe { command.pre_exec(before) };
    command.spawn()
}

/// Does not close it on exec.
fn stays_open(descriptor: RawFd) -> Result<(), Errno> {
    // JUSTIFICATION: raw, to stay clear of the C library between fork and exec.
    // SAFETY: `F_SETFD` takes numbers.
    unsafe { sys(libc::SYS_fcntl, [fd(descriptor), int(i64::from(libc::F_SETFD)), int(0), NONE, NONE]) }
        .map(drop)
}
