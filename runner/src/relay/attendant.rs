//! The thread that attends to sockets of one sandbox, and what it does with a single one.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::PollFlags;
use nix::sys::socket::{SockaddrIn, SockaddrIn6, connect as begin, getsockopt, sockopt};
use nix::unistd::pipe2;

use super::wait::{Over, one};

/// What such a thread, and one that serves a connection, needs.
pub(crate) const STACK: usize = 256 << 10;

/// A thread that is told to end, and waited for, when this is dropped.
#[derive(Debug)]
pub(crate) struct Attendant {
    /// Closed to end it.
    stop: Option<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl Attendant {
    /// One that does nothing yet, and the descriptor that is closed at its other end when it has to end.
    pub(crate) fn new() -> io::Result<(OwnedFd, Self)> {
        let (stopped, stop) = pipe2(OFlag::O_CLOEXEC)?;
        Ok((stopped, Self { stop: Some(stop), thread: None }))
    }

    /// Has it attend.
    pub(crate) fn start(mut self, name: &str, attend: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let thread = Builder::new().name(name.to_owned()).stack_size(STACK);
        self.thread = Some(thread.spawn(attend)?);
        Ok(self)
    }
}

impl Drop for Attendant {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It has nothing to say; one that failed has served nobody any more.
            drop(thread.join());
        }
    }
}

/// The next of a listener's queue, if there is one. An error: no descriptor or memory is left, and others may go meanwhile.
pub(crate) fn accept(listener: &TcpListener) -> io::Result<Option<TcpStream>> {
    match listener.accept() {
        Ok((client, _)) => Ok(Some(client)),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM)) => {
            Err(error)
        }
        Err(_) => Ok(None),
    }
}

/// Connects a socket that does not block to exactly this address; nothing: the other side does not want to.
pub(crate) fn connect(
    socket: BorrowedFd<'_>,
    to: SocketAddr,
    stopped: BorrowedFd<'_>,
    deadline: Instant,
) -> Result<(), Option<Over>> {
    let begun = match to {
        SocketAddr::V4(address) => begin(socket.as_raw_fd(), &SockaddrIn::from(address)),
        SocketAddr::V6(address) => begin(socket.as_raw_fd(), &SockaddrIn6::from(address)),
    };
    match begun {
        Ok(()) => Ok(()),
        Err(Errno::EINPROGRESS) => {
            one(socket.as_fd(), PollFlags::POLLOUT, stopped, deadline).map_err(Some)?;
            if getsockopt(&socket, sockopt::SocketError) == Ok(0) { Ok(()) } else { Err(None) }
        }
        Err(_) => Err(None),
    }
}
