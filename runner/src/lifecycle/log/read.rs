//! The reader's side: all that is kept, the last lines, or what comes.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::frame::{Decoded, LogChunk, decode};
use super::write::{folder_of, name, numbers};

/// How much is read at once.
const PIECE: u64 = 256 << 10;
/// How long to sleep before looking again.
const AGAIN: Duration = Duration::from_millis(20);

/// Reads the logs of one sandbox. As an iterator it gives every chunk and, when it follows, waits for more until the
/// sandbox has ended.
pub struct Logs {
    folder: PathBuf,
    number: u64,
    file: Option<File>,
    unread: Vec<u8>,
    ready: VecDeque<LogChunk>,
    /// Says whether more may come; nothing when only what is there is read.
    alive: Option<Box<dyn Fn() -> bool + Send>>,
}

/// What [`Logs::next_within`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum LogEnd {
    /// The next chunk.
    Chunk(LogChunk),
    /// Nothing in that time, but more may come.
    Quiet,
    /// Everything has been read, and nothing more comes.
    End,
}

impl std::fmt::Debug for Logs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Logs").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Logs {
    pub(in crate::lifecycle) fn open(
        sandbox: &Path,
        tail: Option<usize>,
        alive: Option<Box<dyn Fn() -> bool + Send>>,
    ) -> io::Result<Self> {
        let folder = folder_of(sandbox);
        let number = numbers(&folder).first().copied().unwrap_or(0);
        let mut logs = Self { folder, number, file: None, unread: Vec::new(), ready: VecDeque::new(), alive };
        if let Some(lines) = tail {
            logs.skip_to_the_last(lines)?;
        }
        Ok(logs)
    }

    /// Reads all that is there, and keeps the last lines of it, of both streams together.
    fn skip_to_the_last(&mut self, lines: usize) -> io::Result<()> {
        let mut kept = VecDeque::new();
        loop {
            while let Some(chunk) = self.ready.pop_front() {
                kept.push_back(chunk);
            }
            if !self.read_more()? {
                break;
            }
        }
        let mut left = lines;
        // The break at the very end ends the last line and begins none.
        let mut last = true;
        while let Some(mut chunk) = kept.pop_back() {
            let mut cut = None;
            for (place, byte) in chunk.bytes.iter().enumerate().rev() {
                if *byte == b'\n' && !last {
                    left = left.saturating_sub(1);
                    if left == 0 {
                        cut = Some(place);
                        break;
                    }
                }
                last = false;
            }
            if lines == 0 {
                break;
            }
            if let Some(place) = cut {
                chunk.bytes.drain(..=place);
                if !chunk.bytes.is_empty() {
                    self.ready.push_front(chunk);
                }
                break;
            }
            self.ready.push_front(chunk);
        }
        Ok(())
    }

    /// Reads on; answers whether there was anything.
    fn read_more(&mut self) -> io::Result<bool> {
        if self.file.is_none() {
            match File::open(self.folder.join(name(self.number))) {
                Ok(file) => self.file = Some(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(self.go_on()),
                Err(error) => return Err(error),
            }
        }
        let Some(file) = &mut self.file else { return Ok(false) };
        let before = self.unread.len();
        file.take(PIECE).read_to_end(&mut self.unread)?;
        if self.unread.len() == before {
            return Ok(self.go_on());
        }
        let mut taken = 0;
        loop {
            match decode(self.unread.get(taken..).unwrap_or_default()) {
                Decoded::Chunk(chunk, length) => {
                    self.ready.push_back(chunk);
                    taken = taken.saturating_add(length);
                }
                Decoded::Short => break,
                // Nothing behind it can be told apart; the next file is whole again.
                Decoded::Broken => {
                    file.seek(SeekFrom::End(0))?;
                    taken = self.unread.len();
                    break;
                }
            }
        }
        self.unread.drain(..taken);
        Ok(true)
    }

    /// To the next file, where there is one: nothing more is written into this one then.
    fn go_on(&mut self) -> bool {
        let Some(next) = numbers(&self.folder).into_iter().find(|number| *number > self.number) else {
            return false;
        };
        // What was written between the last read and the beginning of the next file.
        if let Some(file) = &mut self.file {
            let mut rest = Vec::new();
            if file.take(PIECE).read_to_end(&mut rest).is_ok_and(|length| length > 0) {
                // Read again, in its turn.
                let back = i64::try_from(rest.len()).unwrap_or(0).saturating_neg();
                return file.seek(SeekFrom::Current(back)).is_ok();
            }
        }
        self.number = next;
        self.file = None;
        self.unread.clear();
        true
    }

    /// The next chunk, waiting for it at most so long: for callers that must look after other things meanwhile.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn next_within(&mut self, patience: Duration) -> io::Result<LogEnd> {
        let begun = Instant::now();
        loop {
            if let Some(chunk) = self.ready.pop_front() {
                return Ok(LogEnd::Chunk(chunk));
            }
            // Asked before reading: what was written before the end is read after it.
            let more_may_come = self.alive.as_ref().is_some_and(|alive| alive());
            if self.read_more()? {
                continue;
            }
            if !more_may_come {
                return Ok(LogEnd::End);
            }
            if begun.elapsed() >= patience {
                return Ok(LogEnd::Quiet);
            }
            std::thread::sleep(AGAIN.min(patience));
        }
    }
}

impl Iterator for Logs {
    type Item = io::Result<LogChunk>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.next_within(Duration::from_secs(60)) {
                Ok(LogEnd::Chunk(chunk)) => return Some(Ok(chunk)),
                Ok(LogEnd::Quiet) => {}
                Ok(LogEnd::End) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use jiff::Timestamp;

    use super::super::frame::{LogStream, encode};
    use super::*;

    fn logs(texts: &[&str], tail: Option<usize>) -> String {
        let sandbox = tempfile::tempdir().unwrap();
        let folder = folder_of(sandbox.path());
        fs::create_dir(&folder).unwrap();
        for (number, text) in (3..).zip(texts) {
            let mut bytes = Vec::new();
            for piece in text.split_inclusive('|') {
                let piece = piece.trim_end_matches('|').as_bytes();
                bytes.extend(encode(Timestamp::UNIX_EPOCH, LogStream::Stdout, piece));
            }
            // The last one is torn.
            bytes.extend(b"L1o");
            fs::write(folder.join(name(number)), bytes).unwrap();
        }
        let logs = Logs::open(sandbox.path(), tail, None).unwrap();
        logs.map(|chunk| String::from_utf8(chunk.unwrap().bytes).unwrap()).collect()
    }

    #[test]
    fn chunks_of_all_files_come_in_order_and_torn_ones_are_left_out() {
        assert_eq!(logs(&["a\n|b\n", "c\n|d"], None), "a\nb\nc\nd");
        assert_eq!(logs(&[], None), "");
    }

    #[test]
    fn the_tail_is_counted_in_lines_over_chunks_and_files() {
        let all = ["a\nb|b\n", "c\n|d\n"];
        assert_eq!(logs(&all, Some(0)), "");
        assert_eq!(logs(&all, Some(1)), "d\n");
        assert_eq!(logs(&all, Some(2)), "c\nd\n");
        assert_eq!(logs(&all, Some(3)), "bb\nc\nd\n");
        assert_eq!(logs(&all, Some(9)), "a\nbb\nc\nd\n");
        assert_eq!(logs(&["a\nb\nunfinished"], Some(2)), "b\nunfinished");
    }

    #[test]
    fn a_broken_file_does_not_hide_the_next() {
        let sandbox = tempfile::tempdir().unwrap();
        let folder = folder_of(sandbox.path());
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(name(0)), [7; 100]).unwrap();
        let good = encode(Timestamp::UNIX_EPOCH, LogStream::Stderr, b"x");
        fs::write(folder.join(name(1)), good).unwrap();
        let chunks: Vec<_> = Logs::open(sandbox.path(), None, None).unwrap().map(Result::unwrap).collect();
        assert_eq!(chunks.len(), 1);
        assert_eq!((chunks[0].stream, chunks[0].bytes.as_slice()), (LogStream::Stderr, &b"x"[..]));
    }
}
