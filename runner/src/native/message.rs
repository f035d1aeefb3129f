//! Messages between processes of ours: a header with the length and the descriptors, then the text.

use std::io::{self, IoSlice, IoSliceMut, Read as _};
use std::os::fd::{AsFd as _, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, getsockopt, recvmsg, send as send_bytes, sendmsg, sockopt,
};

use super::steps::{MAX_FILES, MAX_MOUNTS, MAX_NETWORKS, MAX_VOLUMES};
use super::sys::adopt;

/// The longest text: arguments and environment are at most what the kernel takes for one exec.
pub(crate) const LONGEST: usize = 4 << 20;
/// Report, root, three streams, one cgroup, three joins, the host folders, secrets and devices with a tmpfs each, volumes, and
/// networks with a file of names. The kernel takes 253 in one message.
pub(crate) const MOST_DESCRIPTORS: usize = 12 + MAX_MOUNTS + MAX_FILES + MAX_VOLUMES + MAX_NETWORKS;
/// What a message starts with.
const MAGIC: [u8; 4] = *b"PSL1";

pub(crate) fn broken(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Sends a message. A closed other end is an error and no signal.
pub(crate) fn send(control: &UnixStream, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    if bytes.len() > LONGEST {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the command and its environment are too long",
        ));
    }
    let raw: Vec<RawFd> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_ne_bytes();
    let parts = [IoSlice::new(&MAGIC), IoSlice::new(&length)];
    let rights = if raw.is_empty() { Vec::new() } else { vec![ControlMessage::ScmRights(&raw)] };
    loop {
        match sendmsg::<()>(control.as_raw_fd(), &parts, &rights, MsgFlags::MSG_NOSIGNAL, None) {
            Ok(_) => break,
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    let mut rest = bytes;
    while !rest.is_empty() {
        match send_bytes(control.as_raw_fd(), rest, MsgFlags::MSG_NOSIGNAL) {
            Ok(sent) => rest = rest.get(sent..).unwrap_or_default(),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

/// Reads a message; nothing when the other end is closed.
pub(crate) fn receive(mut control: &UnixStream) -> io::Result<Option<(Vec<u8>, Vec<OwnedFd>)>> {
    let mut header = [0; 8];
    let mut room = cmsg_space!([RawFd; MOST_DESCRIPTORS]);
    let (length, descriptors) = {
        let mut parts = [IoSliceMut::new(&mut header)];
        let flags = MsgFlags::MSG_CMSG_CLOEXEC | MsgFlags::MSG_WAITALL;
        let message = recvmsg::<()>(control.as_fd().as_raw_fd(), &mut parts, Some(&mut room), flags)?;
        let mut descriptors: Vec<OwnedFd> = Vec::new();
        for control in message.cmsgs().into_iter().flatten() {
            if let ControlMessageOwned::ScmRights(list) = control {
                descriptors.extend(list.into_iter().map(adopt));
            }
        }
        (message.bytes, descriptors)
    };
    if length == 0 {
        return Ok(None);
    }
    let (magic, size) = header.split_first_chunk().ok_or_else(|| broken("a short header"))?;
    let size = size.first_chunk().map_or(u32::MAX, |size| u32::from_ne_bytes(*size));
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if length != header.len() || *magic != MAGIC || size > LONGEST {
        return Err(broken("not a request"));
    }
    let mut bytes = vec![0; size];
    control.read_exact(&mut bytes)?;
    Ok(Some((bytes, descriptors)))
}

/// Whether the other end of a socket was made by a process of this very user.
pub(crate) fn is_ours(control: &UnixStream) -> bool {
    let (real, own) = (nix::unistd::getuid(), nix::unistd::geteuid());
    getsockopt(control, sockopt::PeerCredentials).is_ok_and(|peer| peer.uid() == own.as_raw() && real == own)
}
