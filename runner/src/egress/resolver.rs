//! The host's resolver, asked once for each connection, and not longer than there is time.

use std::net::{IpAddr, ToSocketAddrs as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread::Builder;
use std::time::Instant;

use nix::poll::PollFlags;

use crate::relay::{Over, one};

/// Who knows the addresses of a name, if it has any.
pub(super) type Lookup = fn(&str, u16) -> Vec<IpAddr>;

/// How many addresses of one name are looked at.
const ADDRESSES: usize = 32;
/// How many questions this process asks at once: a resolver can keep a thread longer than anybody waits for it.
const QUESTIONS: usize = 256;

static ASKED: AtomicUsize = AtomicUsize::new(0);

/// The host's.
pub(super) fn system(name: &str, port: u16) -> Vec<IpAddr> {
    let found = (name, port).to_socket_addrs().into_iter().flatten();
    found.map(|address| address.ip()).take(ADDRESSES).collect()
}

/// Looks a name up in a thread of its own, which nobody waits for when the time is over. No answer is no address.
pub(super) fn resolve(
    lookup: Lookup,
    (name, port): (&str, u16),
    stopped: BorrowedFd<'_>,
    deadline: Instant,
) -> Result<Vec<IpAddr>, Over> {
    let (Some(turn), Ok((ours, theirs))) = (Turn::take(), UnixStream::pair()) else { return Ok(Vec::new()) };
    let (say, hear) = sync_channel(1);
    let name = name.to_owned();
    let asked = Builder::new().name("egress-lookup".to_owned()).spawn(move || {
        let _turn = turn;
        // Nobody may be there to hear it any more.
        drop(say.send(lookup(&name, port)));
        drop(theirs);
    });
    if asked.is_err() {
        return Ok(Vec::new());
    }
    match one(ours.as_fd(), PollFlags::POLLIN, stopped, deadline) {
        Ok(()) => Ok(hear.try_recv().unwrap_or_default()),
        Err(Over::Late) => Ok(Vec::new()),
        Err(over) => Err(over),
    }
}

/// One who may ask.
struct Turn;

impl Turn {
    fn take() -> Option<Self> {
        let turn = Self;
        // A turn that is not to be had is given back at once.
        (ASKED.fetch_add(1, Ordering::SeqCst) < QUESTIONS).then_some(turn)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        ASKED.fetch_sub(1, Ordering::SeqCst);
    }
}
