//! Answers on disk: one sealed file each, written whole or not at all, in a folder that only its owner can enter.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use thiserror::Error;

use super::memory::{Kept, Question, TopQuestion};
use super::record;
use crate::private::{TEMPORARY, own_folder, read_private, remove, replace};
use crate::seal::{KEY_FILE, Seal};

/// Most answers on disk; beyond it the oldest quarter goes.
const MOST_FILES: usize = 4096;
/// Largest file, in bytes.
const MOST_BYTES: usize = 256 * 1024;
/// After this time a temporary file is nobody's.
const ABANDONED: Duration = Duration::from_secs(60 * 60);

/// Why the verification cache cannot use its folder.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The folder or the key in it cannot be made or read.
    #[error("cannot use the verification cache {path}: {source}", path = .path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The folder is somebody else's, or others can enter it.
    #[error(
        "the verification cache {path} is not a folder that only you can enter: remove it, or take the rights of others away (chmod 700)",
        path = .path.display()
    )]
    NotPrivate {
        /// The folder.
        path: PathBuf,
    },
}

/// The folder.
#[derive(Debug)]
pub(super) struct Disk {
    folder: PathBuf,
    seal: Seal,
}

impl Disk {
    /// Opens the folder; makes it where it is missing.
    pub(super) fn open(folder: &Path) -> Result<Self, CacheError> {
        let io = |source| CacheError::Io { path: folder.to_owned(), source };
        if !own_folder(folder).map_err(io)? {
            return Err(CacheError::NotPrivate { path: folder.to_owned() });
        }
        let seal = Seal::of(folder).map_err(io)?;
        Ok(Self { folder: folder.to_owned(), seal })
    }

    /// Whether there is an answer to a question. Nobody has read it yet: a hint.
    pub(super) fn has(&self, question: TopQuestion<'_>) -> bool {
        record::name(question).is_some_and(|name| self.folder.join(name).exists())
    }

    /// The answer to a question, if it is there, whole, ours, and holds at this moment. What is not is removed.
    pub(super) fn find(&self, question: Question<'_>) -> Option<Kept> {
        let name = record::name(question.top())?;
        let path = self.folder.join(&name);
        let found = match read_private(&path, MOST_BYTES) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            read => read.ok().and_then(|sealed| {
                let content = self.seal.open(&name, &sealed)?;
                record::read(content, question).filter(|kept| kept.holds(question))
            }),
        };
        if found.is_none() {
            // It can serve no later question: its time is over, or it never was an answer of ours.
            remove(&path).unwrap_or_default();
        }
        found
    }

    /// Keeps an answer. The cache is a convenience: what cannot be written is not kept.
    pub(super) fn keep(&self, question: Question<'_>, kept: &Kept) {
        let Some((name, content)) = record::name(question.top()).zip(record::write(kept)) else { return };
        let sealed = [self.seal.tag(&name, &content), content].concat();
        if sealed.len() > MOST_BYTES {
            return;
        }
        self.prune();
        replace(&self.folder, &name, &sealed).unwrap_or_default();
    }

    /// Drops every answer. The key stays: it seals nothing by itself.
    pub(super) fn clear(&self) {
        for (path, _) in self.files() {
            remove(&path).unwrap_or_default();
        }
    }

    /// Every answer, and whatever else is there but the key and the temporary files of the living.
    fn files(&self) -> Vec<(PathBuf, String)> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().filter_map(Result::ok);
        let named = entries.map(|entry| (entry.path(), entry.file_name().to_string_lossy().into_owned()));
        named
            .filter(|(path, name)| name != KEY_FILE && (!name.starts_with(TEMPORARY) || is_old(path)))
            .collect()
    }

    /// Holds the number of files down, and removes what no answer of ours is called.
    fn prune(&self) {
        let is_answer = |name: &str| name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit());
        let (answers, foreign): (Vec<_>, Vec<_>) =
            self.files().into_iter().partition(|(_, name)| is_answer(name));
        for (path, _) in foreign {
            remove(&path).unwrap_or_default();
        }
        if answers.len() < MOST_FILES {
            return;
        }
        let mut dated: Vec<_> = answers.into_iter().map(|(path, _)| (modified(&path), path)).collect();
        dated.sort();
        for (_, path) in dated.into_iter().take(MOST_FILES.div_ceil(4)) {
            remove(&path).unwrap_or_default();
        }
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::symlink_metadata(path).and_then(|found| found.modified()).ok()
}

fn is_old(path: &Path) -> bool {
    modified(path).and_then(|time| time.elapsed().ok()).is_some_and(|age| age > ABANDONED)
}
