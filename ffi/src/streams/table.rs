//! Every open stream, by its id.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};

use perry_sandbox_runner::{Input, Output};

use super::Encoding;
use super::reactor::{self, Waker};
use super::stream::{Ends, Stream, output, over};
use crate::calls::Responder;
use crate::code::Code;
use crate::fault::Fault;
use crate::lock::lock;

/// Streams that may be open, read or not.
const MAX_STREAMS: usize = 1024;

/// The stream table.
#[derive(Default)]
pub(crate) struct Streams(Mutex<Table>);

#[derive(Default)]
struct Table {
    last: u64,
    open: HashMap<String, Arc<Stream>>,
    waker: Option<Waker>,
    closed: bool,
}

impl Streams {
    /// Opens a stream; with it come the sandbox's ends of its streams. `stdin` is what the program reads, or nothing
    /// where it is written to while the program runs.
    pub(crate) fn open(
        self: &Arc<Self>,
        encoding: Encoding,
        stdin: Option<Input>,
    ) -> Result<(Arc<Stream>, perry_sandbox_runner::Streams), Fault> {
        let (ends, streams) = connect(stdin).map_err(|error| no_pipes(&error))?;
        Ok((self.add(encoding, ends)?, streams))
    }

    /// Opens a stream that is [fed](Stream::feed).
    pub(crate) fn open_fed(self: &Arc<Self>, encoding: Encoding) -> Result<Arc<Stream>, Fault> {
        self.add(encoding, Ends::default())
    }

    fn add(self: &Arc<Self>, encoding: Encoding, ends: Ends) -> Result<Arc<Stream>, Fault> {
        let mut table = lock(&self.0);
        if table.closed {
            return Err(Fault::closed());
        }
        if table.open.len() >= MAX_STREAMS {
            return Err(Fault::new(
                Code::Busy,
                "too many streams are open: read them to the end, or cancel them",
            ));
        }
        if table.waker.is_none() {
            table.waker = Some(reactor::start(Arc::downgrade(self)).map_err(|error| no_pipes(&error))?);
        }
        table.last = table.last.saturating_add(1);
        let stream = Arc::new(Stream::new(format!("s{}", table.last), encoding, ends));
        table.open.insert(stream.id().to_owned(), Arc::clone(&stream));
        table.wake();
        drop(table);
        Ok(stream)
    }

    /// Answers with the next event of a stream.
    pub(crate) fn next(&self, id: &str, most: usize, responder: Responder) {
        let Some(stream) = self.find(id) else { return responder.answer(Err(over())) };
        stream.next(most, responder);
        self.tidy(&stream);
    }

    /// Writes to a stream's program.
    pub(crate) fn write(&self, id: &str, bytes: Vec<u8>, last: bool, responder: Responder) {
        let Some(stream) = self.find(id) else { return responder.answer(Err(over())) };
        stream.write(bytes, last, responder);
        lock(&self.0).wake();
    }

    /// Cancels a stream; whether there was one that was not over.
    pub(crate) fn cancel(&self, id: &str) -> bool {
        let Some(stream) = self.find(id) else { return false };
        let cancelled = stream.cancel();
        lock(&self.0).wake();
        cancelled
    }

    /// The sandbox of a stream is gone.
    pub(crate) fn finish(&self, stream: &Stream, result: Result<String, Fault>) {
        stream.finish(result);
        self.tidy(stream);
    }

    /// Cancels every stream and refuses new ones.
    pub(crate) fn close(&self) {
        let mut table = lock(&self.0);
        table.closed = true;
        let open: Vec<_> = table.open.drain().map(|(_, stream)| stream).collect();
        drop(table.waker.take());
        drop(table);
        for stream in open {
            stream.cancel();
        }
    }

    /// Takes a stream out that never was.
    pub(crate) fn forget(&self, stream: &Stream) {
        lock(&self.0).open.remove(stream.id());
    }

    pub(super) fn all(&self) -> Vec<Arc<Stream>> {
        let mut table = lock(&self.0);
        table.open.retain(|_, stream| !stream.is_over());
        table.open.values().cloned().collect()
    }

    fn find(&self, id: &str) -> Option<Arc<Stream>> {
        lock(&self.0).open.get(id).cloned()
    }

    /// Forgets a stream that is over, and lets the thread look at one that is not.
    fn tidy(&self, stream: &Stream) {
        let mut table = lock(&self.0);
        if stream.is_over() {
            table.open.remove(stream.id());
        }
        table.wake();
    }
}

impl Table {
    fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake();
        }
    }
}

fn no_pipes(error: &io::Error) -> Fault {
    Fault::new(Code::Io, format!("cannot make the stream's pipes: {error}"))
}

fn connect(stdin: Option<Input>) -> io::Result<(Ends, perry_sandbox_runner::Streams)> {
    let [(out, to_out), (error, to_error)] = [output()?, output()?];
    let (input, stdin) = if let Some(stdin) = stdin {
        (None, stdin)
    } else {
        // Not a pipe: writing to one whose reader is gone raises a signal in the caller's program.
        let (ours, theirs) = UnixStream::pair()?;
        (Some(OwnedFd::from(ours)), Input::Descriptor(theirs.into()))
    };
    let streams = perry_sandbox_runner::Streams {
        stdin,
        stdout: Output::Descriptor(to_out),
        stderr: Output::Descriptor(to_error),
    };
    Ok((Ends { outputs: [Some(out), Some(error)], input }, streams))
}
