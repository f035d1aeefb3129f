//! Taking exactly the addresses that are published.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::num::NonZeroU16;
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, SockaddrIn6, SockaddrStorage, bind, getsockname,
    listen, setsockopt, socket, sockopt,
};
use perry_sandbox_policy::{Protocol, Publication, PublishAddress};

use super::error::PublishError;

/// How many wait until they are taken.
const QUEUE: i32 = 128;

/// A published port for connections.
#[derive(Debug)]
pub(super) struct Port {
    pub(super) listener: TcpListener,
    /// The port inside.
    pub(super) inside: NonZeroU16,
}

/// A published port for datagrams.
#[derive(Debug)]
pub(super) struct DatagramPort {
    pub(super) socket: OwnedFd,
    /// The port inside.
    pub(super) inside: NonZeroU16,
}

/// All ports of one sandbox.
#[derive(Debug, Default)]
pub(super) struct Ports {
    pub(super) streams: Vec<Port>,
    pub(super) datagrams: Vec<DatagramPort>,
    /// Where each of them came to be.
    pub(super) published: Vec<Publication>,
}

impl Ports {
    /// All of them, or none.
    pub(super) fn bind(publications: &[Publication]) -> Result<Self, PublishError> {
        let mut ports = Self::default();
        for publication in publications {
            let refused = |errno| PublishError::listen(publication, errno);
            let (socket, on) = first_free(publication).map_err(refused)?;
            let inside = publication.port;
            match publication.protocol {
                Protocol::Tcp => ports.streams.push(Port { listener: socket.into(), inside }),
                Protocol::Udp => ports.datagrams.push(DatagramPort { socket, inside }),
            }
            ports.published.push(Publication { on: on.into(), ..publication.clone() });
        }
        Ok(ports)
    }
}

/// The first of the addresses that nobody has, and which that is.
fn first_free(publication: &Publication) -> Result<(OwnedFd, PublishAddress), Errno> {
    let mut answer = Err(Errno::EADDRINUSE);
    for on in publication.on.each() {
        let taken = match publication.protocol {
            Protocol::Tcp => listener(on.socket()),
            Protocol::Udp => datagrams(on.socket()),
        };
        answer = taken
            .and_then(|socket| Ok((bound_port(&socket)?, socket)))
            .map(|(port, socket)| (socket, on.at_port(port)));
        if answer.as_ref().err() != Some(&Errno::EADDRINUSE) {
            break;
        }
    }
    answer
}

/// The port that it has, which the kernel may have chosen.
fn bound_port(socket: &OwnedFd) -> Result<NonZeroU16, Errno> {
    let address: SockaddrStorage = getsockname(socket.as_raw_fd())?;
    let port = address.as_sockaddr_in().map(SockaddrIn::port);
    let port = port.or_else(|| address.as_sockaddr_in6().map(SockaddrIn6::port));
    port.and_then(NonZeroU16::new).ok_or(Errno::EADDRNOTAVAIL)
}

fn listener(on: SocketAddr) -> Result<OwnedFd, Errno> {
    let made = new_socket(on, SockType::Stream)?;
    // One that has just ended leaves connections that are not quite over. It lets nobody listen where somebody does.
    setsockopt(&made, sockopt::ReuseAddr, &true)?;
    take(&made, on)?;
    listen(&made, Backlog::new(QUEUE)?)?;
    Ok(made)
}

/// One that tells at which address of the host a datagram came: the answer has to come from there.
fn datagrams(on: SocketAddr) -> Result<OwnedFd, Errno> {
    let made = new_socket(on, SockType::Datagram)?;
    match on.ip() {
        IpAddr::V4(_) => setsockopt(&made, sockopt::Ipv4PacketInfo, &true)?,
        IpAddr::V6(_) => setsockopt(&made, sockopt::Ipv6RecvPacketInfo, &true)?,
    }
    take(&made, on)?;
    Ok(made)
}

fn new_socket(on: SocketAddr, kind: SockType) -> Result<OwnedFd, Errno> {
    let family = if on.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    socket(family, kind, SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK, None)
}

fn take(socket: &OwnedFd, on: SocketAddr) -> Result<(), Errno> {
    match on {
        SocketAddr::V4(on) => bind(socket.as_raw_fd(), &SockaddrIn::from(on)),
        SocketAddr::V6(on) => {
            // SECURITY: else `[::]` would take every IPv4 address as well, which nobody has granted.
            setsockopt(socket, sockopt::Ipv6V6Only, &true)?;
            bind(socket.as_raw_fd(), &SockaddrIn6::from(on))
        }
    }
}
