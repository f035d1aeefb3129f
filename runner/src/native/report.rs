//! Messages that come out of a starting sandbox: from the child itself, and from a launcher process that runs it.

use std::io::{self, IoSliceMut, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::cmsg_space;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};

use super::sys::{
    Exit, REPORT_DOOR, REPORT_FAILURE, REPORT_LISTENER, REPORT_NAMES, REPORT_READY, REPORT_ROOM,
    REPORT_SOCKET, REPORT_TERMINAL, adopt,
};

/// First byte: the launcher has started it; process id (i32), and its pidfd beside it.
pub(crate) const STARTED: u8 = b'S';
/// First byte: it has ended; an [`Exit`] as JSON follows.
pub(crate) const EXITED: u8 = b'X';
/// First byte: the launcher could not start it; a sentence follows.
pub(crate) const REFUSED: u8 = b'R';

/// The longest message.
pub(crate) const LONGEST: usize = 4096;

/// Says where a sandbox reports that its program does not run; why is told elsewhere.
pub(crate) fn report_failure(socket: &UnixStream) {
    let nothing_more = [0; 8];
    // Nobody listens any more: then nobody waits for the program either.
    drop((&*socket).write_all(&[[REPORT_FAILURE].as_slice(), &nothing_more].concat()));
}

/// One message.
#[derive(Debug)]
pub(crate) enum Report {
    /// A step failed: its number, and the kernel's error number.
    Failed { step: u32, errno: i32 },
    /// The other end of the sandbox's terminal.
    Terminal(OwnedFd),
    /// Where the recording filter asks.
    Listener(OwnedFd),
    /// A file system of the sandbox.
    Room(OwnedFd),
    /// Where the egress proxy listens.
    Door(OwnedFd),
    /// Where it is asked for names.
    Names(OwnedFd),
    /// One of the sockets for published ports.
    Socket(OwnedFd),
    /// It waits for its call.
    Ready,
    /// Started by a launcher.
    Started { pid: i32, pidfd: OwnedFd },
    /// Ended, says the launcher.
    Exited(Exit),
    /// Not started, says the launcher.
    Refused(String),
    /// Nothing to read now.
    Nothing,
    /// Nobody is left to say anything.
    Closed,
}

/// Reads one message without waiting.
pub(crate) fn read_report(socket: &OwnedFd) -> io::Result<Report> {
    let mut bytes = [0; LONGEST];
    let mut room = cmsg_space!([i32; 1]);
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
    let (length, descriptor) = {
        let mut parts = [IoSliceMut::new(&mut bytes)];
        let message = match recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut room), flags) {
            Ok(message) => message,
            // One that died with a message of ours unread says so before what it had said itself; the end comes behind that.
            Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EINTR | nix::errno::Errno::ECONNRESET) => {
                return Ok(Report::Nothing);
            }
            Err(errno) => return Err(errno.into()),
        };
        let passed = message.cmsgs().into_iter().flatten().find_map(|control| {
            let ControlMessageOwned::ScmRights(list) = control else { return None };
            list.first().copied()
        });
        (message.bytes, passed.map(adopt))
    };
    let broken = || io::Error::new(io::ErrorKind::InvalidData, "a message of the sandbox cannot be read");
    match (bytes.get(..length).unwrap_or_default(), descriptor) {
        ([], _) => Ok(Report::Closed),
        ([REPORT_FAILURE, rest @ ..], _) => {
            let (step, errno) = rest.split_first_chunk().ok_or_else(broken)?;
            let errno = *errno.first_chunk().ok_or_else(broken)?;
            Ok(Report::Failed { step: u32::from_ne_bytes(*step), errno: i32::from_ne_bytes(errno) })
        }
        ([REPORT_LISTENER], Some(listener)) => Ok(Report::Listener(listener)),
        ([REPORT_DOOR], Some(listener)) => Ok(Report::Door(listener)),
        ([REPORT_NAMES], Some(names)) => Ok(Report::Names(names)),
        ([REPORT_SOCKET], Some(socket)) => Ok(Report::Socket(socket)),
        ([REPORT_READY], None) => Ok(Report::Ready),
        ([REPORT_ROOM], Some(room)) => Ok(Report::Room(room)),
        ([REPORT_TERMINAL], Some(master)) => Ok(Report::Terminal(master)),
        ([STARTED, a, b, c, d], Some(pidfd)) => {
            Ok(Report::Started { pid: i32::from_ne_bytes([*a, *b, *c, *d]), pidfd })
        }
        ([EXITED, rest @ ..], _) => Ok(Report::Exited(serde_json::from_slice(rest).map_err(|_| broken())?)),
        ([REFUSED, rest @ ..], _) => Ok(Report::Refused(String::from_utf8_lossy(rest).into_owned())),
        _ => Err(broken()),
    }
}
