//! Writing: one line after the other, each with the hash of the one before, by one process at a time.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use perry_sandbox_reference::Digest;
use serde::Serialize;
use thiserror::Error;

use super::entry::{Event, Mark};

/// The file of lines.
pub(super) const LINES: &str = "trail.jsonl";
/// The file that says which line is the last.
pub(super) const HEAD: &str = "head.json";
/// The longest line; an event is made of bounded parts, so this is never met in practice.
pub(super) const LONGEST_LINE: usize = 65_536;

/// Why a line could not be written. The run that it is about is then denied.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrailError {
    /// The folder or a file cannot be used.
    #[error("cannot {what} the trail in `{}`: {source}; nothing runs without a trail", folder.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The trail's folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file does not end with the line that the head names.
    #[error("the trail in `{}` does not end where its head says: it was changed by someone else; look at it with `perry-sandbox log verify`, then move it away", .0.display())]
    Broken(PathBuf),
    /// An event is too long for a line.
    #[error("an entry of the trail has {0} bytes, more than a line may have")]
    TooLong(usize),
}

/// A trail on disk. Several processes may write to it; a lock puts them in turn.
#[derive(Debug)]
pub struct Trail {
    folder: PathBuf,
}

/// A line without its own hash: what is hashed.
#[derive(Serialize)]
struct Line<'a> {
    sequence: u64,
    time: Timestamp,
    before: &'a Digest,
    #[serde(flatten)]
    event: &'a Event,
}

/// Where the chain begins.
pub(super) fn origin() -> Digest {
    Digest::of(b"perry-sandbox/trail/v1\n")
}

impl Trail {
    /// Opens a trail, making its folder (owner only) where there is none.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn open(folder: &Path) -> Result<Self, TrailError> {
        let trail = Self { folder: folder.to_owned() };
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|source| trail.failed("make the folder of", source))?;
        let found = fs::symlink_metadata(folder).map_err(|source| trail.failed("look at", source))?;
        if !found.is_dir() || found.uid() != nix::unistd::geteuid().as_raw() || found.mode() & 0o022 != 0 {
            let why = "others can write to it, or it is not yours: make it yours alone (chmod go-w)";
            return Err(trail.failed("trust", io::Error::new(io::ErrorKind::PermissionDenied, why)));
        }
        Ok(trail)
    }

    /// The trail's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Adds one line and makes it last: it is on disk when this returns.
    ///
    /// # Errors
    /// When it cannot be written, or when the file does not end where the head says.
    pub fn append(&self, time: Timestamp, event: &Event) -> Result<Mark, TrailError> {
        let head = self.open_file(HEAD).map_err(|source| self.failed("open", source))?;
        head.lock().map_err(|source| self.failed("lock", source))?;
        let lines = self.open_file(LINES).map_err(|source| self.failed("open", source))?;
        let last = self.last(&head, &lines)?;
        let (sequence, before) = match &last {
            Some(mark) => (mark.sequence.saturating_add(1), mark.hash.clone()),
            None => (0, origin()),
        };
        let mut bytes = serde_json::to_vec(&Line { sequence, time, before: &before, event })
            .map_err(|error| self.failed("write", io::Error::other(error)))?;
        if bytes.len() >= LONGEST_LINE {
            return Err(TrailError::TooLong(bytes.len()));
        }
        let mark = Mark { sequence, hash: Digest::of(&bytes) };
        bytes.push(b'\n');
        write(&head, &lines, &bytes, &mark, last.as_ref()).map_err(|source| self.failed("write", source))?;
        Ok(mark)
    }

    /// The last line, checked against the head. What is left of an unfinished line behind it is cut off, and a head that is
    /// one behind is brought up.
    fn last(&self, head: &File, lines: &File) -> Result<Option<Mark>, TrailError> {
        let read = |source| self.failed("read", source);
        let broken = || TrailError::Broken(self.folder.clone());
        let mut text = [0; 257];
        let length = head.read_at(&mut text, 0).map_err(read)?;
        let end = lines.metadata().map_err(read)?.len();
        let tail = tail(lines, end).map_err(read)?;
        if length == 0 && end == 0 {
            return Ok(None);
        }
        let said: Option<Mark> = serde_json::from_slice(text.get(..length).unwrap_or_default()).ok();
        // Behind the last line break: what a full disk or a crash left of a line that was never finished.
        let torn = tail.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        let whole = tail.strip_suffix(torn).unwrap_or_default();
        let last = last_of(whole, said.as_ref(), length == 0).ok_or_else(broken)?;
        if !torn.is_empty() {
            let end = end.saturating_sub(u64::try_from(torn.len()).unwrap_or(u64::MAX));
            lines.set_len(end).map_err(|source| self.failed("mend", source))?;
        }
        // A writer that was killed left the head one behind. Before the next line, or a second such end would leave it two.
        if let Some(mark) = last.as_ref().filter(|mark| said.as_ref() != Some(*mark)) {
            put_head(head, mark).map_err(|source| self.failed("mend", source))?;
        }
        Ok(last)
    }

    fn open_file(&self, name: &str) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).create(true).mode(0o600).custom_flags(libc::O_NOFOLLOW);
        if name == LINES {
            options.append(true)
        } else {
            options.write(true)
        };
        options.open(self.folder.join(name))
    }

    pub(super) fn failed(&self, what: &'static str, source: io::Error) -> TrailError {
        TrailError::Io { what, folder: self.folder.clone(), source }
    }

    /// All lines as they stand, oldest first, for `log show`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn lines(&self) -> Result<Vec<String>, TrailError> {
        match fs::read_to_string(self.folder.join(LINES)) {
            Ok(text) => Ok(text.lines().map(str::to_owned).collect()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(source) => Err(self.failed("read", source)),
        }
    }
}

/// The end of the lines, with the last two of them, and what is left of a third.
fn tail(lines: &File, end: u64) -> io::Result<Vec<u8>> {
    /// Three lines of the usual length.
    const NEAR: usize = 4096;
    for most in [NEAR, LONGEST_LINE.saturating_mul(3)] {
        let length = usize::try_from(end).unwrap_or(usize::MAX).min(most);
        let start = end.saturating_sub(u64::try_from(length).unwrap_or(u64::MAX));
        let mut tail = vec![0; length];
        lines.read_exact_at(&mut tail, start)?;
        // The first of three breaks ends a line that may have begun before.
        let is_enough = tail.split(|byte| *byte == b'\n').count() > 3;
        if start == 0 || is_enough || most > NEAR {
            return Ok(tail);
        }
    }
    Ok(Vec::new())
}

/// The last of some whole lines, where it is the one that the head names, or one past it. Outside nothing: broken.
#[expect(clippy::option_option, reason = "an empty trail is sound and has no last line")]
fn last_of(whole: &[u8], said: Option<&Mark>, no_head: bool) -> Option<Option<Mark>> {
    let Some(whole) = whole.strip_suffix(b"\n") else {
        return no_head.then_some(None);
    };
    let mut newest_first = whole.rsplit(|byte| *byte == b'\n');
    let hash = Digest::of(newest_first.next().unwrap_or_default());
    match said {
        Some(mark) if mark.hash == hash => Some(Some(mark.clone())),
        // Written, but the head was not any more.
        Some(mark) if newest_first.next().is_some_and(|line| Digest::of(line) == mark.hash) => {
            Some(Some(Mark { sequence: mark.sequence.saturating_add(1), hash }))
        }
        None if no_head && newest_first.next().is_none() => Some(Some(Mark { sequence: 0, hash })),
        _ => None,
    }
}

/// Adds a line and makes it last. On failure the trail ends where it ended before.
fn write(head: &File, lines: &File, bytes: &[u8], mark: &Mark, last: Option<&Mark>) -> io::Result<()> {
    let end = lines.metadata()?.len();
    let answer = put(head, lines, bytes, mark);
    if answer.is_err() {
        // What cannot be taken back now is mended by the next line: `last` knows both.
        lines.set_len(end).ok();
        match last {
            Some(last) => put_head(head, last).ok(),
            None => head.set_len(0).ok(),
        };
    }
    answer
}

fn put(head: &File, mut lines: &File, bytes: &[u8], mark: &Mark) -> io::Result<()> {
    lines.write_all(bytes)?;
    lines.sync_data()?;
    put_head(head, mark)
}

/// The head has one fixed length and is written in one piece, so a reader sees the old or the new one; after a crash
/// between the two writes the last line is one past the head, which `last` accepts.
fn put_head(head: &File, mark: &Mark) -> io::Result<()> {
    let text = format!("{:<256}\n", serde_json::to_string(mark)?);
    head.write_all_at(text.as_bytes(), 0)
}

#[cfg(test)]
mod tests {
    use super::super::entry::Decision;
    use super::super::verify::Verified;
    use super::*;

    fn add(trail: &Trail) -> Result<Mark, TrailError> {
        let event = Event::Decision(Decision {
            policy: Digest::of(b"policy"),
            capability: None,
            manifest: None,
            allowed: true,
            reasons: Vec::new(),
            explanation: None,
            arguments: None,
        });
        trail.append(Timestamp::UNIX_EPOCH, &event)
    }

    fn tear(trail: &Trail, text: &str) {
        let mut lines = trail.open_file(LINES).unwrap();
        lines.write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn a_torn_line_is_cut_off_by_the_next_and_is_no_break() {
        let folder = tempfile::tempdir().unwrap();
        let trail = Trail::open(&folder.path().join("trail")).unwrap();
        for whole in 0..4 {
            trail.open_file(HEAD).unwrap();
            tear(&trail, "{\"sequence\":");
            assert_eq!(trail.verify().unwrap(), Verified::Whole { lines: whole });
            assert_eq!(add(&trail).unwrap().sequence, whole);
            assert_eq!(trail.verify().unwrap(), Verified::Whole { lines: whole + 1 });
        }
    }

    #[test]
    fn writers_that_are_killed_one_after_the_other_before_they_wrote_the_head_break_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let trail = Trail::open(&folder.path().join("trail")).unwrap();
        for number in 0..4 {
            let (head, mut lines) = (trail.open_file(HEAD).unwrap(), trail.open_file(LINES).unwrap());
            let before = trail.last(&head, &lines).unwrap().map_or_else(origin, |mark| mark.hash);
            let line = format!(r#"{{"sequence":{number},"before":"{before}"}}"#);
            lines.write_all(format!("{line}\n").as_bytes()).unwrap();
        }
        assert_eq!(add(&trail).unwrap().sequence, 4);
    }

    #[test]
    fn a_torn_line_does_not_hide_a_line_that_was_removed() {
        let folder = tempfile::tempdir().unwrap();
        let trail = Trail::open(&folder.path().join("trail")).unwrap();
        for _ in 0..3 {
            add(&trail).unwrap();
        }
        let text = fs::read_to_string(trail.folder().join(LINES)).unwrap();
        let kept: Vec<&str> = text.split_inclusive('\n').take(2).collect();
        fs::write(trail.folder().join(LINES), kept.concat() + "{\"seq").unwrap();
        assert!(matches!(trail.verify().unwrap(), Verified::Broken(_)));
        assert!(matches!(add(&trail), Err(TrailError::Broken(_))));
        // The last line without its line break is not whole either.
        fs::write(trail.folder().join(LINES), text.trim_end()).unwrap();
        assert!(matches!(trail.verify().unwrap(), Verified::Broken(_)));
        assert!(matches!(add(&trail), Err(TrailError::Broken(_))));
    }

    #[test]
    fn a_line_that_cannot_be_written_leaves_the_trail_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let trail = Trail::open(&folder.path().join("trail")).unwrap();
        let first = add(&trail).unwrap();
        let before = fs::read(trail.folder().join(LINES)).unwrap();
        let mark = Mark { sequence: 1, hash: Digest::of(b"line") };
        let full = File::options().read(true).write(true).open("/dev/full").unwrap();
        let lines = trail.open_file(LINES).unwrap();
        assert!(write(&full, &lines, b"line\n", &mark, Some(&first)).is_err());
        assert_eq!(fs::read(trail.folder().join(LINES)).unwrap(), before);
        assert_eq!(add(&trail).unwrap().sequence, 1);
    }
}
