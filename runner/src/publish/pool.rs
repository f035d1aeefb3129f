//! Sockets that were made inside, of which each serves one connection after the other.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::sys::socket::{getsockopt, sockopt};

use crate::native::{disconnect, unsent};
use crate::relay::{Over, after, any, connect};

/// How long connecting inside may take; nobody is far away there.
const CONNECTING: Duration = Duration::from_secs(10);
/// How long a program may take to read what it was sent before both sides said that this was all.
const READING: Duration = Duration::from_secs(30);
/// From one look to the next whether it has.
const LOOK: Duration = Duration::from_millis(20);

/// Those that serve nobody.
#[derive(Debug)]
pub(super) struct Pool(Mutex<Vec<OwnedFd>>);

impl Pool {
    pub(super) const fn new(sockets: Vec<OwnedFd>) -> Self {
        Self(Mutex::new(sockets))
    }

    fn sockets(&self) -> MutexGuard<'_, Vec<OwnedFd>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sockets().is_empty()
    }

    /// One of them, which comes back when it is dropped.
    pub(super) fn take(&self) -> Option<Seat<'_>> {
        let socket = self.sockets().pop()?;
        Some(Seat { pool: self, socket: Some(socket.into()) })
    }
}

/// A socket inside that serves one connection.
#[derive(Debug)]
pub(super) struct Seat<'a> {
    pool: &'a Pool,
    socket: Option<TcpStream>,
}

impl Seat<'_> {
    /// Connects to a port of the sandbox's loopback. Nothing where nobody listens there.
    pub(super) fn connect(&mut self, port: u16, stopped: BorrowedFd<'_>) -> Option<TcpStream> {
        let socket = self.socket.take()?;
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let answer = socket
            .set_nonblocking(true)
            .and_then(|()| socket.set_nodelay(true))
            .map_err(|_| None)
            .and_then(|()| connect(socket.as_fd(), to, stopped, after(CONNECTING)));
        if answer.is_ok() {
            return Some(socket);
        }
        self.socket = Some(socket);
        None
    }

    /// The connection is over. With `whole` the program may still read what it was sent.
    pub(super) fn settle(&mut self, socket: TcpStream, whole: bool, stopped: BorrowedFd<'_>) {
        let deadline = after(READING);
        // What is not read when the socket is used again is lost.
        while whole && unsent(socket.as_fd()).is_ok_and(|count| count > 0) {
            let next = after(LOOK);
            if next > deadline || any(&[], stopped, Some(next)) != Err(Over::Late) {
                break;
            }
        }
        self.socket = Some(socket);
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let Some(socket) = self.socket.take().map(OwnedFd::from) else { return };
        // One that cannot be used again is closed.
        if disconnect(socket.as_fd()).is_ok() {
            // Whatever ended the last connection is not said of the next.
            let _ = getsockopt(&socket, sockopt::SocketError);
            self.pool.sockets().push(socket);
        }
    }
}
