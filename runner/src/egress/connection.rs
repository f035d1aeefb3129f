//! One connection to the proxy: what it asks for, whether it gets it, and the answer.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::{Duration, Instant};

use nix::poll::PollFlags;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use super::host::{Destination, Host};
use super::judge::Grants;
use super::relay::Relay;
use super::request::{self, Asked, LONGEST_HEAD};
use super::resolver::{Lookup, resolve};
use super::socks::{self, Read, Reply};
use super::tally::{EgressReason, Tally};
use crate::relay::{Over, after, connect, one};

/// How many addresses of one name are tried.
const TRIES: usize = 4;

/// How long somebody may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// For a request, and for a TLS greeting that has begun.
    pub(super) head: Duration,
    /// For looking a name up, and for connecting.
    pub(super) connect: Duration,
    /// Without a byte in either direction.
    pub(super) idle: Duration,
}

impl Times {
    pub(super) const USUAL: Self = Self {
        head: Duration::from_secs(10),
        connect: Duration::from_secs(10),
        idle: Duration::from_secs(300),
    };
}

/// What all connections of one sandbox share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) grants: Grants,
    pub(super) lookup: Lookup,
    pub(super) times: Times,
    pub(super) tally: Tally,
    /// Closed at its other end when the sandbox has ended.
    pub(super) stopped: OwnedFd,
}

/// How a client speaks to the proxy.
#[derive(Clone, Copy)]
enum Speech {
    Http,
    Socks,
}

/// Why a connection is over before it was one.
enum Out {
    /// Nobody is there to be told.
    Gone,
    Refused {
        to: Option<Destination>,
        reason: EgressReason,
    },
}

fn refused(to: &Destination, reason: EgressReason) -> Out {
    Out::Refused { to: Some(to.clone()), reason }
}

const fn unread(reason: EgressReason) -> Out {
    Out::Refused { to: None, reason }
}

/// Serves one client to its end.
pub(super) fn serve(client: TcpStream, shared: &Shared) {
    if client.set_nonblocking(true).is_err() {
        return;
    }
    let begun = after(shared.times.head);
    let mut session = Session { client, shared, bytes: Vec::new(), speech: Speech::Http, deadline: begun };
    let (to, answer) = match session.negotiate() {
        Ok((server, to, unseen)) => {
            let Session { client, bytes, .. } = session;
            let answer = Relay { client, server, to: &to, unseen, shared }.run(bytes);
            (Some(to), answer)
        }
        Err(Out::Gone) => return,
        Err(Out::Refused { to, reason }) => {
            session.refuse(reason);
            (to, Err(reason))
        }
    };
    match answer {
        Ok(()) => shared.tally.allow(),
        Err(reason) => shared.tally.refuse(to.map(|to| format!("{}:{}", to.host, to.port)), reason),
    }
}

struct Session<'a> {
    client: TcpStream,
    shared: &'a Shared,
    /// What the client has said and nobody has read yet.
    bytes: Vec<u8>,
    speech: Speech,
    deadline: Instant,
}

impl Session<'_> {
    /// From the first byte to a connection, and whether the client's next bytes are to be looked at.
    fn negotiate(&mut self) -> Result<(TcpStream, Destination, bool), Out> {
        self.fill()?;
        if self.bytes.first() == Some(&socks::VERSION) { self.socks() } else { self.http() }
    }

    fn http(&mut self) -> Result<(TcpStream, Destination, bool), Out> {
        let end = loop {
            match request::end_of_head(&self.bytes) {
                Some(end) => break end,
                None => self.fill()?,
            }
        };
        let rest = self.bytes.split_off(end);
        let head = std::mem::replace(&mut self.bytes, rest);
        match request::read(&head).ok_or(unread(EgressReason::BadRequest))? {
            Asked::Tunnel(to) => {
                let server = self.open(&to)?;
                self.say(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
                Ok((server, to, true))
            }
            Asked::Forward(to, _) if to.port == 443 => Err(refused(&to, EgressReason::NotTls)),
            Asked::Forward(to, mut head) => {
                let server = self.open(&to)?;
                head.append(&mut self.bytes);
                self.bytes = head;
                Ok((server, to, false))
            }
        }
    }

    fn socks(&mut self) -> Result<(TcpStream, Destination, bool), Out> {
        self.speech = Speech::Socks;
        if !self.read(socks::greeting)? {
            self.say(&socks::NO_METHOD)?;
            return Err(Out::Gone);
        }
        self.say(&socks::WELCOME)?;
        let to = self.read(socks::request)?.ok_or(unread(EgressReason::BadRequest))?;
        let server = self.open(&to)?;
        self.say(&Reply::Done.bytes())?;
        Ok((server, to, true))
    }

    /// Reads a part of the conversation that may come in pieces.
    fn read<T>(&mut self, parse: fn(&[u8]) -> Read<T>) -> Result<T, Out> {
        loop {
            match parse(&self.bytes) {
                Read::Whole(value, length) => {
                    self.bytes = self.bytes.split_off(length.min(self.bytes.len()));
                    return Ok(value);
                }
                Read::Partial => self.fill()?,
                Read::Bad => return Err(unread(EgressReason::BadRequest)),
            }
        }
    }

    /// Waits for more of the client, at most to the end of its time and to the bound of a head.
    fn fill(&mut self) -> Result<(), Out> {
        let mut bytes = [0; 2048];
        if self.bytes.len() >= LONGEST_HEAD {
            return Err(unread(EgressReason::TooSlowOrLong));
        }
        self.wait(PollFlags::POLLIN)?;
        match self.client.read(&mut bytes) {
            Ok(0) => Err(Out::Gone),
            Ok(count) => {
                self.bytes.extend_from_slice(bytes.get(..count).unwrap_or_default());
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(_) => Err(Out::Gone),
        }
    }

    fn wait(&self, flags: PollFlags) -> Result<(), Out> {
        match one(self.client.as_fd(), flags, self.shared.stopped.as_fd(), self.deadline) {
            Ok(()) => Ok(()),
            Err(Over::Late) => Err(unread(EgressReason::TooSlowOrLong)),
            Err(Over::Ended | Over::Failed) => Err(Out::Gone),
        }
    }

    fn say(&mut self, mut bytes: &[u8]) -> Result<(), Out> {
        while !bytes.is_empty() {
            self.wait(PollFlags::POLLOUT)?;
            match self.client.write(bytes) {
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Err(Out::Gone),
            }
        }
        Ok(())
    }

    /// Tells the client, which may not listen any more.
    fn refuse(&mut self, reason: EgressReason) {
        self.deadline = after(self.shared.times.head);
        let answer = match (self.speech, reason) {
            (Speech::Http, reason) => {
                let status = match reason {
                    EgressReason::NoAddress | EgressReason::Unreachable => "502 Bad Gateway",
                    EgressReason::BadRequest | EgressReason::TooSlowOrLong => "400 Bad Request",
                    EgressReason::NotGranted
                    | EgressReason::AddressBarred
                    | EgressReason::NotTls
                    | EgressReason::OtherServerName => "403 Forbidden",
                };
                let body = format!("egress refused: {}\n", reason.why());
                let head = "Content-Type: text/plain\r\nConnection: close";
                let text =
                    format!("HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                text.into_bytes()
            }
            (Speech::Socks, EgressReason::NoAddress | EgressReason::Unreachable) => {
                Reply::HostUnreachable.bytes().to_vec()
            }
            (Speech::Socks, EgressReason::BadRequest) => Reply::CommandUnknown.bytes().to_vec(),
            (Speech::Socks, _) => Reply::NotAllowed.bytes().to_vec(),
        };
        drop(self.say(&answer));
    }

    /// Connects to a destination, if the plan lets it.
    fn open(&self, to: &Destination) -> Result<TcpStream, Out> {
        if !self.shared.grants.covers(to) {
            return Err(refused(to, EgressReason::NotGranted));
        }
        let deadline = after(self.shared.times.connect);
        let stopped = self.shared.stopped.as_fd();
        let addresses = match &to.host {
            Host::Address(address) => vec![*address],
            Host::Name(name) => resolve(self.shared.lookup, (name, to.port), stopped, deadline)
                .map_err(|_| Out::Gone)?
                .iter()
                .map(IpAddr::to_canonical)
                .collect(),
        };
        if addresses.is_empty() {
            return Err(refused(to, EgressReason::NoAddress));
        }
        let admitted = addresses.into_iter().filter(|address| self.shared.grants.admits(to, *address));
        let mut why = EgressReason::AddressBarred;
        for address in admitted.take(TRIES) {
            why = EgressReason::Unreachable;
            match self.reach(SocketAddr::new(address, to.port), deadline) {
                Ok(server) => return Ok(server),
                Err(Some(Over::Ended | Over::Failed)) => return Err(Out::Gone),
                Err(Some(Over::Late) | None) => {}
            }
        }
        Err(refused(to, why))
    }

    /// Connects to exactly this address.
    fn reach(&self, address: SocketAddr, deadline: Instant) -> Result<TcpStream, Option<Over>> {
        let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let made = socket(family, SockType::Stream, flags, None).map_err(|_| None)?;
        connect(made.as_fd(), address, self.shared.stopped.as_fd(), deadline)?;
        Ok(TcpStream::from(made))
    }
}
