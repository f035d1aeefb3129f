//! One open stream: what came out, who waits for it, what is to go in, how it ended.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::{Arc, Mutex};

use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::socket::{MsgFlags, Shutdown, send, shutdown};
use nix::unistd::read;
use perry_sandbox_runner::Remote;
use serde_json::json;

use super::Encoding;
use crate::calls::Responder;
use crate::code::Code;
use crate::fault::Fault;
use crate::lock::lock;

/// Bytes that are kept for a reader; above, the program waits.
const BUFFER: usize = 16 << 20;
/// Bytes that may wait for the program.
const MAX_UNWRITTEN: usize = 64 << 20;
/// Events that may be waited for at once.
const MAX_WAITERS: usize = 1024;
const NAMES: [&str; 2] = ["stdout", "stderr"];

/// Our ends of a program's streams; none of them blocks.
#[derive(Debug, Default)]
pub(crate) struct Ends {
    /// Standard output and standard error; none where the stream is fed.
    pub(crate) outputs: [Option<OwnedFd>; 2],
    /// Standard input, where it is written to while the program runs.
    pub(crate) input: Option<OwnedFd>,
}

/// A stream.
pub(crate) struct Stream {
    id: String,
    encoding: Encoding,
    state: Mutex<State>,
}

struct State {
    sources: [Option<Arc<OwnedFd>>; 2],
    /// What came, in the order in which it came: which output, and the bytes.
    arrived: VecDeque<(usize, Vec<u8>)>,
    buffered: usize,
    /// Beginnings of characters.
    held: [Vec<u8>; 2],
    input: Option<Arc<OwnedFd>>,
    writes: VecDeque<Write>,
    unwritten: usize,
    waiters: VecDeque<(usize, Responder)>,
    remote: Option<Remote>,
    cancelled: bool,
    /// The value of the last event, or why there is none.
    ended: Option<Result<String, Fault>>,
    over: bool,
}

struct Write {
    bytes: Vec<u8>,
    sent: usize,
    /// Nothing comes after it.
    last: bool,
    responder: Responder,
}

/// What became of bytes that a stream was fed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fed {
    /// It has them.
    Taken,
    /// Nobody has read the earlier ones yet: try again.
    Full,
    /// Nobody will read them.
    Over,
}

/// Replies that are given when no lock is held.
type Replies = Vec<(Responder, Result<String, Fault>)>;

fn give(replies: Replies) {
    for (responder, value) in replies {
        responder.answer(value);
    }
}

/// The refusal of a stream that is over.
pub(super) fn over() -> Fault {
    Fault::new(Code::Stream, "the stream has ended, was cancelled, or never was")
}

fn not_read() -> Fault {
    Fault::new(Code::Stream, "the program does not read its input any more")
}

impl Stream {
    pub(super) fn new(id: String, encoding: Encoding, ends: Ends) -> Self {
        let state = State {
            sources: ends.outputs.map(|output| output.map(Arc::new)),
            arrived: VecDeque::new(),
            buffered: 0,
            held: [Vec::new(), Vec::new()],
            input: ends.input.map(Arc::new),
            writes: VecDeque::new(),
            unwritten: 0,
            waiters: VecDeque::new(),
            remote: None,
            cancelled: false,
            ended: None,
            over: false,
        };
        Self { id, encoding, state: Mutex::new(state) }
    }

    /// Its id.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// From here on a cancel reaches the sandbox. After a fault it must not be started.
    pub(crate) fn attach(&self, remote: Remote) -> Result<(), Fault> {
        let mut state = lock(&self.state);
        if state.cancelled {
            return Err(Fault::cancelled());
        }
        state.remote = Some(remote);
        Ok(())
    }

    /// Kills the sandbox and forgets what came; whether it was not over.
    pub(super) fn cancel(&self) -> bool {
        let mut state = lock(&self.state);
        if state.over || std::mem::replace(&mut state.cancelled, true) {
            return false;
        }
        if let Some(remote) = &state.remote {
            // A sandbox that has ended by itself needs no kill.
            remote.kill().ok();
        }
        state.sources = [None, None];
        state.arrived.clear();
        state.buffered = 0;
        let replies = state.settle(self.encoding);
        drop(state);
        give(replies);
        true
    }

    /// The sandbox is gone: how it ended (JSON), or why nobody knows.
    pub(crate) fn finish(&self, result: Result<String, Fault>) {
        let mut state = lock(&self.state);
        if state.ended.is_some() {
            return;
        }
        state.ended = Some(result);
        state.remote = None;
        state.input = None;
        let mut replies: Replies =
            state.writes.drain(..).map(|write| (write.responder, Err(not_read()))).collect();
        replies.extend(state.settle(self.encoding));
        state.over |= state.cancelled;
        drop(state);
        give(replies);
    }

    /// Answers with the next event of at most `most` bytes, when there is one.
    pub(super) fn next(&self, most: usize, responder: Responder) {
        let mut state = lock(&self.state);
        if state.over || state.waiters.len() >= MAX_WAITERS {
            let busy = Fault::new(Code::Busy, "too many wait for this stream already");
            let fault = if state.over { over() } else { busy };
            drop(state);
            return responder.answer(Err(fault));
        }
        state.waiters.push_back((most, responder));
        let replies = state.settle(self.encoding);
        drop(state);
        give(replies);
    }

    /// Writes to the program; answers when all is written.
    pub(super) fn write(&self, bytes: Vec<u8>, last: bool, responder: Responder) {
        let mut state = lock(&self.state);
        let more = state.unwritten.saturating_add(bytes.len());
        let fault = if state.over || state.cancelled {
            Some(over())
        } else if state.input.is_none() {
            Some(not_read())
        } else if more > MAX_UNWRITTEN {
            Some(Fault::new(Code::Busy, "the program has too much unread input already"))
        } else {
            None
        };
        if let Some(fault) = fault {
            drop(state);
            return responder.answer(Err(fault));
        }
        state.unwritten = more;
        state.writes.push_back(Write { bytes, sent: 0, last, responder });
        let replies = state.push();
        drop(state);
        give(replies);
    }

    /// Gives bytes to whoever reads, where they do not come from a program's descriptors.
    pub(crate) fn feed(&self, output: usize, bytes: &[u8]) -> Fed {
        let mut state = lock(&self.state);
        if state.over || state.cancelled {
            return Fed::Over;
        }
        if state.buffered >= BUFFER {
            return Fed::Full;
        }
        state.arrive(output, bytes);
        let replies = state.settle(self.encoding);
        drop(state);
        give(replies);
        Fed::Taken
    }

    /// What the reactor should wait for: source number (2 is the input) and its descriptor.
    pub(super) fn interests(&self) -> Vec<(usize, Arc<OwnedFd>, PollFlags)> {
        let state = lock(&self.state);
        let mut found = Vec::new();
        if state.buffered < BUFFER {
            for (number, source) in state.sources.iter().enumerate() {
                found.extend(source.iter().map(|it| (number, Arc::clone(it), PollFlags::POLLIN)));
            }
        }
        if !state.writes.is_empty() {
            found.extend(state.input.iter().map(|it| (2, Arc::clone(it), PollFlags::POLLOUT)));
        }
        found
    }

    /// Moves what can be moved at this source.
    pub(super) fn turn(&self, source: usize) {
        let mut state = lock(&self.state);
        let mut replies = if source == 2 { state.push() } else { state.pull(source) };
        replies.extend(state.settle(self.encoding));
        drop(state);
        give(replies);
    }

    pub(super) fn is_over(&self) -> bool {
        lock(&self.state).over
    }
}

impl State {
    /// Reads what there is.
    fn pull(&mut self, number: usize) -> Replies {
        let Some(Some(source)) = self.sources.get(number).cloned() else { return Vec::new() };
        let mut bytes = vec![0; 64 << 10];
        while self.buffered < BUFFER {
            match read(&*source, &mut bytes) {
                Ok(length) if length > 0 => self.arrive(number, bytes.get(..length).unwrap_or_default()),
                Err(Errno::EAGAIN | Errno::EINTR) => break,
                // The end, or a pipe that is of no use any more.
                Ok(_) | Err(_) => {
                    if let Some(slot) = self.sources.get_mut(number) {
                        *slot = None;
                    }
                    break;
                }
            }
        }
        Vec::new()
    }

    fn arrive(&mut self, number: usize, bytes: &[u8]) {
        self.buffered = self.buffered.saturating_add(bytes.len());
        match self.arrived.back_mut() {
            Some((last, whole)) if *last == number => whole.extend_from_slice(bytes),
            _ => self.arrived.push_back((number, bytes.to_vec())),
        }
    }

    /// Writes what the program takes.
    fn push(&mut self) -> Replies {
        let mut replies = Vec::new();
        while let (Some(input), Some(write)) = (self.input.clone(), self.writes.front_mut()) {
            let rest = write.bytes.get(write.sent..).unwrap_or_default();
            if !rest.is_empty() {
                match send(input.as_raw_fd(), rest, MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT) {
                    Ok(sent) => write.sent = write.sent.saturating_add(sent),
                    Err(Errno::EAGAIN | Errno::EINTR) => break,
                    Err(_) => {
                        self.input = None;
                        replies.extend(self.writes.drain(..).map(|it| (it.responder, Err(not_read()))));
                        self.unwritten = 0;
                    }
                }
                continue;
            }
            if let Some(write) = self.writes.pop_front() {
                self.unwritten = self.unwritten.saturating_sub(write.bytes.len());
                if write.last {
                    // Whoever reads sees the end; a socket that is gone has no reader.
                    shutdown(input.as_raw_fd(), Shutdown::Write).ok();
                    self.input = None;
                    replies.extend(self.writes.drain(..).map(|it| (it.responder, Err(not_read()))));
                }
                replies.push((write.responder, Ok("{}".to_owned())));
            }
        }
        replies
    }

    /// Matches those who wait with what there is.
    fn settle(&mut self, encoding: Encoding) -> Replies {
        let mut replies = Vec::new();
        while let Some((most, responder)) = self.waiters.pop_front() {
            let Some(value) = self.event(most, encoding) else {
                self.waiters.push_front((most, responder));
                break;
            };
            replies.push((responder, value));
        }
        replies
    }

    /// The next event, if it is there.
    fn event(&mut self, most: usize, encoding: Encoding) -> Option<Result<String, Fault>> {
        if self.over {
            return Some(Err(over()));
        }
        if self.cancelled {
            self.ended.as_ref()?;
            return Some(Err(Fault::cancelled()));
        }
        while let Some((number, bytes)) = self.arrived.front_mut() {
            let number = *number;
            let held = self.held.get_mut(number)?;
            let take = bytes.len().min(most.saturating_sub(held.len()).max(1));
            let rest = bytes.split_off(take);
            held.append(bytes);
            self.buffered = self.buffered.saturating_sub(take);
            if rest.is_empty() {
                self.arrived.pop_front();
            } else {
                *bytes = rest;
            }
            let data = encoding.part(held);
            if !data.is_empty() {
                return Some(Ok(event(number, &data)));
            }
        }
        if self.sources.iter().any(Option::is_some) || self.ended.is_none() {
            return None;
        }
        for (number, held) in self.held.iter_mut().enumerate() {
            if !held.is_empty() {
                let data = encoding.whole(&std::mem::take(held));
                return Some(Ok(event(number, &data)));
            }
        }
        let ended = self.ended.clone()?;
        self.over = true;
        Some(ended.map(|result| format!(r#"{{"event":"end","result":{result}}}"#)))
    }
}

fn event(number: usize, data: &str) -> String {
    json!({ "event": NAMES.get(number), "data": data }).to_string()
}

/// A pipe whose reading end does not block.
pub(super) fn output() -> io::Result<(OwnedFd, OwnedFd)> {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    let (ours, theirs) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
    fcntl(&ours, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok((ours, theirs))
}
