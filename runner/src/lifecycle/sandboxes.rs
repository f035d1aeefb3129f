//! All sandboxes of a runtime folder: creating, finding, looking, removing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use perry_sandbox_policy::LaunchPlan;

use super::error::LifecycleError;
use super::folder::Home;
use super::id::{SandboxId, SandboxName, shown};
use super::labels::Labels;
use super::record::{LONGEST_TEXT, Record, SandboxInfo, SandboxStatus, State};
use super::steer::Stop;

/// The longest request that a caller may keep with a sandbox.
const LONGEST_REQUEST: usize = 1 << 20;
/// How often another name is made for a sandbox without one.
const NAMES: usize = 8;
/// How long a sandbox that has ended may take to let go of its folder.
pub(super) const SETTLING: Duration = Duration::from_secs(10);

/// The sandboxes of one runtime folder. Cheap to make and to clone; any number of processes may use the same folder.
#[derive(Debug, Clone)]
pub struct Sandboxes {
    pub(super) home: Home,
    pub(super) runtime: PathBuf,
    pub(super) program: PathBuf,
    pub(super) clock: fn() -> Timestamp,
}

/// What a sandbox is made of. Nothing of it runs yet.
#[derive(Debug)]
pub struct NewSandbox<'a> {
    /// Its name; without one it gets `{md5_8}-{random_hex8}`, after the image.
    pub name: Option<SandboxName>,
    /// What it can be found by.
    pub labels: Labels,
    /// The image's name, as the caller wrote it.
    pub image: &'a str,
    /// The plan as it is now: its manifest stays, and the rest is decided again at the start.
    pub plan: &'a LaunchPlan,
    /// The signal that asks the program to end: the image's own, or SIGTERM (15).
    pub stop_signal: i32,
    /// Whatever the caller needs to ask the policy again, at most 1 MiB. Shown by nothing but
    /// [`Sandboxes::request`]; it may hold variables.
    pub request: &'a [u8],
}

/// Which sandboxes to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// These labels, with these values.
    pub labels: BTreeMap<String, String>,
    /// Those that do not run as well.
    pub all: bool,
}

impl Sandboxes {
    /// Opens the sandboxes below the folder of live sandboxes, making it (owner only) where there is none. Supervisors
    /// are started by executing this very program again, `/proc/self/exe`: it must call
    /// [`helper_hook`](crate::helper_hook) before anything else.
    ///
    /// # Errors
    /// When a folder cannot be made, or is not the caller's alone.
    pub fn open(runtime: &Path) -> Result<Self, LifecycleError> {
        let home = Home::open(runtime)?;
        let program = PathBuf::from("/proc/self/exe");
        Ok(Self { home, runtime: runtime.to_owned(), program, clock: Timestamp::now })
    }

    /// With another program that calls [`helper_hook`](crate::helper_hook), for one that cannot do so itself.
    #[must_use]
    pub fn with_program(mut self, program: &Path) -> Self {
        program.clone_into(&mut self.program);
        self
    }

    /// With another clock, for the times in records.
    #[must_use]
    pub fn with_clock(mut self, clock: fn() -> Timestamp) -> Self {
        self.clock = clock;
        self
    }

    /// Makes a sandbox: its id, name and record. Nothing runs.
    ///
    /// # Errors
    /// [`LifecycleError::NameTaken`], [`LifecycleError::TooLong`], or [`LifecycleError::Io`]; nothing is left then.
    pub fn create(&self, new: &NewSandbox<'_>) -> Result<SandboxId, LifecycleError> {
        let bounded = |what, found, most| {
            if found > most { Err(LifecycleError::TooLong { what, found, most }) } else { Ok(()) }
        };
        bounded("request", new.request.len(), LONGEST_REQUEST)?;
        bounded("image's name", new.image.len(), LONGEST_TEXT)?;
        self.home.sweep();
        let random = |source| LifecycleError::Io { what: "read", path: "/dev/urandom".into(), source };
        let mut tries = 0;
        loop {
            tries = usize::saturating_add(tries, 1);
            let name = match &new.name {
                Some(name) => name.clone(),
                None => SandboxName::of_image(new.image).map_err(random)?,
            };
            let record = Record {
                version: Record::VERSION,
                id: SandboxId::random().map_err(random)?,
                name,
                labels: new.labels.clone(),
                image: new.image.to_owned(),
                manifest: new.plan.manifest.clone(),
                plan: new.plan.digest().as_digest().clone(),
                tier: new.plan.tier.to_string(),
                stop_signal: if (1..=64).contains(&new.stop_signal) {
                    new.stop_signal
                } else {
                    libc::SIGTERM
                },
                created: (self.clock)(),
                state: State::Created {},
            };
            match self.home.publish(&record, new.request) {
                Ok(()) => return Ok(record.id),
                Err(LifecycleError::NameTaken { .. }) if new.name.is_none() && tries < NAMES => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Finds a sandbox by its id, its name, or the beginning of its id (at least 4 digits).
    ///
    /// # Errors
    /// [`LifecycleError::NotFound`] and [`LifecycleError::Ambiguous`].
    pub fn find(&self, text: &str) -> Result<SandboxId, LifecycleError> {
        if let Ok(id) = text.parse::<SandboxId>() {
            return self.home.look(&id).map(|_| id);
        }
        if let Some(id) = text.parse::<SandboxName>().ok().and_then(|name| self.home.named(&name)) {
            return Ok(id);
        }
        let missing = || LifecycleError::NotFound(shown(text));
        if text.len() < 4 {
            return Err(missing());
        }
        let mut fit = self.home.all()?.into_iter().filter(|id| id.as_str().starts_with(text));
        match (fit.next(), fit.next()) {
            (Some(id), None) => Ok(id),
            (Some(_), Some(_)) => Err(LifecycleError::Ambiguous(shown(text))),
            (None, _) => Err(missing()),
        }
    }

    /// What may be seen of a sandbox.
    ///
    /// # Errors
    /// [`LifecycleError::NotFound`], [`LifecycleError::Damaged`], [`LifecycleError::Io`].
    pub fn inspect(&self, id: &SandboxId) -> Result<SandboxInfo, LifecycleError> {
        self.home.look(id).map(|(record, held)| record.info(held))
    }

    /// What may be seen of all that fit, oldest first. What a dead supervisor left is removed on the way. A sandbox that
    /// goes meanwhile, or whose record cannot be read, is not in the list.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list(&self, filter: &Filter) -> Result<Vec<SandboxInfo>, LifecycleError> {
        self.home.sweep();
        // Best effort: the next start says what could not be ended.
        crate::native::reap(&self.runtime).ok();
        let seen = self.home.all()?.into_iter().filter_map(|id| self.inspect(&id).ok());
        let mut fit: Vec<_> = seen
            .filter(|info| info.labels.have(&filter.labels))
            .filter(|info| filter.all || info.status == SandboxStatus::Running)
            .collect();
        fit.sort_by(|one, two| (one.created, &one.id).cmp(&(two.created, &two.id)));
        Ok(fit)
    }

    /// The caller's own text from [`NewSandbox::request`].
    ///
    /// # Errors
    /// [`LifecycleError::NotFound`], [`LifecycleError::Io`].
    pub fn request(&self, id: &SandboxId) -> Result<Vec<u8>, LifecycleError> {
        self.home.request(id, LONGEST_REQUEST)
    }

    /// Gives another name to a sandbox that does not run; the same name again changes nothing.
    ///
    /// # Errors
    /// [`LifecycleError::NameTaken`]; [`LifecycleError::Busy`] for one that runs or is being started;
    /// [`LifecycleError::NotFound`].
    pub fn rename(&self, id: &SandboxId, name: SandboxName) -> Result<(), LifecycleError> {
        match self.home.hold(id, SETTLING)? {
            Some(held) => self.home.rename(&held, name),
            None => Err(LifecycleError::Busy { id: id.clone(), status: self.inspect(id)?.status }),
        }
    }

    /// Removes a sandbox, its record and its logs. With `force` one that runs is killed first, and one whose record
    /// cannot be read is removed.
    ///
    /// # Errors
    /// [`LifecycleError::Busy`] for one that runs or is being started, [`LifecycleError::NotFound`].
    pub fn remove(&self, id: &SandboxId, force: bool) -> Result<(), LifecycleError> {
        let begun = Instant::now();
        loop {
            let status = match self.inspect(id) {
                Ok(info) => info.status,
                Err(LifecycleError::Damaged { .. }) if force => SandboxStatus::Dead,
                Err(error) => return Err(error),
            };
            let busy = || LifecycleError::Busy { id: id.clone(), status };
            if status == SandboxStatus::Running {
                if !force {
                    return Err(busy());
                }
                match self.stop(id, &Stop { signal: Some(libc::SIGKILL), grace: Duration::ZERO }) {
                    Ok(_) | Err(LifecycleError::NotRunning { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            // One that is being started runs in a moment: then it is ended first, or not removed.
            let patience = match (force, status) {
                (true, _) => Duration::from_millis(200),
                (false, SandboxStatus::Created) => Duration::ZERO,
                (false, _) => SETTLING,
            };
            match self.home.hold(id, patience)? {
                Some(held) => return self.home.remove(&held),
                None if force && begun.elapsed() < SETTLING => {}
                None => return Err(busy()),
            }
        }
    }
}
