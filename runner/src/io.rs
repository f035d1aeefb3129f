//! Where the three streams of a sandbox come from and go to.

use std::fmt;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair};

/// What the program reads. Nothing of the host is passed in: bytes are copied into a pipe of the sandbox's own.
#[derive(Debug)]
pub enum Input {
    /// Nothing: the end of the stream at once.
    Null,
    /// These bytes, then the end.
    Bytes(Vec<u8>),
    /// What can be read here, as long as the program reads.
    Descriptor(OwnedFd),
}

/// Where the program's output goes. The output limit counts all of it, kept or not.
#[derive(Debug)]
pub enum Output {
    /// Nowhere.
    Discard,
    /// Into the outcome.
    Capture,
    /// Written here; while nobody reads it, the program waits.
    Descriptor(OwnedFd),
}

/// The three streams. With a terminal, `stderr` is not used: there is one screen.
#[derive(Debug)]
pub struct Streams {
    /// Standard input.
    pub stdin: Input,
    /// Standard output.
    pub stdout: Output,
    /// Standard error.
    pub stderr: Output,
}

impl Streams {
    /// No input, and both outputs kept.
    pub fn captured() -> Self {
        Self { stdin: Input::Null, stdout: Output::Capture, stderr: Output::Capture }
    }
}

/// Speaks to a running sandbox from elsewhere: another thread, or a signal handler's thread. Can be cloned.
#[derive(Debug)]
pub struct Remote(OwnedFd);

/// The other end of a [`Remote`], or another source of commands, for [`launch`](crate::launch).
#[derive(Debug)]
pub struct Commands(Inner);

#[derive(Debug)]
enum Inner {
    Remote(OwnedFd),
    Source(Box<dyn CommandSource>),
}

/// Commands without a thread that speaks: the supervisor waits for them itself.
pub trait CommandSource: fmt::Debug + Send + Sync {
    /// Can be read from when there is a command.
    fn descriptor(&self) -> BorrowedFd<'_>;

    /// Takes what has come; there may be nothing.
    fn take(&self) -> Vec<Command>;
}

impl Commands {
    /// Commands of a source.
    pub fn of(source: impl CommandSource + 'static) -> Self {
        Self(Inner::Source(Box::new(source)))
    }

    /// Can be read from when there is a command.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        match &self.0 {
            Inner::Remote(socket) => socket.as_fd(),
            Inner::Source(source) => source.descriptor(),
        }
    }

    /// Takes what has come, without waiting; nothing when nobody commands any more.
    pub(crate) fn take(&self) -> Option<Vec<Command>> {
        let socket = match &self.0 {
            Inner::Remote(socket) => socket,
            Inner::Source(source) => return Some(source.take()),
        };
        let mut bytes = [0; 16];
        match recv(socket.as_raw_fd(), &mut bytes, MsgFlags::MSG_DONTWAIT) {
            Ok(0) => None,
            Ok(length) => {
                Some(Command::from_bytes(bytes.get(..length).unwrap_or_default()).into_iter().collect())
            }
            Err(Errno::EAGAIN | Errno::EINTR) => Some(Vec::new()),
            Err(_) => None,
        }
    }
}

/// Makes a remote and its other end.
///
/// # Errors
/// When the process has no descriptors left.
pub fn remote() -> io::Result<(Remote, Commands)> {
    let (ours, theirs) = socketpair(
        AddressFamily::Unix,
        SockType::SeqPacket,
        None,
        SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
    )?;
    Ok((Remote(ours), Commands(Inner::Remote(theirs))))
}

/// What a running sandbox can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Send the program a signal. One that it does not catch ends it, as it would outside.
    Signal(i32),
    /// Kill every process.
    Kill,
    /// The terminal has another size.
    Window {
        /// How many rows.
        rows: u16,
        /// How many columns.
        columns: u16,
    },
}

impl Command {
    fn bytes(self) -> [u8; 5] {
        let pack = |kind, [a, b, c, d]: [u8; 4]| [kind, a, b, c, d];
        match self {
            Self::Signal(number) => pack(b's', number.to_ne_bytes()),
            Self::Kill => pack(b'k', [0; 4]),
            Self::Window { rows, columns } => {
                let ([a, b], [c, d]) = (rows.to_ne_bytes(), columns.to_ne_bytes());
                pack(b'w', [a, b, c, d])
            }
        }
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        match *bytes {
            [b's', a, b, c, d] => Some(Self::Signal(i32::from_ne_bytes([a, b, c, d]))),
            [b'k', ..] => Some(Self::Kill),
            [b'w', a, b, c, d] => {
                Some(Self::Window { rows: u16::from_ne_bytes([a, b]), columns: u16::from_ne_bytes([c, d]) })
            }
            _ => None,
        }
    }
}

impl Remote {
    /// Sends a signal to the program. One that the program does not catch ends it, as it would outside.
    ///
    /// # Errors
    /// When the sandbox has ended.
    pub fn signal(&self, number: i32) -> io::Result<()> {
        self.send(Command::Signal(number))
    }

    /// Kills every process of the sandbox.
    ///
    /// # Errors
    /// When the sandbox has ended.
    pub fn kill(&self) -> io::Result<()> {
        self.send(Command::Kill)
    }

    /// Tells the sandbox's own terminal how large it is.
    ///
    /// # Errors
    /// When the sandbox has ended.
    pub fn resize(&self, rows: u16, columns: u16) -> io::Result<()> {
        self.send(Command::Window { rows, columns })
    }

    /// Another remote for the same sandbox.
    ///
    /// # Errors
    /// When the process has no descriptors left.
    pub fn try_clone(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self)
    }

    fn send(&self, command: Command) -> io::Result<()> {
        send(self.0.as_fd().as_raw_fd(), &command.bytes(), MsgFlags::MSG_NOSIGNAL)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_arrive_as_they_were_sent() {
        for command in [Command::Signal(15), Command::Kill, Command::Window { rows: 24, columns: 80 }] {
            assert_eq!(Command::from_bytes(&command.bytes()), Some(command));
        }
        assert_eq!(Command::from_bytes(b"x"), None);
    }
}
