//! From listeners that were bound before the sandbox was there to ports that are served.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};
use std::sync::{Mutex, PoisonError};
use std::thread;

use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, bind, getsockopt, setsockopt, socket, sockopt,
};
use perry_sandbox_policy::Publication;

use super::bind::{DatagramPort, Port, Ports};
use super::datagrams::Exchange;
use super::error::PublishError;
use super::pool::Pool;
use super::serve::Service;
use super::{CALLERS, CONNECTIONS};
use crate::native::Observer;
use crate::relay::Attendant;

/// The published ports of one sandbox. They are free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Publisher {
    published: Vec<Publication>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    streams: Side<Port>,
    datagrams: Side<DatagramPort>,
}

/// The ports of one protocol, and sockets for them that have come from inside so far.
#[derive(Debug)]
struct Side<P> {
    ports: Vec<P>,
    /// How many sockets there are to be.
    wanted: u16,
    inside: Vec<OwnedFd>,
    /// Runs when all have come.
    attendant: Option<Attendant>,
}

impl<P> Side<P> {
    const fn new(ports: Vec<P>, most: u16) -> Self {
        let wanted = if ports.is_empty() { 0 } else { most };
        Self { ports, wanted, inside: Vec::new(), attendant: None }
    }

    /// With the last socket, all that has to be served. Nobody sends more than are wanted.
    fn take(&mut self, socket: OwnedFd) -> io::Result<Option<(Vec<P>, Vec<OwnedFd>)>> {
        if self.wanted == 0 || self.attendant.is_some() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.inside.push(socket);
        let all = self.inside.len() == usize::from(self.wanted);
        Ok(all.then(|| (std::mem::take(&mut self.ports), std::mem::take(&mut self.inside))))
    }
}

impl Publisher {
    /// Takes every address. Who calls waits until the sandbox is there. Nothing where nothing is published.
    pub(crate) fn bind(publications: &[Publication]) -> Result<Option<Self>, PublishError> {
        let Ports { streams, datagrams, published } = Ports::bind(publications)?;
        let streams = Side::new(streams, CONNECTIONS);
        let state = State { streams, datagrams: Side::new(datagrams, CALLERS) };
        Ok((!published.is_empty()).then(|| Self { published, state: Mutex::new(state) }))
    }

    /// Tells what is published, with the ports that were chosen.
    pub(crate) fn tell(&self, observer: Option<&dyn Observer>) -> Result<(), PublishError> {
        observer.map_or(Ok(()), |observer| observer.published(&self.published)).map_err(PublishError::Told)
    }

    /// One of the sockets that were made inside has come; with the last of a protocol its ports are served.
    pub(crate) fn take(&self, socket: OwnedFd) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        come_from_visitor(&socket)?;
        if getsockopt(&socket, sockopt::SockType)? == SockType::Datagram {
            let Some((ports, inside)) = state.datagrams.take(socket)? else { return Ok(()) };
            let (stopped, attendant) = Attendant::new()?;
            let exchange = Exchange::new(ports, inside, stopped);
            state.datagrams.attendant = Some(attendant.start("datagrams", move || exchange.attend())?);
        } else {
            let Some((ports, inside)) = state.streams.take(socket)? else { return Ok(()) };
            let (stopped, attendant) = Attendant::new()?;
            let service = Service { ports, pool: Pool::new(inside), stopped };
            state.streams.attendant = Some(attendant.start("publisher", move || service.attend())?);
        }
        Ok(())
    }

    /// Makes the sockets in the network namespace of a process, for a sandbox that another has made.
    pub(crate) fn enter(&self, process: BorrowedFd<'_>) -> Result<(), PublishError> {
        let wanted = {
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            [(SockType::Stream, state.streams.wanted), (SockType::Datagram, state.datagrams.wanted)]
        };
        let made = sockets_beside(process, &wanted).map_err(PublishError::Inside)?;
        made.into_iter().try_for_each(|socket| self.take(socket)).map_err(PublishError::Inside)
    }
}

/// SECURITY: programs that let in without a question who comes from `127.0.0.1` (databases do, of their own accord) take
/// connections from outside for their own. So those come from another address of the loopback. Nor does the kernel connect
/// a socket with itself then, where it chose the very port for it at which nobody listens.
fn come_from_visitor(socket: &OwnedFd) -> io::Result<()> {
    // Which port is chosen with each connection: until then none is kept from the program.
    setsockopt(socket, sockopt::IpBindAddressNoPort, &true)?;
    Ok(bind(socket.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 2, 0))?)
}

/// A thread of its own goes there and does nothing else: the namespace is its own as long as it lives, and no other thread's.
fn sockets_beside(process: BorrowedFd<'_>, wanted: &[(SockType, u16)]) -> io::Result<Vec<OwnedFd>> {
    let make = || {
        setns(process, CloneFlags::CLONE_NEWNET)?;
        let one = |kind| Ok(socket(AddressFamily::Inet, kind, SockFlag::SOCK_CLOEXEC, None)?);
        let kinds = wanted.iter().flat_map(|(kind, count)| std::iter::repeat_n(*kind, usize::from(*count)));
        kinds.map(one).collect()
    };
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("published-inside".to_owned()).spawn_scoped(scope, make)?;
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that enters it failed")))
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn a_visitor_who_waits_keeps_no_port_from_the_program() {
        let socket = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
        come_from_visitor(&socket).unwrap();
        assert_eq!(TcpStream::from(socket).local_addr().unwrap().to_string(), "127.0.0.2:0");
    }
}
