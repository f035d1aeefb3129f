//! What a run is about to do, written down before it does it: a run that was killed can be undone by another.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::error::EngineError;

/// Far above the journal of any project.
const LONGEST: u64 = 64 << 20;

/// What undoes a step. Each can be tried whether or not the step was taken, and twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Undo {
    /// Removes the network, if this run has made it.
    RemoveNetwork {
        /// Its name in the project.
        key: String,
        /// What it is called outside, if not by the project's name and its own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        called: Option<String>,
    },
    /// Makes the network again that this run has replaced, and removes what it has put there.
    NetworkAgain {
        /// Its name in the project.
        key: String,
        /// What it is called outside, if not by the project's name and its own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        called: Option<String>,
        /// Its addresses.
        subnet: Option<String>,
        /// The one of them that no sandbox gets.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gateway: Option<String>,
        /// Those for who asks for none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        range: Option<String>,
        /// A digest of where its project comes from.
        origin: String,
        /// The run that had made it.
        run: String,
    },
    /// Removes the volume, if this run has made it.
    RemoveVolume {
        /// Its name in the project.
        key: String,
    },
    /// Removes what this run has made of a replica.
    RemoveReplica {
        /// The service.
        service: String,
        /// Which of its replicas.
        replica: u32,
    },
    /// Starts a sandbox again that the run has ended.
    StartAgain {
        /// Which.
        id: String,
        /// Whose it is.
        service: String,
    },
    /// Ends a sandbox that the run has started again.
    StopAgain {
        /// Which.
        id: String,
    },
    /// Pauses a sandbox again that the run has let go on.
    PauseAgain {
        /// Which.
        id: String,
    },
    /// Gives a sandbox its name back.
    NameBack {
        /// Which.
        id: String,
        /// The name.
        name: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "kebab-case", deny_unknown_fields)]
enum Line {
    /// A run begins.
    Run { run: String },
    /// A step is about to be taken.
    Begin { undo: Undo },
    /// All steps are taken: from here nothing is undone.
    Kept,
    /// The run is over, with nothing left to undo.
    End,
}

/// The journal of a run.
#[derive(Debug)]
pub struct Journal {
    kept: Mutex<Kept>,
    path: PathBuf,
    run: String,
}

#[derive(Debug)]
struct Kept {
    file: File,
    /// What was announced, the latest last.
    undo: Vec<Undo>,
}

/// A run that did not come to its end, and what undoes it, the latest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// The run.
    pub run: String,
    /// What undoes it.
    pub undo: Vec<Undo>,
}

impl Journal {
    /// Begins the journal of a run, in the place of an older one.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn begin(path: &Path, run: &str) -> Result<Self, EngineError> {
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(true).mode(0o600);
        let file = options.custom_flags(nix::libc::O_NOFOLLOW).open(path).map_err(failed("write", path))?;
        let journal = Self {
            kept: Mutex::new(Kept { file, undo: Vec::new() }),
            path: path.to_owned(),
            run: run.to_owned(),
        };
        journal.write(&Line::Run { run: run.to_owned() }).map_err(failed("write", path))?;
        Ok(journal)
    }

    /// The run.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// A step is about to be taken.
    ///
    /// # Errors
    /// It cannot be written down, and must not be taken then.
    pub(crate) fn about_to(&self, undo: Undo) -> Result<(), EngineError> {
        self.write(&Line::Begin { undo: undo.clone() }).map_err(failed("write", &self.path))?;
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).undo.push(undo);
        Ok(())
    }

    /// What this run has begun.
    pub(crate) fn began(&self) -> Unfinished {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        Unfinished { run: self.run.clone(), undo: kept.undo.iter().rev().cloned().collect() }
    }

    /// All steps are taken.
    ///
    /// # Errors
    /// It cannot be written down.
    pub(crate) fn kept(&self) -> Result<(), EngineError> {
        self.write(&Line::Kept).map_err(failed("write", &self.path))
    }

    /// The run is over.
    ///
    /// # Errors
    /// It cannot be written down.
    pub(crate) fn end(&self) -> Result<(), EngineError> {
        self.write(&Line::End).map_err(failed("write", &self.path))
    }

    /// One write a line: a killed run leaves whole lines, and at most one that is cut off.
    fn write(&self, line: &Line) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).file.write_all(&bytes)
    }

    /// What the last run has left, if it was killed.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged elsewhere than in its last line.
    pub fn unfinished(path: &Path) -> Result<Option<Unfinished>, EngineError> {
        let file = match OpenOptions::new().read(true).custom_flags(nix::libc::O_NOFOLLOW).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("read", path)(error)),
        };
        let mut text = String::new();
        file.take(LONGEST).read_to_string(&mut text).map_err(failed("read", path))?;
        left(&text).map_err(|line| EngineError::Journal { path: path.to_owned(), line })
    }
}

/// What a journal says is left; the number of a line that is damaged.
fn left(text: &str) -> Result<Option<Unfinished>, usize> {
    let mut found: Option<Unfinished> = None;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        // Cut off by the end of its writer, before what it announces.
        let Some(line) = line.strip_suffix('\n') else { break };
        let number = index.saturating_add(1);
        match (serde_json::from_str(line).map_err(|_| number)?, &mut found) {
            (Line::Run { run }, None) => found = Some(Unfinished { run, undo: Vec::new() }),
            (Line::Begin { undo }, Some(found)) => found.undo.insert(0, undo),
            // What was to be tidied up is done by the next run.
            (Line::Kept | Line::End, Some(_)) => return Ok(None),
            (_, _) => return Err(number),
        }
    }
    Ok(found.filter(|found| !found.undo.is_empty()))
}

pub(crate) fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> EngineError {
    let path = path.to_owned();
    move |source| EngineError::Io { what, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(key: &str) -> Undo {
        Undo::RemoveNetwork { key: key.to_owned(), called: None }
    }

    #[test]
    fn what_a_killed_run_began_is_undone_latest_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        assert_eq!(Journal::unfinished(&path).unwrap(), None, "there is none");
        let journal = Journal::begin(&path, "r1").unwrap();
        assert_eq!(Journal::unfinished(&path).unwrap(), None, "nothing was begun");
        journal.about_to(network("a")).unwrap();
        journal.about_to(network("b")).unwrap();
        let left = Journal::unfinished(&path).unwrap().unwrap();
        assert_eq!((left.run.as_str(), left.undo), ("r1", vec![network("b"), network("a")]));
        journal.kept().unwrap();
        assert_eq!(Journal::unfinished(&path).unwrap(), None, "it is kept");
    }

    #[test]
    fn a_line_that_is_cut_off_was_not_acted_on_and_others_must_be_whole() {
        let whole = "{\"line\":\"run\",\"run\":\"r\"}\n{\"line\":\"begin\",\"undo\":{\"stop-again\":{\"id\":\"1\"}}}\n";
        for cut in 0..whole.len() {
            let left = left(whole.get(..cut).unwrap()).unwrap();
            assert!(left.is_none(), "{cut}: {left:?}");
        }
        assert_eq!(left(whole).unwrap().unwrap().undo.len(), 1);
        assert_eq!(left("{}\n"), Err(1));
        assert_eq!(left(&whole.replace("stop-again", "stop")), Err(2));
    }
}
