//! What the guest and its helper say to each other over the serial port: frames of at most a few kilobytes.
//!
//! The guest's program compiles this very file. SECURITY: to the helper every byte is that of a hostile guest: a frame has a
//! greatest length, what does not fit is an error for good, and nothing is held but the beginning of one frame.

use std::fmt;

/// The longest payload.
pub(crate) const MOST: usize = 4096;
/// Kind, and length in two bytes.
const HEADER: usize = 3;
/// What the guest says before its first frame: the kernel may have written to the same port before.
pub(crate) const GREETING: &[u8] = b"\n\0perry-sandbox guest 1\0\n";
/// How many bytes of input may be on the way to the guest. The kernel there drops what its program does not read in time.
pub(crate) const WINDOW: u32 = 16_384;

/// Limits that the guest saw the program run into, one bit each.
pub(crate) mod met {
    /// The kernel killed the program for its memory.
    pub(crate) const MEMORY: u8 = 1;
    /// A process was refused.
    pub(crate) const PIDS: u8 = 2;
    /// A byte or file was refused.
    pub(crate) const DISK: u8 = 4;
    /// The kernel ended the program for its processor time.
    pub(crate) const CPU: u8 = 8;
}

/// How the program ended, as the guest saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ended {
    /// Whether a signal ended it.
    pub(crate) killed: bool,
    /// The code or the signal.
    pub(crate) number: i32,
    /// Limits that it ran into ([`met`]).
    pub(crate) met: u8,
    /// Processor time in user mode, in microseconds.
    pub(crate) user: u64,
    /// Processor time in the kernel, in microseconds.
    pub(crate) system: u64,
    /// The most memory that it had, in bytes; 0: unknown.
    pub(crate) peak: u64,
}

/// What kept a program from being started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A step before it.
    Step,
    /// It is not there.
    NotFound,
    /// It is there and cannot be executed.
    NotExecutable,
}

impl Cause {
    const ALL: [Self; 3] = [Self::Step, Self::NotFound, Self::NotExecutable];

    /// How a frame says it.
    pub(crate) const fn to_byte(self) -> u8 {
        match self {
            Self::Step => 0,
            Self::NotFound => 1,
            Self::NotExecutable => 2,
        }
    }

    /// What a frame says.
    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.to_byte() == byte)
    }
}

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Message {
    /// From the guest: the program runs.
    Started,
    /// From the guest: what the program wrote.
    Stdout(Vec<u8>),
    /// From the guest: what it wrote there.
    Stderr(Vec<u8>),
    /// From the guest: room for so many more bytes of input.
    Room(u32),
    /// From the guest: why the program was not started.
    Failed(Cause, String),
    /// From the guest: the last frame.
    Ended(Ended),
    /// To the guest: what the program shall read.
    Stdin(Vec<u8>),
    /// To the guest: there is no more to read.
    StdinEnd,
    /// To the guest: a signal for the program.
    Signal(u8),
    /// To the guest: nobody reads what the program writes to this descriptor, 1 or 2.
    Closed(u8),
}

/// Bytes that are no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes that are no frame of this protocol")
    }
}

impl std::error::Error for Broken {}

impl Message {
    /// The bytes of the frame. What does not fit is cut off, so callers give at most [`MOST`] bytes.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let (kind, payload) = match self {
            Self::Started => (1, Vec::new()),
            Self::Stdout(bytes) => (2, bytes.clone()),
            Self::Stderr(bytes) => (3, bytes.clone()),
            Self::Room(room) => (4, room.to_le_bytes().to_vec()),
            Self::Failed(cause, why) => (5, [&[cause.to_byte()], why.as_bytes()].concat()),
            Self::Ended(ended) => (6, ended.to_bytes()),
            Self::Stdin(bytes) => (7, bytes.clone()),
            Self::StdinEnd => (8, Vec::new()),
            Self::Signal(number) => (9, vec![*number]),
            Self::Closed(number) => (10, vec![*number]),
        };
        let payload = payload.get(..MOST).unwrap_or(&payload);
        let length = u16::try_from(payload.len()).unwrap_or(0);
        let [low, high] = length.to_le_bytes();
        [&[kind, low, high], payload].concat()
    }

    fn from_parts(kind: u8, payload: &[u8]) -> Result<Self, Broken> {
        let empty = || if payload.is_empty() { Ok(()) } else { Err(Broken) };
        match kind {
            1 => empty().map(|()| Self::Started),
            2 => Ok(Self::Stdout(payload.to_vec())),
            3 => Ok(Self::Stderr(payload.to_vec())),
            4 => Ok(Self::Room(u32::from_le_bytes(payload.try_into().map_err(|_| Broken)?))),
            5 => {
                let (cause, why) = payload.split_first().ok_or(Broken)?;
                let cause = Cause::from_byte(*cause).ok_or(Broken)?;
                Ok(Self::Failed(cause, String::from_utf8_lossy(why).into_owned()))
            }
            6 => Ended::from_bytes(payload).map(Self::Ended).ok_or(Broken),
            7 => Ok(Self::Stdin(payload.to_vec())),
            8 => empty().map(|()| Self::StdinEnd),
            9 => match payload {
                [number @ 1..=64] => Ok(Self::Signal(*number)),
                _ => Err(Broken),
            },
            10 => match payload {
                [number @ 1..=2] => Ok(Self::Closed(*number)),
                _ => Err(Broken),
            },
            _ => Err(Broken),
        }
    }
}

impl Ended {
    fn to_bytes(self) -> Vec<u8> {
        let mut bytes = vec![u8::from(self.killed), self.met];
        bytes.extend(self.number.to_le_bytes());
        for number in [self.user, self.system, self.peak] {
            bytes.extend(number.to_le_bytes());
        }
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let ([killed @ 0..=1, met], rest) = bytes.split_first_chunk()? else { return None };
        let (number, rest) = rest.split_first_chunk()?;
        let (user, rest) = rest.split_first_chunk()?;
        let (system, rest) = rest.split_first_chunk()?;
        let number = i32::from_le_bytes(*number);
        let in_range = if *killed == 1 { (1..=64).contains(&number) } else { (0..=255).contains(&number) };
        let ended = Self {
            killed: *killed == 1,
            number,
            met: *met,
            user: u64::from_le_bytes(*user),
            system: u64::from_le_bytes(*system),
            peak: u64::from_le_bytes(rest.try_into().ok()?),
        };
        in_range.then_some(ended)
    }
}

/// Puts frames together from bytes as they come.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// The beginning of a frame; never a whole one.
    rest: Vec<u8>,
    broken: bool,
}

impl Reader {
    /// All frames that these bytes complete. After one error there is no other answer: where a frame begins is lost.
    pub(crate) fn read(&mut self, mut bytes: &[u8]) -> Result<Vec<Message>, Broken> {
        let mut messages = Vec::new();
        while !bytes.is_empty() && !self.broken {
            let wanted = self.wanted().saturating_sub(self.rest.len());
            let (now, later) = bytes.split_at(wanted.min(bytes.len()));
            self.rest.extend_from_slice(now);
            bytes = later;
            let length = self.length();
            self.broken = length.is_some_and(|length| length > MOST);
            if !self.broken && length.is_some() && self.rest.len() == self.wanted() {
                match self.take() {
                    Ok(message) => messages.push(message),
                    Err(Broken) => self.broken = true,
                }
            }
        }
        if self.broken { Err(Broken) } else { Ok(messages) }
    }

    /// The payload's length, once the header is there.
    fn length(&self) -> Option<usize> {
        let [_, low, high] = self.rest.first_chunk::<HEADER>()?;
        Some(usize::from(u16::from_le_bytes([*low, *high])))
    }

    /// How many bytes the header has, or with it the whole frame.
    fn wanted(&self) -> usize {
        HEADER.saturating_add(self.length().unwrap_or(0))
    }

    fn take(&mut self) -> Result<Message, Broken> {
        let ([kind, ..], payload) = self.rest.split_first_chunk::<HEADER>().ok_or(Broken)?;
        let message = Message::from_parts(*kind, payload);
        self.rest.clear();
        message
    }

    /// How many bytes are held.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.rest.len()
    }
}
