//! Two connections whose bytes go from each to the other.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::{Duration, Instant};

use nix::poll::PollFlags;

use super::wait::{self, Over};

/// One direction.
#[derive(Debug, Default)]
struct Flow {
    held: Vec<u8>,
    /// Its source says nothing more.
    ended: bool,
    /// Its target has been told so.
    told: bool,
}

impl Flow {
    const fn has_room(&self, room: usize) -> bool {
        !self.ended && self.held.len() < room
    }

    fn fill(&mut self, source: &mut TcpStream) -> io::Result<()> {
        let mut bytes = [0; 4096];
        match source.read(&mut bytes) {
            Ok(0) => self.ended = true,
            Ok(count) => self.held.extend_from_slice(bytes.get(..count).unwrap_or_default()),
            Err(error) if passes(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn drain(&mut self, target: &mut TcpStream) -> io::Result<()> {
        if !self.held.is_empty() {
            match target.write(&self.held) {
                Ok(count) => drop(self.held.drain(..count.min(self.held.len()))),
                Err(error) if passes(&error) => {}
                Err(error) => return Err(error),
            }
        }
        if self.ended && self.held.is_empty() && !self.told {
            self.told = true;
            target.shutdown(Shutdown::Write)?;
        }
        Ok(())
    }
}

fn passes(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// What is not passed on yet.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Held {
    /// What the client says is kept here.
    pub(crate) client: bool,
    /// The server is not listened to.
    pub(crate) server: bool,
}

/// A client, a server, and what each has said that the other has not heard. Neither of the two may block.
#[derive(Debug)]
pub(crate) struct Pair {
    client: TcpStream,
    server: TcpStream,
    /// How much of each direction is held here.
    room: usize,
    up: Flow,
    down: Flow,
    moved: Instant,
}

impl Pair {
    /// `first` is what the client has said already.
    pub(crate) fn new((client, server): (TcpStream, TcpStream), room: usize, first: Vec<u8>) -> Self {
        let up = Flow { held: first, ..Flow::default() };
        Self { client, server, room, up, down: Flow::default(), moved: Instant::now() }
    }

    /// What the client has said and the server has not heard, and whether that is all.
    pub(crate) fn said(&self) -> (&[u8], bool) {
        (&self.up.held, self.up.ended)
    }

    /// When a byte was last read.
    pub(crate) const fn moved(&self) -> Instant {
        self.moved
    }

    /// The client's side and the server's, for how they are closed.
    pub(crate) fn into_both(self) -> (TcpStream, TcpStream) {
        (self.client, self.server)
    }

    /// Goes on until both sides are done, nothing moves for so long, or the sandbox has ended. Answers whether each side
    /// was told all that the other had to say.
    pub(crate) fn run(&mut self, stopped: BorrowedFd<'_>, idle: Option<Duration>) -> bool {
        loop {
            if !self.pass(Held::default()) {
                return false;
            }
            if self.up.told && self.down.told {
                return true;
            }
            let deadline = idle.and_then(|idle| self.moved.checked_add(idle));
            if self.turn(Held::default(), stopped, deadline) != Ok(true) {
                return false;
            }
        }
    }

    /// Passes on what there is. Whether the connection goes on.
    pub(crate) fn pass(&mut self, held: Held) -> bool {
        let up = if held.client { Ok(()) } else { self.up.drain(&mut self.server) };
        up.and_then(|()| self.down.drain(&mut self.client)).is_ok()
    }

    /// Waits, and reads what is there. Whether the connection goes on.
    pub(crate) fn turn(
        &mut self,
        held: Held,
        stopped: BorrowedFd<'_>,
        deadline: Option<Instant>,
    ) -> Result<bool, Over> {
        let flag = |wanted, flag| if wanted { flag } else { PollFlags::empty() };
        let (up, down) = (&mut self.up, &mut self.down);
        let client =
            flag(up.has_room(self.room), PollFlags::POLLIN) | flag(!down.held.is_empty(), PollFlags::POLLOUT);
        let server = flag(down.has_room(self.room) && !held.server, PollFlags::POLLIN)
            | flag(!up.held.is_empty() && !held.client, PollFlags::POLLOUT);
        let wanted = [(self.client.as_fd(), client), (self.server.as_fd(), server)];
        let ready = wait::any(&wanted, stopped, deadline)?;
        let broken = PollFlags::POLLERR | PollFlags::POLLHUP;
        for ((_, wanted), ready) in wanted.iter().zip(&ready) {
            // Nothing is wanted of it, and it is gone: waiting on would spin.
            if wanted.is_empty() && ready.intersects(broken) {
                return Ok(false);
            }
        }
        let has_news = |ready: Option<&PollFlags>| {
            ready.is_some_and(|ready| ready.intersects(broken | PollFlags::POLLIN))
        };
        let (from_client, from_server) = (has_news(ready.first()), has_news(ready.get(1)));
        let failed = from_client && up.has_room(self.room) && up.fill(&mut self.client).is_err()
            || from_server
                && down.has_room(self.room)
                && !held.server
                && down.fill(&mut self.server).is_err();
        self.moved = Instant::now();
        Ok(!failed)
    }
}
