//! From listeners that were bound before the sandbox was there to ports that are served.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};
use std::sync::{Mutex, PoisonError};
use std::thread;

use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, setsockopt, socket, sockopt};
use perry_sandbox_policy::Publication;

use super::CONNECTIONS;
use super::bind::Port;
use super::error::PublishError;
use super::pool::Pool;
use super::serve::Service;
use crate::relay::Attendant;

/// The published ports of one sandbox. They are free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Publisher(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    ports: Vec<Port>,
    /// Sockets that have come from inside so far.
    inside: Vec<OwnedFd>,
    /// Runs when all have come.
    attendant: Option<Attendant>,
}

impl Publisher {
    /// Listens at every address. Who calls waits until the sandbox is there. Nothing where nothing is published.
    pub(crate) fn bind(publications: &[Publication]) -> Result<Option<Self>, PublishError> {
        let ports: Vec<Port> = publications.iter().map(Port::bind).collect::<Result<_, _>>()?;
        let state = State { ports, ..State::default() };
        Ok((!state.ports.is_empty()).then(|| Self(Mutex::new(state))))
    }

    /// One of the sockets that were made inside has come; with the last of [`CONNECTIONS`] the ports are served.
    pub(crate) fn take(&self, socket: OwnedFd) -> io::Result<()> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.attendant.is_some() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        come_from_visitor(&socket)?;
        state.inside.push(socket);
        if state.inside.len() == usize::from(CONNECTIONS) {
            let State { ports, inside, .. } = std::mem::take(&mut *state);
            let (stopped, attendant) = Attendant::new()?;
            let service = Service { ports, pool: Pool::new(inside), stopped };
            state.attendant = Some(attendant.start("publisher", move || service.attend())?);
        }
        Ok(())
    }

    /// Makes the sockets in the network namespace of a process, for a sandbox that another has made.
    pub(crate) fn enter(&self, process: BorrowedFd<'_>) -> Result<(), PublishError> {
        let made = sockets_beside(process).map_err(PublishError::Inside)?;
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
fn sockets_beside(process: BorrowedFd<'_>) -> io::Result<Vec<OwnedFd>> {
    let make = || {
        setns(process, CloneFlags::CLONE_NEWNET)?;
        let one = || Ok(socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?);
        (0..CONNECTIONS).map(|_| one()).collect()
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
