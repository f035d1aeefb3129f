//! The folder of a project: its journal, and the lock that lets one run work on it at a time.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use crate::error::EngineError;
use crate::journal::{Journal, Unfinished, failed};

/// The file of what is remembered.
const MEMORY: &str = "project.json";
/// From one look at a lock to the next.
const PAUSE: Duration = Duration::from_millis(100);

/// The folders of all projects of one user.
#[derive(Debug, Clone)]
pub struct Projects {
    data: PathBuf,
    locks: PathBuf,
}

/// What is remembered of a project from one run to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Remembered {
    /// A digest of where it comes from.
    pub origin: String,
    /// The folder.
    pub folder: String,
    /// The backend that has its networks and volumes.
    pub backend: String,
    /// What it is to be, where that is in no file of the folder; without values of secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<serde_json::Value>,
}

/// A project that nobody else works on as long as this is there.
#[derive(Debug)]
pub struct Held {
    _lock: Flock<File>,
    folder: PathBuf,
    project: String,
}

impl Projects {
    /// Those below the folder of data. Locks are where live sandboxes are: whoever has other data works on the same ones.
    pub fn below(data: &Path, runtime: &Path) -> Self {
        Self { data: data.join("projects"), locks: runtime.join("projects") }
    }

    /// Takes a project for one run; `doing` is told to whoever comes meanwhile. Waits so long for another run.
    ///
    /// # Errors
    /// The name is none, another run has it, or the folder cannot be used.
    pub fn hold(&self, project: &str, doing: &str, patience: Duration) -> Result<Held, EngineError> {
        let folder = self.folder(project)?;
        make(&self.locks)?;
        let path = self.locks.join(format!("{project}.lock"));
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let opened = options.custom_flags(nix::libc::O_NOFOLLOW).open(&path);
        let mut file = opened.map_err(failed("open", &path))?;
        let begun = Instant::now();
        loop {
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(mut lock) => {
                    let said = write_holder(&mut lock, doing);
                    said.map_err(failed("write", &path))?;
                    return Ok(Held { _lock: lock, folder, project: project.to_owned() });
                }
                Err((back, _)) if begun.elapsed() < patience => {
                    file = back;
                    std::thread::sleep(PAUSE);
                }
                Err((back, nix::errno::Errno::EWOULDBLOCK)) => {
                    let mut holder = String::new();
                    let _read = back.take(200).read_to_string(&mut holder);
                    let holder = holder.trim().replace(char::is_control, " ");
                    let holder = if holder.is_empty() { "another run".to_owned() } else { holder };
                    return Err(EngineError::Busy { project: project.to_owned(), holder });
                }
                Err((_, errno)) => return Err(failed("lock", &path)(errno.into())),
            }
        }
    }

    /// What the last run of a project has left, if it was killed.
    ///
    /// # Errors
    /// The name is none, or the journal cannot be used.
    pub fn unfinished(&self, project: &str) -> Result<Option<Unfinished>, EngineError> {
        Journal::unfinished(&self.folder(project)?.join("journal"))
    }

    /// What is remembered of a project, if it was ever brought up.
    ///
    /// # Errors
    /// The name is none, or what is written cannot be read.
    pub fn remembered(&self, project: &str) -> Result<Option<Remembered>, EngineError> {
        let path = self.folder(project)?.join(MEMORY);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("read", &path)(error)),
        };
        serde_json::from_slice(&text).map(Some).map_err(|error| failed("read", &path)(error.into()))
    }

    fn folder(&self, project: &str) -> Result<PathBuf, EngineError> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
        let starts = project.starts_with(|char: char| char.is_ascii_lowercase() || char.is_ascii_digit());
        if !starts || project.len() > 64 || !project.bytes().all(plain) {
            return Err(EngineError::Name(
                project.chars().filter(|char| !char.is_control()).take(80).collect(),
            ));
        }
        Ok(self.data.join(project))
    }
}

impl Held {
    /// Begins the journal of a run.
    ///
    /// # Errors
    /// The last run was killed and has not been undone, or the journal cannot be written.
    pub fn begin(&self, run: &str) -> Result<Journal, EngineError> {
        self.refuse_unfinished()?;
        make(&self.folder)?;
        Journal::begin(&self.journal(), run)
    }

    /// Nothing that a run did not finish is to be undone: what it needs for that must not go.
    ///
    /// # Errors
    /// Something is, or the journal cannot be used.
    pub fn refuse_unfinished(&self) -> Result<(), EngineError> {
        match self.unfinished()? {
            Some(_) => Err(EngineError::Unfinished { project: self.project.clone() }),
            None => Ok(()),
        }
    }

    /// Remembers something of the project, in the place of what was remembered.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn remember(&self, what: &Remembered) -> Result<(), EngineError> {
        make(&self.folder)?;
        let (path, new) = (self.folder.join(MEMORY), self.folder.join("project.new"));
        let text = serde_json::to_vec(what).map_err(|error| failed("write", &path)(error.into()))?;
        let written = std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, &path));
        written.map_err(failed("write", &path))
    }

    /// What the last run has left, if it was killed.
    ///
    /// # Errors
    /// The journal cannot be used.
    pub fn unfinished(&self) -> Result<Option<Unfinished>, EngineError> {
        Journal::unfinished(&self.journal())
    }

    /// Nothing is left of the last run.
    ///
    /// # Errors
    /// The journal cannot be removed.
    pub fn settle(&self) -> Result<(), EngineError> {
        let path = self.journal();
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", &path)(error)),
            _ => Ok(()),
        }
    }

    fn journal(&self) -> PathBuf {
        self.folder.join("journal")
    }
}

/// For its owner only.
fn make(folder: &Path) -> Result<(), EngineError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(failed("make", folder))
}

fn write_holder(lock: &mut Flock<File>, doing: &str) -> io::Result<()> {
    lock.set_len(0)?;
    lock.rewind()?;
    writeln!(lock, "`{doing}` (process {})", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_at_a_time_and_the_other_is_told_whose_it_is() {
        let data = tempfile::tempdir().unwrap();
        let projects = Projects::below(data.path(), data.path());
        let held = projects.hold("shop", "up", Duration::ZERO).unwrap();
        let error = projects.hold("shop", "down", Duration::ZERO).unwrap_err();
        assert!(error.to_string().contains("by `up` (process "), "{error}");
        projects.hold("other", "up", Duration::ZERO).unwrap();
        drop(held);
        projects.hold("shop", "down", Duration::ZERO).unwrap();
        assert!(!data.path().join("projects/shop").exists(), "nothing was begun, and nothing is remembered");
    }

    #[test]
    fn a_run_that_was_killed_is_in_the_way_until_it_is_settled() {
        let data = tempfile::tempdir().unwrap();
        let projects = Projects::below(data.path(), data.path());
        let held = projects.hold("shop", "up", Duration::ZERO).unwrap();
        let undo = crate::Undo::StopAgain { id: "1".to_owned() };
        held.begin("r1").unwrap().about_to(undo).unwrap();
        assert!(matches!(held.begin("r2"), Err(EngineError::Unfinished { .. })));
        held.settle().unwrap();
        held.begin("r2").unwrap();
    }

    #[test]
    fn a_name_is_no_path() {
        let data = tempfile::tempdir().unwrap();
        for name in ["", "..", "a/b", ".x", "A", "a\n", &"a".repeat(65)] {
            let error =
                Projects::below(data.path(), data.path()).hold(name, "up", Duration::ZERO).unwrap_err();
            assert!(matches!(error, EngineError::Name(_)), "{name:?}");
        }
    }
}
