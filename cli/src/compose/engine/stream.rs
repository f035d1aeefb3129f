//! What several sandboxes write, line by line, each behind its name.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use perry_sandbox_runner::{LogChunk, LogEnd, Logs};

use crate::output;

/// How often it is looked whether somebody has had enough.
const BREATH: Duration = Duration::from_millis(200);
/// Colours of names, one after another.
const COLOURS: [u8; 6] = [36, 33, 32, 35, 34, 31];

/// How lines are shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub(super) timestamps: bool,
    pub(super) prefix: bool,
    pub(super) colour: bool,
    /// What was written before that is not shown, nor what was written after this.
    pub(super) since: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
}

impl Look {
    fn is_over(&self, time: Timestamp) -> bool {
        self.until.is_some_and(|until| time > until)
    }
}

/// A sandbox's part of the output.
pub(super) struct Stream {
    prefix: String,
    look: Look,
    /// A line that has no end yet.
    begun: Vec<u8>,
}

/// A line that is longer is shown in parts: nobody makes us keep more.
const LONGEST: usize = 64 << 10;

impl Stream {
    /// The stream of the sandbox of this number, with names as wide as `width`.
    pub(super) fn new(name: &str, number: usize, width: usize, look: Look) -> Self {
        let prefix = match (look.prefix, look.colour) {
            (false, _) => String::new(),
            (true, false) => format!("{name:<width$} | "),
            (true, true) => {
                let colour = COLOURS.get(number.checked_rem(COLOURS.len()).unwrap_or(0)).unwrap_or(&36);
                format!("\u{1b}[{colour}m{name:<width$} |\u{1b}[0m ")
            }
        };
        Self { prefix, look, begun: Vec::new() }
    }

    /// Prints until there is no more, or somebody has had enough; whether the reader is still there.
    pub(super) fn print(&mut self, logs: &mut Logs, enough: &AtomicBool) -> bool {
        while !enough.load(Ordering::Relaxed) {
            match logs.next_within(BREATH) {
                Ok(LogEnd::Chunk(chunk)) if self.look.is_over(chunk.time) => break,
                Ok(LogEnd::Chunk(chunk)) if self.look.since.is_some_and(|since| chunk.time < since) => {}
                Ok(LogEnd::Chunk(chunk)) => {
                    if !self.chunk(&chunk) {
                        enough.store(true, Ordering::Relaxed);
                        return false;
                    }
                }
                Ok(LogEnd::Quiet) if self.look.is_over(Timestamp::now()) => break,
                Ok(LogEnd::Quiet) => {}
                Ok(LogEnd::End) | Err(_) => break,
            }
        }
        let rest = std::mem::take(&mut self.begun);
        rest.is_empty() || output::line(self.prefix.as_bytes(), &rest)
    }

    fn chunk(&mut self, chunk: &LogChunk) -> bool {
        for part in chunk.bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.begun.is_empty() && self.look.timestamps {
                self.begun.extend(format!("{} ", chunk.time.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")).into_bytes());
            }
            self.begun.extend_from_slice(part);
            if part.ends_with(b"\n") || self.begun.len() > LONGEST {
                let line = std::mem::take(&mut self.begun);
                if !output::line(self.prefix.as_bytes(), line.strip_suffix(b"\n").unwrap_or(&line)) {
                    return false;
                }
            }
        }
        true
    }
}
