//! Which backends are alive on this host: asked at once, for two seconds at most, and remembered for a while.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use perry_sandbox_image::FileStamp;
use perry_sandbox_policy::BackendFacts;
use serde::{Deserialize, Serialize};

use super::apple::Apple;
use super::docker::Docker;
use super::embedded;
use super::host::HostTools;
use super::install::InstallCommand;
use super::machines::{colima, lima, orbstack, rancher_desktop};
use super::nerdctl::Nerdctl;
use super::order::{Candidate, ContainerMode, System, order};
use super::podman::Podman;
use super::runsc::Runsc;
use super::script::Backend;
use crate::microvm::Machine;
use crate::native::{check_owner, probe};

/// How long a backend may take to show that it is alive, and one that is asked for by its name: nobody else would do, however busy
/// the machine is.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);
const NAMED: Duration = Duration::from_secs(10);
/// How long what was found is believed, while its program and socket are the same files.
const BELIEVED: Duration = Duration::from_secs(600);
/// How long a backend that kept its asker waiting is not asked again, and from when on it did. One that says at once that it
/// does not work is asked each time: whoever was told to start it does so and comes back.
const DOUBTED: Duration = Duration::from_secs(30);
const WAITING: Duration = Duration::from_secs(1);
/// The longest memory that is read.
const LONGEST: u64 = 1 << 20;

/// What this host has.
#[derive(Debug, Clone, Default)]
pub struct Backends {
    seen: Vec<(Backend, Seen)>,
    mode: ContainerMode,
    system: System,
}

/// Why a backend cannot be used here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct AbsentBackend {
    /// Which.
    pub name: &'static str,
    /// What was found instead.
    pub why: String,
    /// What would bring it.
    pub remedy: Option<String>,
}

/// A backend as it was found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Seen {
    Alive(Box<Means>),
    Absent { why: String, remedy: Option<String> },
}

/// What is known of an engine that is alive: enough to speak to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Means {
    Podman(Podman),
    Docker(Docker),
    Nerdctl(Nerdctl),
    Apple(Apple),
    Runsc(Runsc),
    Microvm(Machine),
    Wasm,
}

/// Why a probe found nothing alive.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Absence {
    pub(super) why: String,
    pub(super) remedy: Option<String>,
    /// Whether there is something that could come alive.
    pub(super) installed: bool,
}

impl Absence {
    /// It is not there at all.
    pub(super) fn nowhere(why: &dyn ToString, remedy: &str) -> Self {
        Self { why: why.to_string(), remedy: Some(remedy.to_owned()), installed: false }
    }

    /// It is there and does not work.
    pub(super) fn dead(why: &dyn ToString, remedy: Option<&str>) -> Self {
        Self { why: why.to_string(), remedy: remedy.map(str::to_owned), installed: true }
    }
}

impl Backends {
    /// The names of all backends of this version, the preferred first.
    pub fn names() -> impl Iterator<Item = &'static str> {
        order(System::here(), ContainerMode::default()).into_iter().map(Candidate::name)
    }

    /// Looks at all backends, or at one by its name; what was found a short time ago is believed.
    pub fn survey(tools: &HostTools, only: Option<&str>) -> Self {
        let all = order(tools.system(), tools.mode()).into_iter().filter_map(|candidate| match candidate {
            Candidate::Native => None,
            Candidate::Program(backend) => Some(backend),
        });
        let wanted: Vec<Backend> =
            all.filter(|backend| only.is_none_or(|name| name == backend.name())).collect();
        let mut memory = Memory::read(tools);
        // Whoever looked at all of them may not have waited long enough for this one.
        let believed = |seen: &Seen| only.is_none() || matches!(seen, Seen::Alive(_));
        let is_unknown = |backend: &Backend| !memory.recall(*backend).is_some_and(|seen| believed(&seen));
        let unknown: Vec<Backend> = wanted.iter().copied().filter(is_unknown).collect();
        if !unknown.is_empty() {
            let patience = if only.is_some() { NAMED } else { PATIENCE };
            for (backend, seen, believed) in probe_all(&tools.within(patience), &unknown) {
                memory.learn(backend, &seen, believed);
            }
            memory.write(tools);
        }
        let seen = wanted.into_iter().filter_map(|backend| Some((backend, memory.recall(backend)?)));
        Self { seen: seen.collect(), mode: tools.mode(), system: tools.system() }
    }

    /// Looks at all backends, whatever was found before.
    pub fn survey_anew(tools: &HostTools) -> Self {
        if let Some(file) = tools.memory() {
            // There may be none.
            drop(fs::remove_file(file));
        }
        Self::survey(tools, None)
    }

    /// What the live ones enforce, the preferred first. The embedded one is among them.
    pub fn facts(&self) -> Vec<BackendFacts> {
        let all = order(self.system, self.mode).into_iter();
        let facts = all.filter_map(|candidate| match candidate {
            Candidate::Native => probe().cloned(),
            Candidate::Program(backend) => self.means(backend.name())?.facts(),
        });
        facts.collect()
    }

    /// Those that cannot be used here.
    pub fn absent(&self) -> Vec<AbsentBackend> {
        let absent = self.seen.iter().filter_map(|(backend, seen)| match seen {
            Seen::Alive(_) => None,
            Seen::Absent { why, remedy } => {
                Some(AbsentBackend { name: backend.name(), why: why.clone(), remedy: remedy.clone() })
            }
        });
        absent.collect()
    }

    /// Each that was looked at, the preferred first.
    pub(super) fn seen(&self) -> impl Iterator<Item = (Backend, &Seen)> {
        self.seen.iter().map(|(backend, seen)| (*backend, seen))
    }

    pub(super) fn means(&self, name: &str) -> Option<&Means> {
        self.seen.iter().find_map(|(backend, seen)| match seen {
            Seen::Alive(means) if backend.name() == name => Some(&**means),
            Seen::Alive(_) | Seen::Absent { .. } => None,
        })
    }
}

impl Means {
    /// Whose they are.
    pub(super) const fn backend(&self) -> Backend {
        match self {
            Self::Podman(_) => Backend::Podman,
            Self::Docker(docker) => docker.backend(),
            Self::Nerdctl(nerdctl) => nerdctl.backend(),
            Self::Apple(_) => Backend::Apple,
            Self::Runsc(_) => Backend::Runsc,
            Self::Microvm(_) => Backend::Microvm,
            Self::Wasm => Backend::Wasm,
        }
    }

    pub(super) fn facts(&self) -> Option<BackendFacts> {
        match self {
            Self::Podman(podman) => podman.facts(),
            Self::Docker(docker) => docker.facts(),
            Self::Nerdctl(nerdctl) => nerdctl.facts(),
            Self::Apple(apple) => apple.facts(),
            Self::Runsc(runsc) => runsc.facts(),
            Self::Microvm(machine) => embedded::machine_facts(machine),
            Self::Wasm => embedded::module_facts(),
        }
    }

    /// The files without which it would be another one, or dead.
    fn rests_on(&self) -> Vec<&Path> {
        match self {
            Self::Podman(podman) => podman.rests_on(),
            Self::Docker(docker) => docker.rests_on(),
            Self::Nerdctl(nerdctl) => nerdctl.rests_on(),
            Self::Apple(apple) => apple.rests_on(),
            Self::Runsc(runsc) => runsc.rests_on(),
            Self::Microvm(machine) => vec![&machine.program, &machine.kernel],
            Self::Wasm => Vec::new(),
        }
    }
}

fn probe_one(tools: &HostTools, backend: Backend) -> Result<Means, Absence> {
    match backend {
        Backend::Podman => Podman::probe(tools).map(Means::Podman),
        Backend::Docker => Docker::probe(tools).map(Means::Docker),
        Backend::Nerdctl => Nerdctl::probe(tools).map(Means::Nerdctl),
        Backend::Apple => Apple::probe(tools).map(Means::Apple),
        Backend::Orbstack => orbstack(tools).map(Means::Docker),
        Backend::Colima => colima(tools),
        Backend::RancherDesktop => rancher_desktop(tools),
        Backend::Lima => lima(tools).map(Means::Nerdctl),
        Backend::Runsc => Runsc::probe(tools).map(Means::Runsc),
        Backend::Microvm => embedded::probe_machine(tools).map(Means::Microvm),
        Backend::Wasm => embedded::probe_module().map(|()| Means::Wasm),
    }
}

/// Asks all at once; each answers in time or is dead.
fn probe_all(tools: &HostTools, backends: &[Backend]) -> Vec<(Backend, Seen, Duration)> {
    std::thread::scope(|scope| {
        let asked: Vec<_> = backends
            .iter()
            .map(|backend| {
                let probe = move || {
                    let begun = Instant::now();
                    (probe_one(tools, *backend), begun.elapsed() >= WAITING)
                };
                let thread = std::thread::Builder::new().spawn_scoped(scope, probe);
                (*backend, thread, probe)
            })
            .collect();
        asked
            .into_iter()
            // There may have been no thread to be had.
            .map(|(backend, thread, probe)| {
                (backend, thread.map_or_else(|_| Ok(probe()), ScopedJoinHandle::join))
            })
            .map(|(backend, answer)| match answer {
                Ok((Ok(means), _)) => (backend, Seen::Alive(Box::new(means)), BELIEVED),
                Ok((Err(Absence { why, remedy, installed: true }), waited)) => {
                    let doubted = if waited { DOUBTED } else { Duration::ZERO };
                    (backend, Seen::Absent { why, remedy }, doubted)
                }
                Ok((Err(Absence { why, remedy, installed: false }), _)) => {
                    let install = InstallCommand::here(backend.name(), tools);
                    let install = install.map(|command| format!("install it: `{command}`"));
                    (backend, Seen::Absent { why, remedy: install.or(remedy) }, Duration::ZERO)
                }
                Err(_) => {
                    let seen = Seen::Absent { why: "its probe failed".to_owned(), remedy: None };
                    (backend, seen, Duration::ZERO)
                }
            })
            .collect()
    })
}

/// What earlier processes found.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Memory {
    /// What the answers depend on beside files.
    environment: Vec<(String, String)>,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Entry {
    backend: Backend,
    seen: Seen,
    /// Seconds since 1970.
    until: u64,
    stamps: Vec<(std::path::PathBuf, FileStamp)>,
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

impl Memory {
    /// SECURITY: what is remembered says what an engine enforces. It is read only where nobody else could have written it.
    fn read(tools: &HostTools) -> Self {
        let environment: Vec<_> = tools.environment().into_iter().collect();
        let text = tools.memory().filter(|file| file.parent().is_some_and(|it| check_owner(it).is_ok()));
        let text =
            text.filter(|file| fs::symlink_metadata(file).is_ok_and(|it| it.is_file() && it.len() < LONGEST));
        let text = text.and_then(|file| fs::read(file).ok()).unwrap_or_default();
        let known: Self = serde_json::from_slice(&text).unwrap_or_default();
        let mut memory =
            if known.environment == environment { known } else { Self { environment, entries: Vec::new() } };
        let (now, farthest) = (now(), now().saturating_add(BELIEVED.as_secs()));
        // A time beyond what we ever write is a clock that was wrong.
        memory.entries.retain(|entry| entry.until > now && entry.until <= farthest && entry.holds());
        memory
    }

    fn recall(&self, backend: Backend) -> Option<Seen> {
        self.entries.iter().find(|entry| entry.backend == backend).map(|entry| entry.seen.clone())
    }

    fn learn(&mut self, backend: Backend, seen: &Seen, believed: Duration) {
        let files = if let Seen::Alive(means) = seen { means.rests_on() } else { Vec::new() };
        let stamps = files.iter().filter_map(|file| Some(((*file).to_owned(), FileStamp::of(file)?)));
        let entry = Entry {
            backend,
            seen: seen.clone(),
            until: now().saturating_add(believed.as_secs()),
            stamps: stamps.collect(),
        };
        self.entries.retain(|entry| entry.backend != backend);
        self.entries.push(entry);
    }

    /// Best effort: whoever finds nothing asks again.
    fn write(&self, tools: &HostTools) {
        let Some(file) = tools.memory() else { return };
        let Some(folder) = file.parent() else { return };
        drop(fs::DirBuilder::new().mode(0o700).recursive(true).create(folder));
        if check_owner(folder).is_err() {
            return;
        }
        let early = file.with_extension(format!("{}.tmp", std::process::id()));
        let written = serde_json::to_vec(self).map_err(std::io::Error::from).and_then(|text| {
            let mut options = fs::OpenOptions::new();
            let mut out = options.write(true).create(true).truncate(true).mode(0o600).open(&early)?;
            out.write_all(&text)?;
            fs::rename(&early, file)
        });
        if written.is_err() {
            drop(fs::remove_file(&early));
        }
    }
}

impl Entry {
    fn holds(&self) -> bool {
        self.stamps.iter().all(|(file, stamp)| stamp.holds(file))
    }
}
