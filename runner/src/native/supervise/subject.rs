//! What is supervised, who else looks after it, and what comes of it.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use super::super::cgroup::Group;
use super::super::live::Note;
use super::super::memory::Use;
use super::super::observer::Observer;
use super::super::pump::Pump;
use super::super::recorder::Recorder;
use super::super::report::Report;
use super::super::signals::Hands;
use super::super::sys::Exit;
use crate::egress::{EgressUse, Grants};
use crate::io::Output;
use crate::outcome::Limit;
use crate::publish::Publisher;

/// A started sandbox.
#[derive(Debug)]
pub(crate) struct Running {
    /// Its first process; nothing until a launcher has said it.
    pub(crate) process: Option<(i32, OwnedFd)>,
    /// Whether a launcher collects it.
    pub(crate) remote: bool,
    /// Whether it has joined a sandbox: what it leaves behind does not end with it.
    pub(crate) joined: bool,
    /// How many file systems of its own it will show.
    pub(crate) rooms: usize,
    /// Where process 1 is recorded when a launcher has said it.
    pub(crate) note: Option<Note>,
    /// Where it reports.
    pub(crate) report: OwnedFd,
    /// What it has reported while nobody supervised it.
    pub(crate) heard: Vec<Report>,
    /// Streams into it.
    pub(crate) inward: Option<Pump>,
    /// Streams out of it: output, then error.
    pub(crate) outward: [Option<Pump>; 2],
    /// What is pumped through the terminal once it is there: input, source, sink.
    pub(crate) screen: Option<Screen>,
}

/// Both directions of a terminal that is not there yet.
#[derive(Debug)]
pub(crate) struct Screen {
    pub(crate) bytes: Vec<u8>,
    pub(crate) source: Option<OwnedFd>,
    pub(crate) sink: Output,
    /// Rows and columns.
    pub(crate) size: (u16, u16),
}

/// How a run ended, as seen from outside.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) exit: Option<Exit>,
    /// The signal of the caller that ended it, where we had to send another.
    pub(crate) as_if: Option<i32>,
    pub(crate) limit: Option<Limit>,
    /// A limit that ended nobody.
    pub(crate) ran_into: Option<Limit>,
    pub(crate) failed: Option<(u32, i32)>,
    pub(crate) refused: Option<String>,
    /// The caller's output that could not be written to, and why; the sandbox was killed for it.
    pub(crate) unwritable: Option<(&'static str, io::Error)>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) peak: Use,
    pub(crate) wall: Duration,
    /// Bytes of output that were passed on.
    pub(crate) output: u64,
    /// What went through the egress proxy, where there was one.
    pub(crate) egress: Option<EgressUse>,
}

/// Who counts what a sandbox uses.
#[derive(Clone, Copy)]
pub(crate) enum Counting<'a> {
    /// The kernel, in this group.
    Kernel(&'a Group),
    /// This supervision.
    Us,
    /// The supervisor of the sandbox that was joined.
    Others,
}

/// Who else looks after a sandbox.
#[derive(Clone, Copy)]
pub(crate) struct Company<'a> {
    /// Who counts.
    pub(crate) counting: Counting<'a>,
    /// Who is told how it goes on.
    pub(crate) observer: Option<&'a dyn Observer>,
    /// Who answers a filter that records.
    pub(crate) recorder: Option<&'a Recorder>,
    /// What may be reached through a proxy.
    pub(crate) egress: Option<&'a Grants>,
    /// By what it is reached.
    pub(crate) publisher: Option<&'a Publisher>,
    /// Who reaches it, where its process only stands for it.
    pub(crate) hands: Option<&'a dyn Hands>,
}

impl<'a> Company<'a> {
    /// Nobody but who counts.
    pub(crate) const fn of(counting: Counting<'a>) -> Self {
        Self { counting, observer: None, recorder: None, egress: None, publisher: None, hands: None }
    }
}
