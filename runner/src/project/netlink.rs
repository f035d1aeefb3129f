//! The few words of rtnetlink(7) that networks need: a bridge, a pair of links, an address, up, and gone.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};

use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike as _};

/// `NLM_F_REQUEST | NLM_F_ACK`, and what makes it a request for something new.
const ASK: u16 = 1 | 4;
const NEW: u16 = ASK | 0x200 | 0x400;

/// Kinds of messages: `NLMSG_ERROR`, `RTM_NEWLINK`, `RTM_DELLINK`, `RTM_NEWADDR`.
const ANSWER: u16 = 2;
const NEW_LINK: u16 = 16;
const DELETE_LINK: u16 = 17;
const NEW_ADDRESS: u16 = 20;

/// Attributes: `IFLA_*`, `VETH_INFO_PEER` and `IFA_*`.
const HARDWARE: u16 = 1;
const NAME: u16 = 3;
const MASTER: u16 = 10;
const LINK_INFO: u16 = 18;
const INFO_KIND: u16 = 1;
const INFO_DATA: u16 = 2;
const OF_FAMILY: u16 = 26;
const NAMESPACE: u16 = 28;
const PEER: u16 = 1;
const WAY_OF_ADDRESSES: u16 = 8;
const ADDRESS: u16 = 1;
const LOCAL: u16 = 2;
const BROADCAST: u16 = 4;

/// `IN6_ADDR_GEN_MODE_NONE`.
const NO_ADDRESSES: u8 = 1;
/// The address family IPv6 and the flag `IFF_UP`, as this protocol writes them.
const IPV6: u16 = 10;
const UP: u32 = 1;

/// How long the kernel may take for an answer.
const PATIENCE: i64 = 5;

/// A socket in the network namespace of the thread that made it.
#[derive(Debug)]
pub(super) struct Route(OwnedFd);

impl Route {
    pub(super) fn open() -> io::Result<Self> {
        let protocol = SockProtocol::NetlinkRoute;
        let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
        setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::seconds(PATIENCE))?;
        Ok(Self(socket))
    }

    /// Makes a bridge.
    pub(super) fn make_bridge(&self, name: &str) -> io::Result<()> {
        let mut message = Message::new(NEW_LINK, NEW);
        message.link(0, 0);
        message.text(NAME, name);
        message.nest(LINK_INFO, |info| info.text(INFO_KIND, "bridge"));
        self.ask(message)
    }

    /// Makes two links that are one cable: `outer` here at the bridge, `inner` in another network namespace, for this address.
    pub(super) fn make_pair(
        &self,
        (outer, bridge): (&str, u32),
        (inner, namespace, address): (&str, BorrowedFd<'_>, Ipv4Addr),
    ) -> io::Result<()> {
        let mut message = Message::new(NEW_LINK, NEW);
        message.link(0, 0);
        message.text(NAME, outer);
        message.attribute(MASTER, &bridge.to_ne_bytes());
        message.nest(LINK_INFO, |info| {
            info.text(INFO_KIND, "veth");
            info.nest(INFO_DATA, |data| {
                data.nest(PEER, |peer| {
                    peer.link(0, 0);
                    peer.text(NAME, inner);
                    peer.attribute(HARDWARE, &hardware(address));
                    peer.attribute(NAMESPACE, &namespace.as_raw_fd().to_ne_bytes());
                });
            });
        });
        self.ask(message)
    }

    /// Keeps IPv6 from giving a link an address by itself. A kernel without IPv6 gives none.
    pub(super) fn quiet(&self, link: u32) -> io::Result<()> {
        let mut message = Message::new(NEW_LINK, ASK);
        message.link(link, 0);
        message.nest(OF_FAMILY, |families| {
            families.nest(IPV6, |own| own.attribute(WAY_OF_ADDRESSES, &[NO_ADDRESSES]));
        });
        match self.ask(message) {
            Err(error) if error.raw_os_error() == Some(libc::EAFNOSUPPORT) => Ok(()),
            other => other,
        }
    }

    pub(super) fn up(&self, link: u32) -> io::Result<()> {
        let mut message = Message::new(NEW_LINK, ASK);
        message.link(link, UP);
        self.ask(message)
    }

    pub(super) fn give(&self, link: u32, address: Ipv4Addr, prefix: u32) -> io::Result<()> {
        let mask = u32::MAX.checked_shr(prefix).unwrap_or(0);
        let everybody = Ipv4Addr::from_bits(address.to_bits() | mask);
        let mut message = Message::new(NEW_ADDRESS, NEW);
        // `struct ifaddrmsg`: IPv4, the length, no flags, seen from everywhere.
        message.put(&[2, u8::try_from(prefix).unwrap_or(u8::MAX), 0, 0]);
        message.put(&link.to_ne_bytes());
        for (kind, value) in [(LOCAL, address), (ADDRESS, address), (BROADCAST, everybody)] {
            message.attribute(kind, &value.octets());
        }
        self.ask(message)
    }

    /// Removes a link, and with it the other end of its cable. One that is not there needs nothing.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        let mut message = Message::new(DELETE_LINK, ASK);
        message.link(0, 0);
        message.text(NAME, name);
        match self.ask(message) {
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(()),
            other => other,
        }
    }

    fn ask(&self, message: Message) -> io::Result<()> {
        send(self.0.as_raw_fd(), &message.finish(), MsgFlags::empty())?;
        let mut answer = [0; 4096];
        let length = loop {
            match recv(self.0.as_raw_fd(), &mut answer, MsgFlags::empty()) {
                Err(nix::errno::Errno::EINTR) => {}
                other => break other?,
            }
        };
        error_in(answer.get(..length).unwrap_or_default())
    }
}

/// The hardware address of whoever has that address. Others remember it for a minute: one that comes after another, by the same
/// address, is reached at once.
const fn hardware(address: Ipv4Addr) -> [u8; 6] {
    let [a, b, c, d] = address.octets();
    // Given by nobody to a card.
    [0x02, 0x50, a, b, c, d]
}

/// The error number that an answer brings; 0 is a success.
fn error_in(answer: &[u8]) -> io::Result<()> {
    let bytes = |at: usize| answer.get(at..)?.first_chunk::<4>().copied();
    let kind = answer.get(4..).and_then(<[u8]>::first_chunk::<2>).map(|kind| u16::from_ne_bytes(*kind));
    match (kind, bytes(16).map(i32::from_ne_bytes)) {
        (Some(ANSWER), Some(0)) => Ok(()),
        (Some(ANSWER), Some(error)) => Err(io::Error::from_raw_os_error(error.saturating_neg())),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "the kernel's answer is not one")),
    }
}

/// A message that grows, in the machine's byte order.
struct Message(Vec<u8>);

impl Message {
    fn new(kind: u16, flags: u16) -> Self {
        let mut message = Self(Vec::with_capacity(128));
        // `struct nlmsghdr`: the length comes last.
        message.put(&[0; 4]);
        message.put(&kind.to_ne_bytes());
        message.put(&flags.to_ne_bytes());
        message.put(&[0; 8]);
        message
    }

    fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// `struct ifinfomsg`: any family and type, this link, these flags and no other.
    fn link(&mut self, index: u32, flags: u32) {
        self.put(&[0; 4]);
        self.put(&index.to_ne_bytes());
        self.put(&flags.to_ne_bytes());
        self.put(&flags.to_ne_bytes());
    }

    fn attribute(&mut self, kind: u16, value: &[u8]) {
        self.nest(kind, |inner| inner.put(value));
    }

    fn text(&mut self, kind: u16, text: &str) {
        self.nest(kind, |inner| {
            inner.put(text.as_bytes());
            inner.put(&[0]);
        });
    }

    /// An attribute whose value is made of others.
    fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) {
        let start = self.0.len();
        self.put(&[0; 2]);
        self.put(&kind.to_ne_bytes());
        fill(self);
        let length = u16::try_from(self.0.len().saturating_sub(start)).unwrap_or(u16::MAX);
        self.write_at(start, &length.to_ne_bytes());
        // Without the padding in the length, as the protocol has it.
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }

    fn write_at(&mut self, start: usize, bytes: &[u8]) {
        for (place, byte) in self.0.iter_mut().skip(start).zip(bytes) {
            *place = *byte;
        }
    }

    fn finish(mut self) -> Vec<u8> {
        let length = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        self.write_at(0, &length.to_ne_bytes());
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_padded_and_say_their_length_without_that() {
        let mut message = Message::new(NEW_LINK, ASK);
        message.nest(LINK_INFO, |info| info.text(INFO_KIND, "veth"));
        let bytes = message.finish();
        assert_eq!(bytes.len(), 32);
        assert_eq!(u32::from_ne_bytes(bytes[..4].try_into().unwrap()), 32);
        let shorts: Vec<u16> =
            bytes[16..24].chunks(2).map(|pair| u16::from_ne_bytes(pair.try_into().unwrap())).collect();
        assert_eq!(shorts, [16, LINK_INFO, 9, INFO_KIND]);
        assert_eq!(&bytes[24..], b"veth\0\0\0\0");
    }

    #[test]
    fn an_answer_that_is_none_is_an_error() {
        let answer = |kind: u16, error: i32| {
            let mut bytes = Message::new(kind, 0).finish();
            bytes.extend(error.to_ne_bytes());
            error_in(&bytes)
        };
        assert!(answer(ANSWER, 0).is_ok());
        assert_eq!(answer(ANSWER, -libc::EEXIST).unwrap_err().raw_os_error(), Some(libc::EEXIST));
        assert!(answer(NEW_LINK, 0).is_err() && error_in(&[]).is_err() && error_in(&[2; 17]).is_err());
    }
}
