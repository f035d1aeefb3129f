//! Checking: every line names the hash of the one before, and the head names the last.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};

use perry_sandbox_reference::Digest;
use serde::{Deserialize, Serialize};

use super::chain::{HEAD, LINES, LONGEST_LINE, Trail, TrailError, origin};
use super::entry::Mark;

/// What checking found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verified {
    /// So many lines, all in order.
    Whole {
        /// How many lines.
        lines: u64,
    },
    /// The first broken link.
    Broken(Break),
}

/// The first place where the chain does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Break {
    /// Number of the line, from 1 as editors count.
    pub line: u64,
    /// What is wrong there.
    pub kind: BreakKind,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BreakKind {
    /// It cannot be read.
    Unreadable,
    /// Its number is not the next one.
    Sequence,
    /// It does not name the hash of the line before: that line, or this one, was changed.
    Link,
    /// The head names another last line: lines were removed or added at the end.
    Head,
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            BreakKind::Unreadable => "cannot be read",
            BreakKind::Sequence => "does not have the next number",
            BreakKind::Link => "does not name the hash of the line before it: one of the two was changed",
            BreakKind::Head => "is not the one that the head names as the last: lines were removed or added",
        };
        write!(f, "line {} of the trail {what}", self.line)
    }
}

#[derive(Deserialize)]
struct Link {
    sequence: u64,
    before: Digest,
}

impl Trail {
    /// Checks the whole trail in bounded memory; finds the first broken link.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn verify(&self) -> Result<Verified, TrailError> {
        let read = |source| self.failed("read", source);
        let open = |name: &str| match File::open(self.folder().join(name)) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(read(source)),
        };
        let (head, lines) = (open(HEAD)?, open(LINES)?);
        if let Some(head) = &head {
            head.lock_shared().map_err(read)?;
        }
        let (mut count, mut before) = (0_u64, origin());
        if let Some(lines) = lines {
            let mut reader = BufReader::new(lines);
            while let Some(line) = next_line(&mut reader).map_err(read)? {
                // What is left of a line that a full disk or a crash cut short: the next line takes its place. Whether
                // a finished one was cut, the head tells.
                if !line.ends_with(b"\n") && line.len() <= LONGEST_LINE {
                    break;
                }
                if let Some(kind) = check(&line, count, &before) {
                    return Ok(broken(count.saturating_add(1), kind));
                }
                before = Digest::of(line.strip_suffix(b"\n").unwrap_or(&line));
                count = count.saturating_add(1);
            }
        }
        let mut text = String::new();
        if let Some(head) = head {
            head.take(1024).read_to_string(&mut text).map_err(read)?;
        }
        let said: Option<Mark> = serde_json::from_str(&text).ok();
        let fits = match (count.checked_sub(1), said) {
            (Some(last), Some(mark)) => mark == Mark { sequence: last, hash: before },
            (None, None) => true,
            _ => false,
        };
        Ok(if fits { Verified::Whole { lines: count } } else { broken(count, BreakKind::Head) })
    }
}

fn broken(line: u64, kind: BreakKind) -> Verified {
    Verified::Broken(Break { line, kind })
}

fn next_line(reader: &mut BufReader<File>) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let limit = u64::try_from(LONGEST_LINE).unwrap_or(u64::MAX).saturating_add(1);
    reader.take(limit).read_until(b'\n', &mut line)?;
    Ok((!line.is_empty()).then_some(line))
}

fn check(line: &[u8], number: u64, before: &Digest) -> Option<BreakKind> {
    let found: Option<Link> = line.strip_suffix(b"\n").and_then(|text| serde_json::from_slice(text).ok());
    match found {
        None => Some(BreakKind::Unreadable),
        Some(it) if it.before != *before => Some(BreakKind::Link),
        Some(it) if it.sequence != number => Some(BreakKind::Sequence),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::thread;

    use jiff::Timestamp;

    use super::super::entry::{Decision, Event};
    use super::*;

    fn event(name: &str) -> Event {
        Event::Decision(Decision {
            policy: Digest::of(b"policy"),
            capability: Some(name.to_owned()),
            manifest: None,
            allowed: true,
            reasons: Vec::new(),
            explanation: None,
            arguments: None,
        })
    }

    fn trail_of(lines: usize) -> (tempfile::TempDir, Trail) {
        let folder = tempfile::tempdir().unwrap();
        let trail = Trail::open(&folder.path().join("trail")).unwrap();
        for number in 0..lines {
            trail.append(Timestamp::UNIX_EPOCH, &event(&format!("n{number}"))).unwrap();
        }
        (folder, trail)
    }

    #[test]
    fn a_whole_trail_holds_and_an_empty_one_too() {
        assert_eq!(trail_of(0).1.verify().unwrap(), Verified::Whole { lines: 0 });
        assert_eq!(trail_of(5).1.verify().unwrap(), Verified::Whole { lines: 5 });
    }

    #[test]
    fn a_changed_line_a_removed_line_and_a_cut_tail_are_found() {
        let (_folder, trail) = trail_of(4);
        let path = trail.folder().join(LINES);
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let put = |lines: &[&str]| fs::write(&path, lines.join("\n") + "\n").unwrap();
        let changed = lines[1].replace("n1", "n9");
        put(&[lines[0], &changed, lines[2], lines[3]]);
        assert_eq!(trail.verify().unwrap(), broken(3, BreakKind::Link));
        put(&[lines[0], lines[2], lines[3]]);
        assert_eq!(trail.verify().unwrap(), broken(2, BreakKind::Link));
        put(&lines[..3]);
        assert_eq!(trail.verify().unwrap(), broken(3, BreakKind::Head));
        assert!(matches!(trail.append(Timestamp::UNIX_EPOCH, &event("x")), Err(TrailError::Broken(_))));
    }

    #[test]
    fn a_crash_before_the_head_was_written_is_mended_by_the_next_line() {
        let (_folder, trail) = trail_of(2);
        let head = fs::read(trail.folder().join(HEAD)).unwrap();
        trail.append(Timestamp::UNIX_EPOCH, &event("late")).unwrap();
        fs::write(trail.folder().join(HEAD), head).unwrap();
        trail.append(Timestamp::UNIX_EPOCH, &event("next")).unwrap();
        assert_eq!(trail.verify().unwrap(), Verified::Whole { lines: 4 });
    }

    #[test]
    fn writers_take_turns() {
        let (_folder, trail) = trail_of(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10 {
                        trail.append(Timestamp::UNIX_EPOCH, &event("t")).unwrap();
                    }
                });
            }
        });
        assert_eq!(trail.verify().unwrap(), Verified::Whole { lines: 40 });
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(Trail::open(file.path()).is_err());
    }
}
