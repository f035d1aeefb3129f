//! Listening at exactly the address that was published.

use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroU16;
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, SockaddrIn6, bind, listen, setsockopt, socket,
    sockopt,
};
use perry_sandbox_policy::{Protocol, Publication};

use super::error::PublishError;

/// How many wait until they are taken.
const QUEUE: i32 = 128;

/// One published port.
#[derive(Debug)]
pub(super) struct Port {
    pub(super) listener: TcpListener,
    /// The port inside.
    pub(super) inside: NonZeroU16,
}

impl Port {
    pub(super) fn bind(publication: &Publication) -> Result<Self, PublishError> {
        let refused = |errno| PublishError::listen(publication, errno);
        let socket = match publication.protocol {
            Protocol::Tcp => listener(publication.on.socket()).map_err(refused)?,
            // Plans with such a publication have been refused.
            Protocol::Udp => return Err(refused(Errno::EPROTONOSUPPORT)),
        };
        Ok(Self { listener: socket.into(), inside: publication.port })
    }
}

fn listener(on: SocketAddr) -> Result<OwnedFd, Errno> {
    let family = if on.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let made = socket(family, SockType::Stream, flags, None)?;
    // One that has just ended leaves connections that are not quite over. It lets nobody listen where somebody does.
    setsockopt(&made, sockopt::ReuseAddr, &true)?;
    match on {
        SocketAddr::V4(on) => bind(made.as_raw_fd(), &SockaddrIn::from(on))?,
        SocketAddr::V6(on) => {
            // SECURITY: else `[::]` would listen at every IPv4 address as well, which nobody has granted.
            setsockopt(&made, sockopt::Ipv6V6Only, &true)?;
            bind(made.as_raw_fd(), &SockaddrIn6::from(on))?;
        }
    }
    listen(&made, Backlog::new(QUEUE)?)?;
    Ok(made)
}
