//! What is at hand of the public trust root, and how old it is.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use perry_sandbox_policy::{TrustRoot, TrustRootSource};
use perry_sandbox_reference::Digest;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::limits::MAX_ROOT;
#[cfg(feature = "tuf")]
use crate::private::replace;
use crate::private::{own_folder, read_private, remove};
use crate::root::PreparedRoot;
use crate::seal::Seal;

#[cfg(feature = "tuf")]
use super::tuf;

/// The file with the material, sealed.
const FILE: &str = "sigstore-public";
/// A clock that was set back by so much makes the material's age unknown.
const SKEW: i64 = 300;
/// How long nobody asks again after a refresh that failed.
const PAUSE: Duration = Duration::from_secs(60);

/// Why the public trust root is not at hand.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RootError {
    /// Its folder cannot be used.
    #[error("cannot use the folder of trust roots {path}: {reason}", path = .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// It was never fetched here.
    #[error("the public Sigstore instance's keys were never fetched here{}", because(.why.as_ref()))]
    Never {
        /// Why the refresh did not help.
        why: Option<String>,
    },
    /// It was fetched too long ago.
    #[error(
        "the public Sigstore instance's keys were last checked {age} s ago, and may be {most} s old{}",
        because(.why.as_ref())
    )]
    TooOld {
        /// Seconds since they were checked; negative where the clock was set back.
        age: i64,
        /// Most seconds that are allowed.
        most: u64,
        /// Why the refresh did not help.
        why: Option<String>,
    },
    /// The refresh failed.
    #[error("the public Sigstore instance's keys could not be refreshed: {0}")]
    Refresh(String),
}

fn because(why: Option<&String>) -> String {
    why.map_or_else(String::new, |why| format!("; refreshing failed: {why}"))
}

/// The material itself.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Material {
    pub(crate) json: String,
    pub(crate) digest: Digest,
    /// When it was last proved to be the newest, seconds since 1970.
    pub(crate) checked_at: i64,
}

/// Material that may be used, and until when.
#[derive(Debug, Clone)]
pub(crate) struct AtHand {
    pub(crate) material: Arc<Material>,
    pub(crate) until: i64,
}

/// What is at hand, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PublicRootStatus {
    /// Digest of the `trusted_root.json`.
    pub digest: Digest,
    /// When it was last proved to be the newest, seconds since 1970.
    pub checked_at: i64,
}

/// The public Sigstore instance's trust root, kept in a folder.
///
/// Without a mirror it gives what an earlier refresh left, for as long as the policy's `max-age` allows. With one it
/// refreshes by itself once half of that time is over, and goes on with what it has where that fails.
#[derive(Debug)]
pub struct PublicRoot {
    folder: PathBuf,
    seal: Seal,
    #[cfg(feature = "tuf")]
    origin: Option<tuf::Origin>,
    state: Mutex<State>,
    /// Held by the one who refreshes.
    turn: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    material: Option<Arc<Material>>,
    failed: Option<(Instant, String)>,
}

impl PublicRoot {
    /// Opens the folder, which is made where it is missing; nothing is fetched.
    ///
    /// # Errors
    /// [`RootError::Folder`] when the folder cannot be used or is open to others.
    pub fn open(folder: &Path) -> Result<Self, RootError> {
        let unusable = |reason: String| RootError::Folder { path: folder.to_owned(), reason };
        if !own_folder(folder).map_err(|error| unusable(error.to_string()))? {
            return Err(unusable("others can enter it, or it is somebody else's (chmod 700)".to_owned()));
        }
        let seal = Seal::of(folder).map_err(|error| unusable(error.to_string()))?;
        let root = Self {
            folder: folder.to_owned(),
            seal,
            #[cfg(feature = "tuf")]
            origin: None,
            state: Mutex::default(),
            turn: Mutex::default(),
        };
        root.state().material = root.load().map(Arc::new);
        Ok(root)
    }

    /// Refreshes through this mirror, beginning to trust with the root metadata that this program was built with.
    #[cfg(feature = "tuf")]
    #[must_use]
    pub fn with_mirror(self, mirror: Box<dyn tuf::RootMirror>) -> Self {
        self.with_origin(mirror, tuf::PUBLIC_BOOTSTRAP)
    }

    /// As [`PublicRoot::with_mirror`], for a repository that begins with this `root.json`.
    #[cfg(feature = "tuf")]
    #[must_use]
    pub fn with_origin(mut self, mirror: Box<dyn tuf::RootMirror>, bootstrap: &[u8]) -> Self {
        self.origin = Some(tuf::Origin::new(mirror, bootstrap));
        self
    }

    /// What is at hand, whatever its age.
    pub fn status(&self) -> Option<PublicRootStatus> {
        let material = self.state().material.clone()?;
        Some(PublicRootStatus { digest: material.digest.clone(), checked_at: material.checked_at })
    }

    /// Fetches the newest material and proves it.
    ///
    /// # Errors
    /// [`RootError::Refresh`]; what was at hand before stays.
    pub fn refresh(&self, now: Timestamp) -> Result<PublicRootStatus, RootError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.renew(now, None).map_err(RootError::Refresh)?;
        self.status().ok_or(RootError::Never { why: None })
    }

    /// Material that is at most `most` old at this moment. Refreshes where that helps and may be done.
    pub(crate) fn at_hand(
        &self,
        now: Timestamp,
        most: Duration,
        deadline: Option<Instant>,
    ) -> Result<AtHand, RootError> {
        let seconds = i64::try_from(most.as_secs()).unwrap_or(i64::MAX);
        let now_seconds = now.as_second();
        let early = seconds.div_euclid(2);
        let mut why = None;
        if !self.is_younger(now_seconds, early) {
            why = self.renew_in_turn(now, early, seconds, deadline).err();
        }
        let Some(material) = self.state().material.clone() else { return Err(RootError::Never { why }) };
        let age = now_seconds.saturating_sub(material.checked_at);
        if !(-SKEW..=seconds).contains(&age) {
            return Err(RootError::TooOld { age, most: most.as_secs(), why });
        }
        let until = material.checked_at.saturating_add(seconds);
        Ok(AtHand { material, until })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_younger(&self, now: i64, most: i64) -> bool {
        let checked_at = self.state().material.as_ref().map(|material| material.checked_at);
        checked_at.is_some_and(|at| (-SKEW..=most).contains(&now.saturating_sub(at)))
    }

    /// Refreshes, one at a time, and not again and again where that fails. Who still has material that may be used
    /// does not wait for another's refresh.
    fn renew_in_turn(
        &self,
        now: Timestamp,
        early: i64,
        most: i64,
        deadline: Option<Instant>,
    ) -> Result<(), String> {
        let _turn = match self.turn.try_lock() {
            Ok(turn) => turn,
            Err(TryLockError::WouldBlock) if self.is_younger(now.as_second(), most) => return Ok(()),
            Err(_) => self.turn.lock().unwrap_or_else(PoisonError::into_inner),
        };
        // Another thread or process may have been faster.
        if let Some(found) = self.load() {
            self.state().material = Some(Arc::new(found));
        }
        if self.is_younger(now.as_second(), early) {
            return Ok(());
        }
        if let Some((at, why)) = &self.state().failed
            && at.elapsed() < PAUSE
        {
            return Err(why.clone());
        }
        let outcome = self.renew(now, deadline);
        self.state().failed = outcome.as_ref().err().map(|why| (Instant::now(), why.clone()));
        outcome
    }

    #[cfg(feature = "tuf")]
    fn renew(&self, now: Timestamp, deadline: Option<Instant>) -> Result<(), String> {
        let Some(origin) = &self.origin else { return Err("no mirror is set up for it".to_owned()) };
        let json = origin.newest(&self.folder, now, deadline)?;
        let material = Material { digest: Digest::of(json.as_bytes()), json, checked_at: now.as_second() };
        usable(&material)?;
        self.save(&material).map_err(|error| format!("it cannot be kept: {error}"))?;
        self.state().material = Some(Arc::new(material));
        Ok(())
    }

    #[cfg(not(feature = "tuf"))]
    #[expect(clippy::unused_self, reason = "the same verb in every build")]
    fn renew(&self, _: Timestamp, _: Option<Instant>) -> Result<(), String> {
        Err("this program was built without the feature `tuf`".to_owned())
    }

    #[cfg(feature = "tuf")]
    fn save(&self, material: &Material) -> io::Result<()> {
        let content = serde_json::to_vec(material)?;
        replace(&self.folder, FILE, &[self.seal.tag(FILE, &content), content].concat())
    }

    /// What an earlier refresh left. A file that is not ours is removed.
    fn load(&self) -> Option<Material> {
        let path = self.folder.join(FILE);
        let sealed = match read_private(&path, MAX_ROOT.saturating_mul(2)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            read => read.ok(),
        };
        let found = sealed.and_then(|sealed| {
            let content = self.seal.open(FILE, &sealed)?;
            let material: Material = serde_json::from_slice(content).ok()?;
            usable(&material).ok().map(|()| material)
        });
        if found.is_none() {
            remove(&path).unwrap_or_default();
        }
        found
    }
}

/// Whether signatures can be checked with it: otherwise what was there before is better.
fn usable(material: &Material) -> Result<(), String> {
    let root = TrustRoot {
        name: "sigstore-public".parse().map_err(|_| "its name is refused".to_owned())?,
        json: material.json.clone(),
        digest: material.digest.clone(),
        source: TrustRootSource::File,
    };
    PreparedRoot::read(&root).map(drop).map_err(|finding| format!("{}: {}", finding.title, finding.found))
}
