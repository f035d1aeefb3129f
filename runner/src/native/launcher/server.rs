//! The launcher process itself: one thread, one poll loop, nothing kept but what runs.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};

use super::frame::{self, Word};
use crate::native::live::reap;
use crate::native::report::{EXITED, LONGEST, REFUSED, STARTED};
use crate::native::spec::Spec;
use crate::native::start::{Given, start};
use crate::native::sys::{Cloned, Exit, open_pidfd, signal_by_pidfd, wait_exit};
use crate::native::wait::await_readable;

/// A sandbox that this process has to collect, and whom to tell.
struct Child {
    process: Cloned,
    report: OwnedFd,
}

/// More folders of live sandboxes than one program has.
const MOST_FOLDERS: usize = 16;
/// How long a program that has closed the socket may take to end.
const PARTING: Duration = Duration::from_secs(1);
/// How long killed sandboxes may take to be gone, all together.
const DYING: Duration = Duration::from_secs(3);

/// Serves until its program is gone, and removes then what that had no time to remove.
pub(crate) fn serve(control: &UnixStream) -> io::Result<()> {
    let program = open_pidfd(std::os::unix::process::parent_id())?;
    let (mut children, mut folders) = (Vec::new(), BTreeSet::new());
    let parting = serve_until_the_end(control, &program, &mut children, &mut folders);
    end(&children);
    if !matches!(parting, Ok(Parting::Spoken)) {
        // Its locks on the records of its sandboxes go with it. What is locked still is somebody's; what cannot be removed is
        // tried again by the next start.
        await_readable(&program, PARTING)?;
        for folder in &folders {
            drop(reap(folder));
        }
    }
    parting.map(drop)
}

/// How the program left.
enum Parting {
    /// It said so, and removes what is left by itself.
    Spoken,
    /// It has ended, or closed the socket; nobody else may be there for a long time to remove what is left.
    Silent,
}

/// The kernel kills what we started when we are gone, but a program may have got rid of its death signal.
fn end(children: &[Child]) {
    for child in children {
        // Dead already is what we want.
        let _ = signal_by_pidfd(child.process.pidfd.as_raw_fd(), libc::SIGKILL);
    }
    let begin = Instant::now();
    for child in children {
        // One that the kernel does not let go yet is not waited for without end.
        let rest = DYING.saturating_sub(begin.elapsed());
        if await_readable(&child.process.pidfd, rest).unwrap_or(false) {
            let _ = wait_exit(child.process.pidfd.as_fd());
        }
    }
}

fn serve_until_the_end(
    control: &UnixStream,
    program: &OwnedFd,
    children: &mut Vec<Child>,
    folders: &mut BTreeSet<PathBuf>,
) -> io::Result<Parting> {
    loop {
        let own = [control.as_fd(), program.as_fd()].map(|own| PollFd::new(own, PollFlags::POLLIN));
        let mut entries = Vec::from(own);
        entries
            .extend(children.iter().map(|child| PollFd::new(child.process.pidfd.as_fd(), PollFlags::POLLIN)));
        match poll(&mut entries, PollTimeout::NONE) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let ready: Vec<bool> = entries.iter().map(|entry| entry.any().unwrap_or(false)).collect();
        let [asked, ended] = [0, 1].map(|place| ready.get(place).copied().unwrap_or(false));
        let mut died = ready.iter().skip(2).copied();
        children.retain(|child| !died.next().unwrap_or(false) || !collect(child));
        if ended {
            // Copies of it that were forked off may hold the socket open.
            return Ok(Parting::Silent);
        }
        if asked {
            match frame::receive(control)? {
                Some(Word::Start(request)) => {
                    let (spec, given, live) = *request;
                    if folders.len() < MOST_FOLDERS {
                        folders.insert(live);
                    }
                    children.extend(started(&spec, given)?);
                }
                Some(Word::Leave) => return Ok(Parting::Spoken),
                None => return Ok(Parting::Silent),
            }
        }
    }
}

/// Starts what was asked for, and tells its program so.
fn started(spec: &Spec, given: Given) -> io::Result<Option<Child>> {
    let report = given.report.try_clone()?;
    match start(spec, given, |_| Ok(())) {
        Ok(process) => {
            tell_started(&report, &process);
            Ok(Some(Child { process, report }))
        }
        Err(error) => {
            tell_refused(&report, &error.to_string());
            Ok(None)
        }
    }
}

fn collect(child: &Child) -> bool {
    let Ok(exit) = wait_exit(child.process.pidfd.as_fd()) else { return false };
    tell_exited(&child.report, &exit);
    true
}

/// Says that a process was started, and passes its pidfd on.
pub(crate) fn tell_started(report: &OwnedFd, process: &Cloned) {
    let [a, b, c, d] = process.pid.to_ne_bytes();
    tell(report, &[STARTED, a, b, c, d], Some(&process.pidfd));
}

/// Says how it ended.
pub(crate) fn tell_exited(report: &OwnedFd, exit: &Exit) {
    let mut message = vec![EXITED];
    message.extend(serde_json::to_vec(exit).unwrap_or_default());
    tell(report, &message, None);
}

/// Says why it was not started.
pub(crate) fn tell_refused(report: &OwnedFd, why: &str) {
    let mut text = vec![REFUSED];
    text.extend_from_slice(why.as_bytes());
    text.truncate(LONGEST);
    tell(report, &text, None);
}

/// Whoever does not listen any more needs no news.
fn tell(report: &OwnedFd, bytes: &[u8], descriptor: Option<&OwnedFd>) {
    let list = descriptor.map(|descriptor| [descriptor.as_raw_fd()]);
    let rights: Vec<_> = list.iter().map(|list| ControlMessage::ScmRights(list)).collect();
    let parts = [io::IoSlice::new(bytes)];
    sendmsg::<()>(report.as_raw_fd(), &parts, &rights, MsgFlags::MSG_NOSIGNAL, None).ok();
}
