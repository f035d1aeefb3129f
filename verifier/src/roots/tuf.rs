//! The way to the newest trust root by The Update Framework. Its checks are `sigstore-tuf`'s state machine; the bytes
//! come through a blocking mirror of ours, so that no runtime and no second HTTP client is needed.

use std::fmt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use perry_sandbox_image::{Mirror, ReadError};
use sigstore_tuf::transport::FetchFuture;
use sigstore_tuf::{MetadataStore, Repository, TrustedMetadataSet, Updater, UpdaterConfig};

use crate::limits::MAX_ROOT;
use crate::private::{read_private, replace};

/// The public instance's root metadata, version 16: where trust begins, and nothing else. It is never used to check
/// signatures of images with. Published at <https://github.com/sigstore/root-signing>.
pub(super) const PUBLIC_BOOTSTRAP: &[u8] = include_bytes!("sigstore-public.root.json");
/// The one file that is asked for.
const TARGET: &str = "trusted_root.json";
/// Longest refresh, all requests together.
const LONGEST: Duration = Duration::from_secs(60);
/// What kept metadata begins with.
const KEPT: &str = "tuf-";

/// Files of a TUF repository, by name, bounded.
pub trait RootMirror: Send + Sync + fmt::Debug {
    /// A file of at most `limit` bytes, complete before `deadline`; `None` if it is not there.
    ///
    /// # Errors
    /// [`ReadError`] when it is larger, or the mirror does not answer.
    fn fetch(&self, name: &str, limit: u64, deadline: Option<Instant>) -> Result<Option<Vec<u8>>, ReadError>;
}

impl RootMirror for Mirror {
    fn fetch(&self, name: &str, limit: u64, deadline: Option<Instant>) -> Result<Option<Vec<u8>>, ReadError> {
        Self::fetch(self, name, limit, deadline)
    }
}

/// Where the newest root comes from, and where trust in it begins.
#[derive(Debug)]
pub(super) struct Origin {
    mirror: Arc<dyn RootMirror>,
    bootstrap: Vec<u8>,
}

impl Origin {
    pub(super) fn new(mirror: Box<dyn RootMirror>, bootstrap: &[u8]) -> Self {
        Self { mirror: mirror.into(), bootstrap: bootstrap.to_vec() }
    }

    /// Walks the chain of roots, then timestamp, snapshot and targets, and gives the proved content of the target.
    pub(super) fn newest(
        &self,
        folder: &Path,
        now: Timestamp,
        deadline: Option<Instant>,
    ) -> Result<String, String> {
        let longest = Instant::now().checked_add(LONGEST);
        let until = deadline.into_iter().chain(longest).min();
        let transport = Transport { mirror: Arc::clone(&self.mirror), until };
        let mut config = UpdaterConfig::default();
        config.target_max_length = u64::try_from(MAX_ROOT).unwrap_or(u64::MAX);
        // The target stands in the top list; nobody else may be made responsible for it (CVE-2024-47534).
        config.max_delegations = 1;
        let mut updater = Updater::new(transport, &self.bootstrap)
            .map_err(|error| shown(&error))?
            .with_config(config)
            .with_store(Kept { folder: folder.to_owned() });
        let bytes = at_once(async {
            updater.refresh(now).await?;
            updater.get_target(TARGET, now).await
        })
        .ok_or_else(|| "the client waits for something that never comes".to_owned())?
        .map_err(|error| shown(&error))?;
        String::from_utf8(bytes).map_err(|_| format!("{TARGET} is not text"))
    }
}

/// Whether some bytes are metadata in which trust could begin; they are read as every other kind too.
pub(crate) fn understands(bytes: &[u8]) -> bool {
    if let Ok(mut chain) = TrustedMetadataSet::from_root(PUBLIC_BOOTSTRAP) {
        // Refusals are what is looked for: only a panic or endless work would be a finding.
        drop(chain.update_root(bytes));
        drop(chain.update_timestamp(bytes, Timestamp::UNIX_EPOCH));
    }
    TrustedMetadataSet::from_root(bytes).is_ok()
}

/// Runs a future that has nothing to wait for: the transport blocks.
fn at_once<T>(work: impl Future<Output = T>) -> Option<T> {
    match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    }
}

/// An error with its causes, escaped and shortened: parts of it come from the mirror.
fn shown(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text.chars().flat_map(char::escape_debug).take(300).collect()
}

/// The mirror as the updater wants it.
#[derive(Debug)]
struct Transport {
    mirror: Arc<dyn RootMirror>,
    until: Option<Instant>,
}

impl Transport {
    fn fetch(&self, name: &str, limit: u64) -> sigstore_tuf::Result<Option<Vec<u8>>> {
        if self.until.is_some_and(|until| Instant::now() >= until) {
            return Err(sigstore_tuf::Error::transport("the time for it ran out"));
        }
        let bytes = self
            .mirror
            .fetch(name, limit, self.until)
            .map_err(|error| sigstore_tuf::Error::transport(error.to_string()))?;
        let fits = |bytes: &Vec<u8>| u64::try_from(bytes.len()).is_ok_and(|size| size <= limit);
        match bytes {
            Some(bytes) if !fits(&bytes) => {
                Err(sigstore_tuf::Error::transport(format!("{name} has more than {limit} bytes")))
            }
            other => Ok(other),
        }
    }
}

impl Repository for Transport {
    fn fetch_metadata<'a>(&'a self, name: &'a str, max_length: u64) -> FetchFuture<'a> {
        Box::pin(std::future::ready(self.fetch(name, max_length)))
    }

    fn fetch_target<'a>(&'a self, path: &'a str, max_length: u64) -> FetchFuture<'a> {
        Box::pin(std::future::ready(self.fetch(&format!("targets/{path}"), max_length)))
    }
}

/// Proved metadata in private files: the floor below which no version may fall, across processes.
#[derive(Debug)]
struct Kept {
    folder: PathBuf,
}

impl Kept {
    /// Only these names are kept, so that no name of a repository's own ever becomes a file's (CVE-2026-24137).
    fn file(name: &str) -> Option<String> {
        let history = |rest: &str| {
            let version: u32 = rest.strip_suffix(".root.json")?.parse().ok()?;
            Some(format!("{KEPT}root-{version}.json"))
        };
        match name {
            "timestamp.json" | "snapshot.json" | "targets.json" => Some(format!("{KEPT}{name}")),
            other => other.strip_prefix("root_history/").and_then(history),
        }
    }
}

impl MetadataStore for Kept {
    fn load(&self, name: &str) -> sigstore_tuf::Result<Option<Vec<u8>>> {
        let path = Self::file(name).map(|file| self.folder.join(file));
        // What cannot be read is fetched again, and proved again.
        Ok(path.and_then(|path| read_private(&path, MAX_ROOT.saturating_mul(2)).ok()))
    }

    fn store(&self, name: &str, bytes: &[u8]) -> sigstore_tuf::Result<()> {
        let Some(file) = Self::file(name) else { return Ok(()) };
        replace(&self.folder, &file, bytes)
            .map_err(|error| sigstore_tuf::Error::transport(format!("cannot keep {name}: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cve_2026_24137_no_name_of_a_repository_becomes_a_file_s_name() {
        for name in [
            "root.json",
            "2.snapshot.json",
            "targets/../../x",
            "root_history/../1.root.json",
            "root_history/x.root.json",
            "../timestamp.json",
            "evil.json",
        ] {
            assert_eq!(Kept::file(name), None, "{name}");
        }
        assert_eq!(Kept::file("root_history/17.root.json").as_deref(), Some("tuf-root-17.json"));
        assert_eq!(Kept::file("timestamp.json").as_deref(), Some("tuf-timestamp.json"));
    }

    #[test]
    fn the_root_that_this_program_was_built_with_is_signed_by_itself() {
        assert!(TrustedMetadataSet::from_root(PUBLIC_BOOTSTRAP).is_ok());
    }
}
