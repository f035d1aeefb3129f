//! One request: a header with its length and the descriptors, then the spec as JSON.

use std::io::{self, IoSlice, IoSliceMut, Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use nix::cmsg_space;
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use serde::{Deserialize, Serialize};

use crate::native::spec::Spec;
use crate::native::start::{Given, StartError, this_process};
use crate::native::steps::MAX_MOUNTS;
use crate::native::sys::adopt;

/// The longest request: arguments and environment are at most what the kernel takes for one exec.
const LONGEST: usize = 4 << 20;
/// Report, root, three streams, one cgroup, three joins, and the host folders.
const MOST_DESCRIPTORS: usize = 9 + MAX_MOUNTS;
/// What a request starts with.
const MAGIC: [u8; 4] = *b"PSL1";

/// What is in a request beside its descriptors, which come in the order of these fields after report and root.
#[derive(Debug, Serialize, Deserialize)]
struct Body {
    spec: Spec,
    streams: bool,
    cgroup: bool,
    joins: usize,
    hosts: usize,
}

fn broken(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Sends a request.
pub(super) fn send(mut control: &UnixStream, spec: &Spec, given: &Given) -> io::Result<()> {
    let body = Body {
        spec: spec.clone(),
        streams: given.streams.is_some(),
        cgroup: given.cgroup.is_some(),
        joins: given.joins.len(),
        hosts: given.hosts.len(),
    };
    let bytes = serde_json::to_vec(&body)?;
    if bytes.len() > LONGEST {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the command and its environment are too long",
        ));
    }
    let descriptors: Vec<RawFd> = [&given.report, &given.root]
        .into_iter()
        .chain(given.streams.iter().flatten())
        .chain(&given.cgroup)
        .chain(&given.joins)
        .chain(&given.hosts)
        .map(AsRawFd::as_raw_fd)
        .collect();
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_ne_bytes();
    let parts = [IoSlice::new(&MAGIC), IoSlice::new(&length)];
    let rights = [ControlMessage::ScmRights(&descriptors)];
    sendmsg::<()>(control.as_raw_fd(), &parts, &rights, MsgFlags::MSG_NOSIGNAL, None)?;
    control.write_all(&bytes)
}

/// Reads a request; nothing when the other end is closed.
pub(super) fn receive(mut control: &UnixStream) -> io::Result<Option<(Spec, Given)>> {
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
    let body: Body = serde_json::from_slice(&bytes)?;
    Ok(Some(unpack(body, descriptors)?))
}

fn unpack(body: Body, descriptors: Vec<OwnedFd>) -> io::Result<(Spec, Given)> {
    let mut rest = descriptors.into_iter();
    let mut next = || rest.next().ok_or_else(|| broken("a request lacks descriptors"));
    let (report, root) = (next()?, next()?);
    let streams = if body.streams { Some([next()?, next()?, next()?]) } else { None };
    let cgroup = if body.cgroup { Some(next()?) } else { None };
    let most = |count: usize| count.min(MOST_DESCRIPTORS);
    let joins = (0..most(body.joins)).map(|_| next()).collect::<io::Result<_>>()?;
    let hosts = (0..most(body.hosts)).map(|_| next()).collect::<io::Result<_>>()?;
    let owner = this_process().map_err(|error: StartError| io::Error::other(error))?;
    Ok((body.spec, Given { streams, report, root, hosts, owner, cgroup, joins }))
}
