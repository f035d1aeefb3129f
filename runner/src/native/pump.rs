//! One stream between the host and the sandbox: bounded, never blocking the supervisor.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::PollFlags;
use nix::unistd::{read, write};

use crate::io::Output;

/// How much is read at once. No more is ever held between a program and a slow reader.
const CHUNK: usize = 65_536;
/// A pipe that polls as writable takes this much without blocking (`PIPE_BUF`).
const SAFE_WRITE: usize = 4096;

#[derive(Debug)]
enum Sink {
    Discard,
    Capture(Vec<u8>),
    /// `whole`: the descriptor is ours and does not block, so any amount may be offered.
    Descriptor {
        to: OwnedFd,
        whole: bool,
    },
    Closed,
}

/// A source, a sink, and what is on the way.
#[derive(Debug)]
pub(crate) struct Pump {
    source: Option<OwnedFd>,
    sink: Sink,
    pending: Vec<u8>,
    /// Bytes of `pending` that have been written.
    written: usize,
    /// What is sent when the source ends: a terminal wants a character, a pipe is closed.
    farewell: Option<u8>,
    /// Whether a terminal's interrupt character has gone by since [`Pump::take_interrupt`].
    interrupted: bool,
}

/// What ^C types.
const INTERRUPT: u8 = 3;

impl Pump {
    /// From the sandbox to an output. The source must not block.
    pub(crate) fn outward(source: OwnedFd, sink: Output) -> Self {
        let sink = match sink {
            Output::Discard => Sink::Discard,
            Output::Capture => Sink::Capture(Vec::new()),
            Output::Descriptor(to) => Sink::Descriptor { to, whole: false },
        };
        Self {
            source: Some(source),
            sink,
            pending: Vec::new(),
            written: 0,
            farewell: None,
            interrupted: false,
        }
    }

    /// From the host into the sandbox: first `bytes`, then what `source` gives. The sink must not block.
    pub(crate) fn inward(bytes: Vec<u8>, source: Option<OwnedFd>, to: OwnedFd, farewell: Option<u8>) -> Self {
        let interrupted = bytes.contains(&INTERRUPT);
        let sink = Sink::Descriptor { to, whole: true };
        let mut pump = Self { source, sink, pending: bytes, written: 0, farewell, interrupted };
        pump.close_if_done();
        pump
    }

    /// What to poll for; nothing when the stream has ended.
    pub(crate) fn interest(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        match (&self.sink, &self.source) {
            (Sink::Descriptor { to, .. }, _) if !self.pending.is_empty() => {
                Some((to.as_fd(), PollFlags::POLLOUT))
            }
            (Sink::Closed, _) | (_, None) => None,
            (_, Some(source)) => Some((source.as_fd(), PollFlags::POLLIN)),
        }
    }

    /// Moves what can be moved now. At most `room` bytes are passed on; the answer is how many more were read and, when
    /// they did not fit, that fact.
    pub(crate) fn turn(&mut self, room: u64) -> (u64, bool) {
        let (mut taken, mut over) = (0, false);
        if self.pending.is_empty() {
            (taken, over) = self.fill(room);
            // A descriptor of the caller may block: it is written to only after it was polled.
            if !matches!(self.sink, Sink::Descriptor { whole: false, .. }) {
                self.drain();
            }
        } else {
            self.drain();
        }
        self.close_if_done();
        (taken, over)
    }

    fn fill(&mut self, room: u64) -> (u64, bool) {
        let Some(source) = &self.source else { return (0, false) };
        let mut chunk = vec![0; CHUNK];
        match read(source, &mut chunk) {
            Ok(0) => self.source = None,
            Ok(length) => {
                let allowed = usize::try_from(room).unwrap_or(usize::MAX).min(length);
                chunk.truncate(allowed);
                self.interrupted |= chunk.contains(&INTERRUPT);
                self.pending = chunk;
                self.written = 0;
                return (u64::try_from(allowed).unwrap_or(u64::MAX), allowed < length);
            }
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            // A terminal whose other side is closed answers EIO.
            Err(_) => self.source = None,
        }
        (0, false)
    }

    fn drain(&mut self) {
        let rest = self.pending.get(self.written..).unwrap_or_default();
        if rest.is_empty() {
            return;
        }
        let done = match &mut self.sink {
            Sink::Discard | Sink::Closed => rest.len(),
            Sink::Capture(kept) => {
                kept.extend_from_slice(rest);
                rest.len()
            }
            Sink::Descriptor { to, whole } => {
                let most = if *whole { rest.len() } else { rest.len().min(SAFE_WRITE) };
                match write(&*to, rest.get(..most).unwrap_or_default()) {
                    Ok(length) => length,
                    Err(Errno::EAGAIN | Errno::EINTR) => 0,
                    // Nobody reads any more: the program will be told by its own next write.
                    Err(_) => {
                        self.source = None;
                        self.sink = Sink::Closed;
                        rest.len()
                    }
                }
            }
        };
        self.written = self.written.saturating_add(done);
        if self.written >= self.pending.len() {
            self.pending = Vec::new();
            self.written = 0;
        }
    }

    fn close_if_done(&mut self) {
        if self.source.is_some() || !self.pending.is_empty() {
            return;
        }
        match self.farewell.take() {
            Some(byte) => self.pending = vec![byte],
            None => {
                if matches!(self.sink, Sink::Descriptor { whole: true, .. }) {
                    self.sink = Sink::Closed;
                }
            }
        }
    }

    /// Whether an interrupt character has been passed on since the last time that this was asked.
    pub(crate) fn take_interrupt(&mut self) -> bool {
        self.pending.is_empty() && std::mem::take(&mut self.interrupted)
    }

    /// What was kept.
    pub(crate) fn captured(self) -> Vec<u8> {
        match self.sink {
            Sink::Capture(kept) => kept,
            Sink::Discard | Sink::Descriptor { .. } | Sink::Closed => Vec::new(),
        }
    }
}

/// Makes reads and writes of a descriptor of ours return instead of waiting.
pub(crate) fn never_block(descriptor: &OwnedFd) -> io::Result<()> {
    let flags = OFlag::from_bits_retain(fcntl(descriptor, FcntlArg::F_GETFL)?);
    fcntl(descriptor, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use nix::unistd::pipe;

    use super::*;

    #[test]
    fn no_more_than_the_room_is_passed_on() {
        let (from, to) = pipe().unwrap();
        write(&to, b"hello").unwrap();
        let mut pump = Pump::outward(from, Output::Capture);
        assert_eq!(pump.turn(3), (3, true));
        assert_eq!(pump.captured(), b"hel");
    }

    #[test]
    fn a_reader_that_is_gone_ends_the_stream() {
        let (from, to) = pipe().unwrap();
        let (gone, sink) = pipe().unwrap();
        drop(gone);
        write(&to, b"hello").unwrap();
        let mut pump = Pump::outward(from, Output::Descriptor(sink));
        pump.turn(100);
        pump.turn(100);
        assert!(pump.interest().is_none());
        assert_eq!(write(&to, b"x"), Err(Errno::EPIPE), "the program is told");
    }
}
