//! The proxy of one sandbox: one thread that accepts and answers names, and one for each of a bounded number of connections.

use std::io;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, Builder, Scope};
use std::time::Duration;

use nix::poll::PollFlags;

use super::connection::{Shared, Times, serve};
use super::dns;
use super::judge::Grants;
use super::resolver::{Lookup, system};
use super::tally::{EgressReason, EgressUse, Tally};
use crate::relay::{Attendant, Over, STACK, accept as accept_next, after, any};

/// How many connections a sandbox has at once. Others wait in the listener's queue.
const CONNECTIONS: usize = 64;
/// How many questions for names are answered before anything else has its turn.
const QUESTIONS: usize = 32;
/// From one look to the next whether there is room for another connection.
const LOOK: Duration = Duration::from_millis(10);

/// The way out of a sandbox whose sockets have not come yet, and of one whose have.
#[derive(Debug)]
pub(crate) struct Door {
    grants: Grants,
    listener: Option<OwnedFd>,
    proxy: Option<Proxy>,
}

impl Door {
    /// For a sandbox with these grants.
    pub(crate) fn new(grants: &Grants) -> Self {
        Self { grants: grants.clone(), listener: None, proxy: None }
    }

    /// The listening socket of the sandbox has come.
    pub(crate) fn take_listener(&mut self, listener: OwnedFd) {
        self.listener = Some(listener);
    }

    /// The socket for names has come, which is the second: from now on the door is open.
    pub(crate) fn take_names(&mut self, names: OwnedFd) -> io::Result<()> {
        let listener =
            self.listener.take().filter(|_| self.proxy.is_none()).ok_or(io::ErrorKind::InvalidData)?;
        let grants = std::mem::take(&mut self.grants);
        self.proxy = Some(Proxy::start((listener, names), grants, (system, Times::USUAL))?);
        Ok(())
    }

    /// Ends every connection, and says what there was.
    pub(crate) fn close(mut self) -> EgressUse {
        self.proxy.take().map(Proxy::finish).unwrap_or_default()
    }
}

/// A running proxy. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Proxy {
    shared: Arc<Shared>,
    attendant: Attendant,
}

impl Proxy {
    pub(super) fn start(
        (listener, names): (OwnedFd, OwnedFd),
        grants: Grants,
        (lookup, times): (Lookup, Times),
    ) -> io::Result<Self> {
        let (listener, names) = (TcpListener::from(listener), UdpSocket::from(names));
        listener.set_nonblocking(true)?;
        names.set_nonblocking(true)?;
        let (stopped, attendant) = Attendant::new()?;
        let shared = Arc::new(Shared { grants, lookup, times, tally: Tally::default(), stopped });
        let own = Arc::clone(&shared);
        let attendant = attendant.start("egress", move || attend(&own, &listener, &names))?;
        Ok(Self { shared, attendant })
    }

    pub(super) fn finish(self) -> EgressUse {
        drop(self.attendant);
        self.shared.tally.sum()
    }
}

/// Serves until the sandbox has ended, and until the last connection has noticed.
fn attend(shared: &Shared, listener: &TcpListener, names: &UdpSocket) {
    let busy = AtomicUsize::new(0);
    thread::scope(|scope| {
        loop {
            let full = busy.load(Ordering::SeqCst) >= CONNECTIONS;
            let wanted = [
                (names.as_fd(), PollFlags::POLLIN),
                (listener.as_fd(), if full { PollFlags::empty() } else { PollFlags::POLLIN }),
            ];
            let deadline = full.then(|| after(LOOK));
            match any(&wanted, shared.stopped.as_fd(), deadline) {
                Ok(_) | Err(Over::Late) => {}
                Err(Over::Ended | Over::Failed) => return,
            }
            answer_names(shared, names);
            if !full && !accept(scope, shared, listener, &busy) {
                // No descriptor or thread is left: others may go meanwhile.
                thread::sleep(LOOK);
            }
        }
    });
}

/// One who is served.
struct Seat<'a>(&'a AtomicUsize);

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Takes the next of the queue; false where that is not possible now.
fn accept<'scope>(
    scope: &'scope Scope<'scope, '_>,
    shared: &'scope Shared,
    listener: &TcpListener,
    busy: &'scope AtomicUsize,
) -> bool {
    let client = match accept_next(listener) {
        Ok(Some(client)) => client,
        Ok(None) => return true,
        Err(_) => return false,
    };
    busy.fetch_add(1, Ordering::SeqCst);
    let seat = Seat(busy);
    let thread = Builder::new().name("egress-connection".to_owned()).stack_size(STACK);
    let served = thread.spawn_scoped(scope, move || {
        let _seat = seat;
        serve(client, shared);
    });
    served.is_ok()
}

fn answer_names(shared: &Shared, names: &UdpSocket) {
    // A byte more than is read, so that a longer question shows.
    let mut bytes = [0; dns::LONGEST_QUESTION + 1];
    for _ in 0..QUESTIONS {
        let Ok((count, from)) = names.recv_from(&mut bytes) else { return };
        let Some(answer) = dns::answer(bytes.get(..count).unwrap_or_default(), &shared.grants) else {
            continue;
        };
        if answer.refused.is_some() {
            shared.tally.refuse(answer.refused, EgressReason::NotGranted);
        }
        // Whoever does not wait for the answer does not get it.
        drop(names.send_to(&answer.bytes, from));
    }
}
