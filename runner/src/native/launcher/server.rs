//! The launcher process itself: one thread, one poll loop, nothing kept but what runs.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};

use super::frame::{self, Word};
use crate::native::live::reap;
use crate::native::report::{EXITED, LONGEST, REFUSED, STARTED};
use crate::native::start::start;
use crate::native::sys::{Cloned, Exit, open_pidfd, signal_by_pidfd, wait_exit};

/// A sandbox that this process has to collect, and whom to tell.
struct Child {
    process: Cloned,
    report: OwnedFd,
}

/// More folders of live sandboxes than one program has.
const MOST_FOLDERS: usize = 16;

/// Serves until its program is gone, and removes then what that had no time to remove.
pub(crate) fn serve(control: &UnixStream) -> io::Result<()> {
    let program = open_pidfd(std::os::unix::process::parent_id())?;
    let (mut children, mut folders) = (Vec::new(), BTreeSet::new());
    let parting = serve_until_the_end(control, &mut children, &mut folders);
    // The kernel kills what we started when we are gone, but a program may have got rid of its death signal.
    for child in &children {
        // Dead already is what we want.
        let _ = signal_by_pidfd(child.process.pidfd.as_raw_fd(), libc::SIGKILL);
    }
    for child in &children {
        let _ = wait_exit(child.process.pidfd.as_fd());
    }
    if matches!(parting, Ok(Parting::Silent)) && ends(&program) {
        for folder in &folders {
            // What cannot be removed is tried again by the next start.
            drop(reap(folder));
        }
    }
    parting.map(drop)
}

/// How the program left.
enum Parting {
    /// It said so, and removes what is left by itself.
    Spoken,
    /// The socket closed: it has dropped it, or ends.
    Silent,
}

/// Whether the program ends. Its locks on the records of its sandboxes go with it, and nobody else may be there for a long
/// time to remove what they name.
fn ends(program: &OwnedFd) -> bool {
    let patience = PollTimeout::from(1000_u16);
    poll(&mut [PollFd::new(program.as_fd(), PollFlags::POLLIN)], patience).is_ok_and(|ready| ready > 0)
}

fn serve_until_the_end(
    control: &UnixStream,
    children: &mut Vec<Child>,
    folders: &mut BTreeSet<PathBuf>,
) -> io::Result<Parting> {
    loop {
        let mut entries = vec![PollFd::new(control.as_fd(), PollFlags::POLLIN)];
        entries
            .extend(children.iter().map(|child| PollFd::new(child.process.pidfd.as_fd(), PollFlags::POLLIN)));
        match poll(&mut entries, PollTimeout::NONE) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let ready: Vec<bool> = entries.iter().map(|entry| entry.any().unwrap_or(false)).collect();
        let mut died = ready.iter().skip(1).copied();
        children.retain(|child| !died.next().unwrap_or(false) || !collect(child));
        if ready.first().copied().unwrap_or(false) {
            match frame::receive(control)? {
                Some(Word::Start(start_of)) => {
                    let (spec, given, live) = *start_of;
                    if folders.len() < MOST_FOLDERS {
                        folders.insert(live);
                    }
                    let report = given.report.try_clone()?;
                    match start(&spec, given, |_| Ok(())) {
                        Ok(process) => {
                            tell_started(&report, &process);
                            children.push(Child { process, report });
                        }
                        Err(error) => tell_refused(&report, &error.to_string()),
                    }
                }
                // Our program is gone: so are we, and what we started.
                Some(Word::Leave) => return Ok(Parting::Spoken),
                None => return Ok(Parting::Silent),
            }
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
