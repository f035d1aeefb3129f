//! Where the three streams of a sandbox come from and go to.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, send, socketpair};

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

/// The other end of a [`Remote`], for [`launch`](crate::launch).
#[derive(Debug)]
pub struct Commands(pub(crate) OwnedFd);

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
    Ok((Remote(ours), Commands(theirs)))
}

/// One command, as it travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Signal(i32),
    Kill,
    Window { rows: u16, columns: u16 },
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
