//! From settings to the exact steps: pure, so that `--dry-run` prints what would be executed and nothing else can be.
//! This file has their order; each file of the folder has the steps of one idea.

mod filesystems;
mod places;
mod privileges;
mod proc_and_dev;

use std::collections::BTreeSet;

use perry_sandbox_policy::{OomScore, Protocol};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::devices::MAX_DEVICES;
use super::files;
use super::ids::{Ids, Users};
use super::landlock;
use super::rooms;
use super::settings::Settings;
use super::shared;
use super::steps::{MAX_FILES, MAX_MOUNTS, MAX_NETWORKS, MAX_VOLUMES, Slot, Step};
use super::text::{Text, TextError};
use crate::project::Link;
use crate::publish::{CALLERS, CONNECTIONS};

use filesystems::{filesystems, host_trees, root};
use places::{all_places, check_folder, check_write_or_execute};
use privileges::{limits, privileges};
use proc_and_dev::{masks, own_resolver, proc_and_dev, terminals};

pub(crate) use filesystems::{stage, tmpfs};
pub(crate) use places::chain;
pub(crate) use privileges::candidates_of;
pub(crate) use proc_and_dev::{DEVICES, LINKS, RESOLVER};

/// Everything that is done to start one sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Spec {
    /// How ids are mapped.
    pub(crate) ids: Ids,
    /// User and group inside.
    pub(crate) user: (u32, u32),
    /// How much sooner than others it is ended where the host has no memory left.
    #[serde(default)]
    pub(crate) oom_score: u16,
    /// What the child does, in order.
    pub(crate) steps: Vec<Step>,
    /// Program and arguments.
    pub(crate) argv: Vec<Text>,
    /// Environment, `NAME=value`.
    pub(crate) env: Vec<Text>,
    /// What the parent connects the sandbox to before it lets it go.
    pub(crate) links: Vec<Link>,
    /// Whether it is made in the first of the given networks, which is another sandbox's, and has none of its own.
    #[serde(default)]
    pub(crate) beside: bool,
}

/// What this host and this image say; found before the steps are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ground {
    /// How ids are mapped.
    pub(crate) ids: Ids,
    /// The root folder on the host, without symbolic links.
    pub(crate) root: String,
    /// Folders that the sandbox needs and the image lacks, shallow ones first, relative to the root.
    pub(crate) missing: Vec<String>,
    /// Whether names are answered inside, and the image has a file that says that they are answered elsewhere.
    pub(crate) resolver: bool,
    /// Places, relative to the root, at which single files are shown.
    pub(crate) files: BTreeSet<String>,
    /// Those of these where the image has nothing.
    pub(crate) missing_files: Vec<String>,
    /// Where a cgroup counts: how many of its folders the child joins by itself.
    pub(crate) cgroup: Option<u8>,
    /// Which version of Landlock the kernel has; 0: none.
    pub(crate) landlock: u32,
    /// The caller's own hard limits: resource and value. Nobody can go above them.
    pub(crate) hard_limits: Vec<(u32, u64)>,
}

/// Why settings cannot be turned into steps.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SpecError {
    /// A text that the kernel cannot take.
    #[error(transparent)]
    Text(#[from] TextError),
    /// No program.
    #[error("there is no program to run: the command is empty")]
    NoProgram,
    /// Too many host folders.
    #[error(
        "{0} host folders are more than the {MAX_MOUNTS} that one sandbox can see: grant a common parent folder"
    )]
    TooManyMounts(usize),
    /// A folder that could be written and executed.
    #[error("{exec} can be executed and {write} can be written: what is written is never executed")]
    WriteAndExecute {
        /// What can be executed.
        exec: String,
        /// What can be written.
        write: String,
    },
    /// Too many volumes.
    #[error("{0} volumes are more than the {MAX_VOLUMES} that one sandbox can see: put several into one")]
    TooManyVolumes(usize),
    /// Too many networks.
    #[error("{0} networks are more than the {MAX_NETWORKS} that one sandbox can be in: join fewer")]
    TooManyNetworks(usize),
    /// Two things at one place.
    #[error("two folders or volumes are to be seen at `{0}`: only one of them would be")]
    SamePlace(String),
    /// Too many folders of memory.
    #[error(
        "{0} folders of memory are more than the 8 that one sandbox can have: name one that holds several"
    )]
    TooMuchMemory(usize),
    /// A place that is to be written to and has no room.
    #[error("`/tmp`, `/dev/shm` or a folder of memory has no room at all: raise the limit `disk`")]
    NoRoom,
    /// Too many files.
    #[error(
        "{0} secrets and configs are more than the {MAX_FILES} files that one sandbox can be given: put several into one"
    )]
    TooManyFiles(usize),
    /// Too many devices.
    #[error("{0} devices are more than the {MAX_DEVICES} that one sandbox can have: grant fewer")]
    TooManyDevices(usize),
    /// A working folder or mount target that would escape the image or hide what protects it.
    #[error(
        "`{0}` cannot be used as a folder inside: it must be absolute, without `.` or `..`, and outside /proc, /sys and /dev"
    )]
    Folder(String),
}

/// Folders that every sandbox needs in its root.
pub(crate) const NEEDED: [&str; 4] = ["proc", "dev", "tmp", "sys"];

pub(super) type Steps = Result<Vec<Step>, SpecError>;

pub(super) fn text(text: impl Into<String>) -> Result<Text, SpecError> {
    Ok(Text::try_from(text.into())?)
}

impl Spec {
    /// The steps of a program that joins a sandbox with these settings: what the kernel keeps for each process is put on
    /// again, and everything else is the sandbox's own.
    ///
    /// SECURITY: until exec it is a copy of a program of the host. It enters with nothing open that the sandbox could take
    /// from it, and cannot be traced (CVE-2016-9962, CVE-2019-5736); its folder is resolved inside (CVE-2024-21626). Its
    /// terminal is of a file system of its own, which is mounted nowhere.
    pub(crate) fn join(settings: &Settings, ground: &Ground, users: Users) -> Result<Self, SpecError> {
        check_folder(&settings.cwd)?;
        let mut steps = vec![
            Step::NotDumpable,
            Step::DieWithParent,
            Step::Streams,
            Step::CloseOthers,
            Step::Join { users },
            Step::Fork,
            Step::DieWithParent,
            Step::AwaitRelease,
            Step::NewSession,
            Step::NewKeyring,
        ];
        if settings.terminal {
            steps.push(terminals()?);
        }
        steps.extend(limits(settings, ground));
        let wall = landlock::wall_of_guest(settings, ground.landlock)?;
        let last = privileges(settings, ground, wall)?;
        steps.extend(last.into_iter().filter(|step| !matches!(step, Step::Streams)));
        Self::with_steps(settings, ground, steps)
    }

    fn with_steps(settings: &Settings, ground: &Ground, steps: Vec<Step>) -> Result<Self, SpecError> {
        let env = settings.env.iter().map(|(name, value)| text(format!("{name}={value}")));
        Ok(Self {
            ids: ground.ids,
            user: (settings.uid, settings.gid),
            oom_score: settings.system.oom_score.map_or(0, OomScore::number),
            steps,
            argv: settings.argv.iter().map(text).collect::<Result<_, _>>()?,
            env: env.collect::<Result<_, _>>()?,
            links: Vec::new(),
            beside: settings.beside.is_some(),
        })
    }

    /// Makes the steps.
    pub(crate) fn assemble(settings: &Settings, ground: &Ground) -> Result<Self, SpecError> {
        if settings.mounts.len() > MAX_MOUNTS {
            return Err(SpecError::TooManyMounts(settings.mounts.len()));
        }
        check_folder(&settings.cwd)?;
        check_write_or_execute(settings)?;
        shared::check(settings)?;
        rooms::check(settings)?;
        let memory = settings.memory.iter().map(|folder| folder.path.to_string());
        for path in shared::places(settings).map(|(path, _)| path).chain(memory) {
            check_folder(&path)?;
            if path == "/" {
                return Err(SpecError::Folder(path));
            }
        }
        // SECURITY: before the first wait, and again after every change of user, which clears it. The child has copies of
        // all that the runner has open, its own ends of our sockets and the lock of the record among them: it would wait for
        // ever for a runner that is dead, and whoever looks for what was left would take the sandbox for a live one.
        let mut steps = vec![
            Step::DieWithParent,
            Step::AwaitIds,
            Step::Umask { mask: 0 },
            Step::NewSession,
            Step::PrivateMounts,
        ];
        steps.extend(filesystems(settings, ground)?);
        steps.extend(files::room(settings, ground)?);
        steps.extend(host_trees(settings, ground)?);
        steps.extend(root(settings, ground)?);
        steps.extend(proc_and_dev(settings, ground)?);
        steps.extend(masks(settings)?);
        if ground.resolver {
            steps.push(own_resolver()?);
        }
        steps.extend(files::fill(settings)?);
        steps.extend(rooms::show(settings)?);
        steps.extend(files::show_secrets(settings)?);
        steps.extend(all_places(settings, ground)?);
        steps.extend(shared::hosts(settings)?);
        steps.extend([Step::Enter { folder: Slot::Root }, Step::Pivot]);
        steps.extend(names(settings)?);
        // Where it is another's, that has done it.
        steps.extend(settings.beside.is_none().then_some(Step::LoopbackUp));
        steps.extend((!settings.egress.is_empty()).then_some(Step::OpenDoor));
        for (protocol, count) in [(Protocol::Tcp, CONNECTIONS), (Protocol::Udp, CALLERS)] {
            let is_wanted = settings.publish.iter().any(|one| one.protocol == protocol);
            steps.extend(is_wanted.then_some(Step::MakeSockets { protocol, count }));
        }
        steps.push(Step::NewKeyring);
        steps.extend(
            (0..ground.cgroup.unwrap_or(0)).map(|number| Step::JoinGroup { by: Slot::Group(number) }),
        );
        steps.extend([Step::NewCgroupNamespace, Step::AwaitRelease]);
        steps.extend(limits(settings, ground));
        let wall = landlock::wall(settings, ground.landlock)?;
        steps.extend(privileges(settings, ground, wall)?);
        Self::with_steps(settings, ground, steps)
    }
}

/// How a run is recorded.
#[derive(Debug)]
pub(crate) struct RecordingFilter {
    /// The filter that asks, one word per instruction.
    pub(crate) program: Vec<u64>,
    /// What lets one message of the launcher through it.
    pub(crate) key: u64,
}

impl Spec {
    /// The same steps with a filter that asks in the place of the one that decides.
    pub(crate) fn recorded(mut self, filter: &RecordingFilter) -> Self {
        for step in &mut self.steps {
            if matches!(step, Step::Filter { .. }) {
                *step = Step::Record { program: filter.program.clone(), key: filter.key };
            }
        }
        self
    }
}

/// What the sandbox is called.
fn names(settings: &Settings) -> Steps {
    let mut steps = vec![Step::HostName { name: text(settings.system.host_name())? }];
    if let Some(name) = &settings.system.domain_name {
        steps.push(Step::DomainName { name: text(name.as_str())? });
    }
    Ok(steps)
}
