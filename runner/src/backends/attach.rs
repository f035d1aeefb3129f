//! The client of an engine that is asked over a socket, as a process of ours: it attaches to a sandbox, starts it, passes its
//! streams on and ends when it has ended.
//!
//! `docker start --attach` does the same and costs a start of a program of 40 MB for each sandbox; and it tells nobody when the
//! sandbox runs, so that the engine had to be asked again and again.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::http::Exchange;
use super::tool::ToolError;
use crate::native::{receive, send};

/// How long an engine may take to start a sandbox, beside many others.
const STARTING: Duration = Duration::from_secs(120);
/// How long it may take to say that one has ended: as long as that runs.
const RUNNING: Duration = Duration::from_secs(1 << 31);
/// What stands before each piece of output: which stream, and how long the piece is.
const HEADER: usize = 8;

/// What is asked, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attach {
    /// For its streams.
    pub(crate) streams: Exchange,
    /// To start it.
    pub(crate) start: Exchange,
    /// For its end.
    pub(crate) wait: Exchange,
}

/// What such a process says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Said {
    /// The program runs, or has run.
    Started,
    /// The engine did not start it.
    Failed(String),
}

/// What such a process does: its order and the program's streams come over the socket.
pub(crate) fn attend(control: &UnixStream) -> io::Result<()> {
    let Some((text, descriptors)) = receive(control)? else { return Ok(()) };
    let order: Attach = serde_json::from_slice(&text)?;
    let mut streams = descriptors.into_iter().map(File::from);
    let (Some(stdin), Some(stdout), Some(stderr)) = (streams.next(), streams.next(), streams.next()) else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let say = |said: &Said| send(control, &serde_json::to_vec(said)?, &[]);
    let stream = match order.begin() {
        Ok(stream) => stream,
        Err(ToolError::Failed { words, .. }) => return say(&Said::Failed(words)),
        Err(error) => return say(&Said::Failed(error.to_string())),
    };
    say(&Said::Started)?;
    let input = stream.try_clone()?;
    // It ends with this process: a source that says nothing more keeps nobody.
    thread::spawn(move || {
        let (mut from, mut to) = (stdin, &input);
        drop(io::copy(&mut from, &mut to));
        drop(input.shutdown(Shutdown::Write));
    });
    let passed = split(&mut BufReader::new(stream), &mut &stdout, &mut &stderr);
    // A program may close its streams and run on.
    if passed.is_ok() {
        drop((stdout, stderr));
        drop(order.wait.ask(RUNNING));
    }
    passed
}

impl Attach {
    /// What is asked for a sandbox of this name.
    pub(super) fn of(name: &str, exchange: impl Fn(&str) -> Exchange) -> Self {
        let ask = |what: &str| exchange(&format!("/containers/{name}/{what}"));
        Self {
            streams: ask("attach?stream=1&stdin=1&stdout=1&stderr=1"),
            start: ask("start"),
            wait: ask("wait"),
        }
    }

    fn begin(&self) -> Result<UnixStream, ToolError> {
        let stream = self.streams.open(STARTING)?;
        self.start.answer(STARTING)?;
        Ok(stream)
    }
}

/// Passes on what a program writes, of which each piece says which stream it belongs to.
pub(super) fn split(source: &mut impl Read, out: &mut impl Write, err: &mut impl Write) -> io::Result<()> {
    let broken = |what: &str| Err(io::Error::new(io::ErrorKind::InvalidData, what));
    loop {
        let mut header = [0; HEADER];
        match source.by_ref().take(1).read(&mut header)? {
            0 => return Ok(()),
            _ => source.read_exact(header.get_mut(1..).unwrap_or_default())?,
        }
        let [kind, 0, 0, 0, length @ ..] = header else { return broken("a header of a stream") };
        let length = u64::from(u32::from_be_bytes(length));
        let mut piece = source.by_ref().take(length);
        let passed = match kind {
            0 | 1 => io::copy(&mut piece, out)?,
            2 => io::copy(&mut piece, err)?,
            _ => return broken("a stream that nobody knows"),
        };
        if passed != length {
            return broken("a piece of a stream that ends early");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn piece(kind: u8, text: &[u8]) -> Vec<u8> {
        let length = u32::try_from(text.len()).unwrap().to_be_bytes();
        [&[kind, 0, 0, 0], length.as_slice(), text].concat()
    }

    #[test]
    fn half_a_piece_and_unknown_streams_are_errors() {
        let whole = [piece(1, b"abc"), piece(2, b"de")].concat();
        let ends = [0, 11, whole.len()];
        for length in 0..=whole.len() {
            let done = split(&mut &whole[..length], &mut io::sink(), &mut io::sink());
            assert_eq!(done.is_ok(), ends.contains(&length), "{length}");
        }
        for other in [piece(3, b"x"), vec![1, 0, 0, 1, 0, 0, 0, 0], b"HTTP/1.1 500\r\n".to_vec()] {
            assert!(split(&mut other.as_slice(), &mut io::sink(), &mut io::sink()).is_err(), "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn both_streams_come_whole_and_in_order(
            pieces in prop::collection::vec((1_u8..3, prop::collection::vec(any::<u8>(), 0..40)), 0..20),
        ) {
            let sent: Vec<u8> = pieces.iter().flat_map(|(kind, text)| piece(*kind, text)).collect();
            let of = |wanted: u8| -> Vec<u8> {
                pieces.iter().filter(|(kind, _)| *kind == wanted).flat_map(|(_, text)| text.clone()).collect()
            };
            let (mut out, mut err) = (Vec::new(), Vec::new());
            split(&mut sent.as_slice(), &mut out, &mut err).unwrap();
            prop_assert_eq!((out, err), (of(1), of(2)));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            drop(split(&mut bytes.as_slice(), &mut io::sink(), &mut io::sink()));
        }
    }
}
