//! One stream between the host and the sandbox: bounded, never blocking the supervisor.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, send};
use nix::sys::stat::{Mode, SFlag, fstat};
use nix::unistd::{isatty, read, write};

use crate::io::Output;

/// How much is read at once. No more is ever held between a program and a slow reader.
const CHUNK: usize = 65_536;
/// A pipe that polls as writable takes this much without blocking (`PIPE_BUF`).
const SAFE_WRITE: usize = 4096;

#[derive(Debug)]
enum Sink {
    Discard,
    Capture(Vec<u8>),
    Descriptor { to: OwnedFd, way: Way },
    Closed,
}

/// How a descriptor is written to so that the supervisor never waits in the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// It is ours alone and does not block.
    Ours,
    /// A socket: each call says that it must not wait.
    Socket,
    /// The caller's, whose flags are not ours to change: little at a time, and only when it polls as writable.
    Callers,
}

/// Finds how to write to a descriptor of the caller. Its open file may be shared, with other processes or with the other
/// stream of this sandbox: between polling and writing somebody else may have filled it.
fn way_of(to: OwnedFd) -> (OwnedFd, Way) {
    let kind = kind_of(&to);
    if kind == SFlag::S_IFSOCK {
        return (to, Way::Socket);
    }
    if kind == SFlag::S_IFIFO || isatty(&to).unwrap_or(false) {
        return match opened_again(&to, OFlag::O_WRONLY) {
            Ok(own) => (own, Way::Ours),
            Err(_) => (to, Way::Callers),
        };
    }
    (to, Way::Callers)
}

/// A descriptor of the caller, for who has something to write and never waits.
#[derive(Debug)]
pub(crate) struct Outlet {
    to: OwnedFd,
    way: Way,
}

impl Outlet {
    /// Looks how it can be written to.
    pub(crate) fn new(to: OwnedFd) -> Self {
        let (to, way) = way_of(to);
        Self { to, way }
    }

    /// Writes what fits now.
    pub(crate) fn offer(&self, bytes: &[u8]) -> nix::Result<usize> {
        offer(&self.to, self.way, bytes)
    }

    /// To wait for it.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.to.as_fd()
    }
}

/// A new open file of the same pipe or terminal, with flags of its own. Refused for a pipe that another user made.
fn opened_again(descriptor: &OwnedFd, access: OFlag) -> nix::Result<OwnedFd> {
    let flags = access | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    open(format!("/proc/self/fd/{}", descriptor.as_raw_fd()).as_str(), flags, Mode::empty())
}

/// A source of the caller that does not make the supervisor wait when somebody else reads from it too.
pub(crate) fn source_of(from: OwnedFd) -> OwnedFd {
    if kind_of(&from) == SFlag::S_IFIFO { opened_again(&from, OFlag::O_RDONLY).unwrap_or(from) } else { from }
}

fn kind_of(descriptor: &OwnedFd) -> SFlag {
    fstat(descriptor).map_or(SFlag::empty(), |found| SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT)
}

/// Whether a descriptor can be read or written at this moment, or has failed.
fn is_ready(descriptor: &OwnedFd, flags: PollFlags) -> bool {
    let mut entries = [PollFd::new(descriptor.as_fd(), flags)];
    poll(&mut entries, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
}

/// Writes what fits now.
fn offer(to: &OwnedFd, way: Way, bytes: &[u8]) -> nix::Result<usize> {
    match way {
        Way::Ours => write(to, bytes),
        Way::Socket => send(to.as_raw_fd(), bytes, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL),
        Way::Callers if is_ready(to, PollFlags::POLLOUT) => {
            write(to, bytes.get(..SAFE_WRITE).unwrap_or(bytes))
        }
        Way::Callers => Err(Errno::EAGAIN),
    }
}

/// A source, a sink, and what is on the way.
#[derive(Debug)]
pub(crate) struct Pump {
    source: Option<OwnedFd>,
    sink: Sink,
    pending: Vec<u8>,
    /// Bytes of `pending` that have been written.
    written: usize,
    /// What is sent by [`Pump::leave`] when the source has ended: a terminal wants a character, a pipe is closed.
    farewell: Option<u8>,
    /// What went by last.
    last: Option<u8>,
    /// Whether a terminal's interrupt character has gone by since [`Pump::take_interrupt`].
    interrupted: bool,
    /// Why the sink could not be written to, where that is not its reader's wish.
    failure: Option<Errno>,
    /// Whether whoever read the sink is gone.
    unread: bool,
}

/// What ^C types.
const INTERRUPT: u8 = 3;

impl Pump {
    /// From the sandbox to an output. The source must not block.
    pub(crate) fn outward(source: OwnedFd, sink: Output) -> Self {
        let sink = match sink {
            Output::Discard => Sink::Discard,
            Output::Capture => Sink::Capture(Vec::new()),
            Output::Descriptor(to) => {
                let (to, way) = way_of(to);
                Sink::Descriptor { to, way }
            }
        };
        Self {
            source: Some(source),
            sink,
            pending: Vec::new(),
            written: 0,
            farewell: None,
            last: None,
            interrupted: false,
            failure: None,
            unread: false,
        }
    }

    /// From the host into the sandbox: first `bytes`, then what `source` gives. The sink must not block.
    pub(crate) fn inward(bytes: Vec<u8>, source: Option<OwnedFd>, to: OwnedFd, farewell: Option<u8>) -> Self {
        let interrupted = bytes.contains(&INTERRUPT);
        let sink = Sink::Descriptor { to, way: Way::Ours };
        let source = source.map(source_of);
        let last = bytes.last().copied();
        let mut pump = Self {
            source,
            sink,
            pending: bytes,
            written: 0,
            farewell,
            last,
            interrupted,
            failure: None,
            unread: false,
        };
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

    /// Whether something has come that is not passed on.
    pub(crate) fn is_behind(&self) -> bool {
        let has_more = |source| is_ready(source, PollFlags::POLLIN);
        !self.pending.is_empty() || self.source.as_ref().is_some_and(has_more)
    }

    /// Whether whoever read it is gone.
    pub(crate) const fn is_unread(&self) -> bool {
        self.unread
    }

    /// Moves what can be moved now. At most `room` bytes are passed on; the answer is how many more were read and, when
    /// they did not fit, that fact.
    pub(crate) fn turn(&mut self, room: u64) -> (u64, bool) {
        let (mut taken, mut over) = (0, false);
        if self.pending.is_empty() {
            (taken, over) = self.fill(room);
        }
        self.drain();
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
                self.last = chunk.last().copied().or(self.last);
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
            Sink::Descriptor { to, way } => match offer(to, *way, rest) {
                Ok(length) => length,
                Err(Errno::EAGAIN | Errno::EINTR) => 0,
                Err(errno) => {
                    // A reader that is gone is no failure: the program will be told by its own next write.
                    self.unread = matches!(errno, Errno::EPIPE | Errno::ECONNRESET);
                    if !self.unread {
                        self.failure = Some(errno);
                    }
                    self.source = None;
                    self.sink = Sink::Closed;
                    rest.len()
                }
            },
        };
        self.written = self.written.saturating_add(done);
        if self.written >= self.pending.len() {
            self.pending = Vec::new();
            self.written = 0;
        }
    }

    fn close_if_done(&mut self) {
        let is_done = self.source.is_none() && self.pending.is_empty() && self.farewell.is_none();
        if is_done && matches!(self.sink, Sink::Descriptor { way: Way::Ours, .. }) {
            self.sink = Sink::Closed;
        }
    }

    /// Whether all has been passed on but the farewell.
    pub(crate) const fn is_leaving(&self) -> bool {
        self.source.is_none() && self.pending.is_empty() && self.farewell.is_some()
    }

    /// Sends the farewell after what is on the way.
    pub(crate) fn leave(&mut self) {
        let Some(byte) = self.farewell.take() else { return };
        self.pending.push(byte);
        // After a part of a line it only sends off that part; the end is what comes with nothing before it.
        if self.last.is_some_and(|last| last != b'\n') {
            self.pending.push(byte);
        }
    }

    /// Whether an interrupt character has been passed on since the last time that this was asked.
    pub(crate) fn take_interrupt(&mut self) -> bool {
        self.pending.is_empty() && std::mem::take(&mut self.interrupted)
    }

    /// Why nothing more can be passed on: a full disk, for one.
    pub(crate) const fn failure(&self) -> Option<Errno> {
        self.failure
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

    #[test]
    fn two_streams_into_one_full_pipe_never_wait() {
        let (_kept, full) = pipe().unwrap();
        let (socket, _peer) = std::os::unix::net::UnixStream::pair().unwrap();
        for to in [full, OwnedFd::from(socket)] {
            let mut pumps = [0, 1].map(|_| {
                let (from, inlet) = pipe().unwrap();
                never_block(&inlet).unwrap();
                never_block(&from).unwrap();
                (Pump::outward(from, Output::Descriptor(to.try_clone().unwrap())), inlet)
            });
            for _ in 0..40 {
                for (pump, inlet) in &mut pumps {
                    write(&*inlet, &vec![7; 30_000]).ok();
                    pump.turn(u64::MAX);
                }
            }
            assert!(pumps.iter().all(|(pump, _)| pump.interest().is_some() && pump.failure().is_none()));
        }
    }

    #[test]
    fn a_pipe_that_cannot_be_opened_again_is_not_waited_for_either() {
        let (_kept, full) = pipe().unwrap();
        let to = full.try_clone().unwrap();
        for _ in 0..17 {
            let _ = offer(&full, Way::Callers, &vec![7; 30_000]);
        }
        assert_eq!(offer(&to, Way::Callers, b"x"), Err(Errno::EAGAIN));
    }

    #[test]
    fn a_full_disk_is_a_failure_and_a_reader_that_is_gone_is_none() {
        let (from, inlet) = pipe().unwrap();
        write(&inlet, b"hello").unwrap();
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let mut pump = Pump::outward(from, Output::Descriptor(full.into()));
        pump.turn(100);
        assert_eq!(pump.failure(), Some(Errno::ENOSPC));
        assert!(pump.interest().is_none());
    }
}
