//! Datagrams of the host with who sent them, and to which address of the host.

use std::io::{IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, SockaddrIn6, SockaddrStorage, recvmsg, sendmsg,
};

/// Who sent a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Caller {
    from: SocketAddr,
    /// The address of the host that it was sent to.
    to: Option<IpAddr>,
}

/// Takes one datagram, if there is one.
pub(super) fn receive(socket: &OwnedFd, bytes: &mut [u8]) -> Result<(usize, Caller), Errno> {
    let mut room = cmsg_space!(libc::in6_pktinfo);
    let mut parts = [IoSliceMut::new(bytes)];
    let fd = socket.as_raw_fd();
    let message = recvmsg::<SockaddrStorage>(fd, &mut parts, Some(&mut room), MsgFlags::MSG_DONTWAIT)?;
    let from = message.address.and_then(|address| {
        let v4 = address.as_sockaddr_in().map(|v4| SocketAddr::V4((*v4).into()));
        v4.or_else(|| address.as_sockaddr_in6().map(|v6| SocketAddr::V6((*v6).into())))
    });
    let to = message.cmsgs()?.find_map(|part| {
        if let ControlMessageOwned::Ipv4PacketInfo(found) = part {
            Some(IpAddr::V4(Ipv4Addr::from_bits(u32::from_be(found.ipi_spec_dst.s_addr))))
        } else if let ControlMessageOwned::Ipv6PacketInfo(found) = part {
            Some(IpAddr::V6(found.ipi6_addr.s6_addr.into()))
        } else {
            None
        }
    });
    Ok((message.bytes, Caller { from: from.ok_or(Errno::EAFNOSUPPORT)?, to }))
}

/// Sends one datagram back to whom one came from, from the address that it was sent to.
pub(super) fn reply(socket: &OwnedFd, caller: &Caller, bytes: &[u8]) -> Result<(), Errno> {
    let parts = [IoSlice::new(bytes)];
    let (fd, flags) = (socket.as_raw_fd(), MsgFlags::MSG_DONTWAIT);
    match (caller.from, caller.to) {
        (SocketAddr::V4(to), Some(IpAddr::V4(own))) => {
            let ipi_spec_dst = libc::in_addr { s_addr: own.to_bits().to_be() };
            let nowhere = libc::in_addr { s_addr: 0 };
            let from = libc::in_pktinfo { ipi_ifindex: 0, ipi_spec_dst, ipi_addr: nowhere };
            let from = [ControlMessage::Ipv4PacketInfo(&from)];
            sendmsg(fd, &parts, &from, flags, Some(&SockaddrIn::from(to)))?;
        }
        (SocketAddr::V6(to), Some(IpAddr::V6(own))) => {
            let ipi6_addr = libc::in6_addr { s6_addr: own.octets() };
            let from = libc::in6_pktinfo { ipi6_addr, ipi6_ifindex: 0 };
            let from = [ControlMessage::Ipv6PacketInfo(&from)];
            sendmsg(fd, &parts, &from, flags, Some(&SockaddrIn6::from(to)))?;
        }
        // The kernel says where each came to.
        (SocketAddr::V4(_) | SocketAddr::V6(_), _) => return Err(Errno::EDESTADDRREQ),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::super::bind::Ports;
    use super::*;

    #[test]
    fn an_answer_comes_from_the_address_that_was_asked() {
        // Two addresses of the host, and the kernel would choose the first for the answer.
        for (on, asked) in [("0.0.0.0:0", "127.0.0.7"), ("[::]:0", "::1")] {
            let port = Ports::bind(&[perry_sandbox_policy::Publication {
                on: on.replace(":0", ":free").parse().unwrap(),
                port: 53.try_into().unwrap(),
                protocol: perry_sandbox_policy::Protocol::Udp,
            }]);
            let Ok(ports) = port else { continue };
            let address: IpAddr = asked.parse().unwrap();
            let to = SocketAddr::new(address, ports.published[0].on.only().unwrap().socket().port());
            let client = UdpSocket::bind(if address.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" }).unwrap();
            client.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
            client.send_to(b"hello", to).unwrap();
            let socket = &ports.datagrams[0].socket;
            let mut bytes = [0; 9];
            let (length, caller) = loop {
                match receive(socket, &mut bytes) {
                    Err(Errno::EAGAIN) => std::thread::yield_now(),
                    other => break other.unwrap(),
                }
            };
            reply(socket, &caller, &bytes[..length]).unwrap();
            let (length, from) = client.recv_from(&mut bytes).unwrap();
            assert_eq!((&bytes[..length], from), (b"hello".as_slice(), to));
        }
    }
}
