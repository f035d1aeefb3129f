//! The one thread that waits for the bytes of all streams.

use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::table::Streams;
use crate::engine::{STACK, leave_signals_to_the_program};

/// Wakes the thread; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Waker(UnixStream);

impl Waker {
    /// Lets the thread look again.
    pub(super) fn wake(&self) {
        // Where the socket is full, the thread is awake.
        (&self.0).write_all(&[1]).ok();
    }
}

/// Starts the thread.
pub(super) fn start(streams: Weak<Streams>) -> std::io::Result<Waker> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    theirs.set_nonblocking(true)?;
    std::thread::Builder::new().name("psb-streams".to_owned()).stack_size(STACK).spawn(move || {
        leave_signals_to_the_program();
        serve(&theirs, &streams);
    })?;
    Ok(Waker(ours))
}

fn serve(woken: &UnixStream, streams: &Weak<Streams>) {
    loop {
        let Some(list) = streams.upgrade().map(|streams| streams.all()) else { return };
        let mut watched: Vec<(usize, usize, Arc<OwnedFd>, PollFlags)> = Vec::new();
        for (at, stream) in list.iter().enumerate() {
            watched.extend(
                stream
                    .interests()
                    .into_iter()
                    .map(|(source, descriptor, flags)| (at, source, descriptor, flags)),
            );
        }
        let mut entries = vec![PollFd::new(woken.as_fd(), PollFlags::POLLIN)];
        entries
            .extend(watched.iter().map(|(_, _, descriptor, flags)| PollFd::new(descriptor.as_fd(), *flags)));
        // An interrupted wait, or one that the system refuses for the moment, is begun again.
        if poll(&mut entries, PollTimeout::NONE).is_err() {
            std::thread::yield_now();
            continue;
        }
        let mut ready = entries.iter().map(|entry| entry.any().unwrap_or(true));
        if ready.next().unwrap_or(false) && !drain(woken) {
            return;
        }
        let ready: Vec<bool> = ready.collect();
        for ((at, source, _, _), ready) in watched.iter().zip(ready) {
            if let (Some(stream), true) = (list.get(*at), ready) {
                // A stream that fails must not take the others with it.
                drop(catch_unwind(AssertUnwindSafe(|| stream.turn(*source))));
            }
        }
    }
}

/// Reads what woke the thread; false when nobody can wake it any more.
fn drain(woken: &UnixStream) -> bool {
    let mut bytes = [0; 256];
    let mut woken = woken;
    loop {
        match woken.read(&mut bytes) {
            Ok(0) => return false,
            Ok(length) if length == bytes.len() => {}
            _ => return true,
        }
    }
}
