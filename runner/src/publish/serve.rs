//! The thread that accepts at published ports, and one for each connection.

use std::net::TcpStream;
use std::os::fd::{AsFd as _, OwnedFd};
use std::thread::{self, Builder, Scope};
use std::time::Duration;

use nix::poll::PollFlags;
use nix::sys::socket::{setsockopt, sockopt};

use super::bind::Port;
use super::pool::{Pool, Seat};
use crate::relay::{Over, Pair, STACK, accept, after, any};

/// From one look to the next whether there is room for another connection.
const LOOK: Duration = Duration::from_millis(10);
/// How much of each direction of a connection is held here.
const ROOM: usize = 16 << 10;
/// After so many seconds of silence a client is asked whether it still is there. One that is may be silent for ever, as the
/// program may be: how long a connection lasts is between the two.
const SILENCE: u32 = 60;

/// Closed so, a connection is broken off.
const ABORT: libc::linger = libc::linger { l_onoff: 1, l_linger: 0 };

/// Everything that one sandbox is reached by.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) ports: Vec<Port>,
    pub(super) pool: Pool,
    /// Closed at its other end when the sandbox has ended.
    pub(super) stopped: OwnedFd,
}

impl Service {
    /// Serves until the sandbox has ended, and until the last connection has noticed.
    pub(super) fn attend(&self) {
        thread::scope(|scope| {
            loop {
                let full = self.pool.is_empty();
                let flags = if full { PollFlags::empty() } else { PollFlags::POLLIN };
                let wanted: Vec<_> = self.ports.iter().map(|port| (port.listener.as_fd(), flags)).collect();
                let deadline = full.then(|| after(LOOK));
                let ready = match any(&wanted, self.stopped.as_fd(), deadline) {
                    Ok(ready) => ready,
                    Err(Over::Late) => continue,
                    Err(Over::Ended | Over::Failed) => return,
                };
                let mut calling = self.ports.iter().zip(ready).filter(|(_, ready)| !ready.is_empty());
                let served = calling.all(|(port, _)| self.admit(scope, port));
                if !served {
                    // No descriptor or thread is left: others may go meanwhile.
                    thread::sleep(LOOK);
                }
            }
        });
    }

    /// Takes the next of a port's queue; false where that is not possible now.
    fn admit<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>, port: &Port) -> bool {
        // Without a seat it waits in its queue.
        let Some(seat) = self.pool.take() else { return true };
        let client = match accept(&port.listener) {
            Ok(Some(client)) => client,
            Ok(None) => return true,
            Err(_) => return false,
        };
        let inside = port.inside.get();
        let thread = Builder::new().name("published".to_owned()).stack_size(STACK);
        thread.spawn_scoped(scope, move || self.serve(client, seat, inside)).is_ok()
    }

    /// Serves one client to its end. Where nobody listens inside, its connection is closed.
    fn serve(&self, client: TcpStream, mut seat: Seat<'_>, inside: u16) {
        let ready = client.set_nonblocking(true).and_then(|()| client.set_nodelay(true));
        let asked = setsockopt(&client, sockopt::KeepAlive, &true)
            .and_then(|()| setsockopt(&client, sockopt::TcpKeepIdle, &SILENCE));
        if ready.is_err() || asked.is_err() {
            return;
        }
        let Some(server) = seat.connect(inside, self.stopped.as_fd()) else { return };
        let mut pair = Pair::new((client, server), ROOM, Vec::new());
        let whole = pair.run(self.stopped.as_fd(), None);
        let (client, server) = pair.into_both();
        if !whole {
            // What broke off is not to look like a whole answer.
            let _ = setsockopt(&client, sockopt::Linger, &ABORT);
        }
        // The client learns of the end now, however long the program reads on.
        drop(client);
        seat.settle(server, whole, self.stopped.as_fd());
    }
}
