//! From settings to the exact steps: pure, so that `--dry-run` prints what would be executed and nothing else can be.

use std::collections::BTreeSet;

use perry_sandbox_policy::{MountAccess, OomScore, Protocol};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::devices::{self, MAX_DEVICES};
use super::files;
use super::ids::{Ids, Users};
use super::landlock;
use super::rooms;
use super::settings::{HostFolder, Settings};
use super::shared;
use super::steps::{MAX_FILES, MAX_MOUNTS, MAX_NETWORKS, MAX_VOLUMES, Slot, Step};
use super::sys::MountAttributes;
use super::text::{Text, TextError};
use crate::project::Link;
use crate::publish::{CALLERS, CONNECTIONS};

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
    /// from it, and cannot be traced (CVE-2016-9962, CVE-2019-5736); its folder is resolved inside (CVE-2024-21626).
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
        steps.extend(limits(settings, ground));
        let wall = landlock::wall_of_guest(settings, ground.landlock)?;
        let last = privileges(settings, ground, wall)?;
        steps.extend(last.into_iter().filter(|step| !matches!(step, Step::Streams | Step::Terminal)));
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
        steps.push(Step::LoopbackUp);
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

/// The plan's host folders, volumes and files at their places, the shallow ones first: one may lie inside another.
fn all_places(settings: &Settings, ground: &Ground) -> Steps {
    let mut mounts: Vec<_> = shared::places(settings).collect();
    mounts.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut steps = Vec::new();
    for (path, mount) in mounts {
        let path = relative(&path);
        // Below our own /tmp nothing of the image is seen: the place is made there.
        if path.starts_with("tmp/") {
            let is_file = ground.files.contains(path);
            for folder in chain(path).skip(1).filter(|folder| !is_file || *folder != path) {
                steps.push(Step::MakeFolder { beneath: Slot::Scratch, path: text(folder)?, mode: 0o755 });
            }
            if is_file {
                steps.push(Step::MakeFile { beneath: Slot::Scratch, path: text(path)?, mode: 0o644 });
            }
        }
        steps.push(if let Slot::File(number) = mount {
            files::show(number, path)?
        } else {
            Step::Attach { mount, beneath: Slot::Root, path: text(path)? }
        });
    }
    Ok(steps)
}

/// A relative path and its parents, the shallow ones first.
pub(super) fn chain(path: &str) -> impl Iterator<Item = &str> {
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    ends.filter_map(|end| path.get(..end))
}

/// SECURITY: a working folder under /proc can be a leaked descriptor (CVE-2024-21626), and a mount there would cover a mask.
fn check_folder(path: &str) -> Result<(), SpecError> {
    let inside = relative(path);
    let normal = path == "/" || inside.split('/').all(|part| !matches!(part, "" | "." | ".."));
    let own = ["proc", "sys", "dev"].iter().any(|own| inside.split('/').next() == Some(*own));
    if path.starts_with('/') && normal && !own { Ok(()) } else { Err(SpecError::Folder(path.to_owned())) }
}

fn relative(path: &str) -> &str {
    path.strip_prefix('/').unwrap_or(path)
}

pub(super) fn tmpfs(
    into: Slot,
    attributes: MountAttributes,
    options: &[(&str, String)],
) -> Result<Step, SpecError> {
    let options = options.iter().map(|(key, value)| Ok((text(*key)?, Some(text(value)?))));
    let options = options.collect::<Result<_, SpecError>>()?;
    Ok(Step::NewFilesystem { kind: text("tmpfs")?, options, attributes, into })
}

/// How many files fit into so many bytes: one for each 4 KiB, and a few more for small sandboxes.
fn inodes(bytes: u64) -> String {
    bytes.div_euclid(4096).saturating_add(64).to_string()
}

/// Made first, while the child is still nobody in its namespace: as root, these then belong to the host's root, and
/// their mount options do not show which range of ids the sandbox has.
fn filesystems(settings: &Settings, ground: &Ground) -> Steps {
    let size = |bytes: u64| ("size", bytes.to_string());
    let mode = |mode: &str| ("mode", mode.to_owned());
    // As root the folder belongs to nobody inside, and is read-only before the program starts. Without the sticky bit:
    // the kernel refuses to open another's file for writing in a sticky folder that all may write to.
    let dev = if ground.ids == Ids::Range { "777" } else { "755" };
    let small = |bytes: u64| ("nr_inodes", inodes(bytes));
    let mut steps = vec![
        tmpfs(Slot::Dev, MountAttributes::Data, &[size(65_536), small(0), mode(dev)])?,
        tmpfs(
            Slot::Empty,
            MountAttributes::ReadOnlyData,
            &[size(4096), ("nr_inodes", "2".to_owned()), mode("555")],
        )?,
    ];
    for (slot, room) in rooms::all(settings) {
        // The kernel's memory for files is not limited by the size.
        let options = [size(room), small(room.min(settings.limits.memory)), mode("1777")];
        steps.push(tmpfs(slot, MountAttributes::Plain, &options)?);
        steps.push(Step::ShowRoom { mount: slot });
    }
    Ok(steps)
}

/// Where the layers of the root are put together. Without room of its own a writable root shares that of /tmp and
/// /dev/shm, so that the sum of all is bounded.
pub(super) fn stage(settings: &Settings) -> Slot {
    if rooms::own_room(settings).is_some() { Slot::Stage } else { Slot::Scratch }
}

/// The host's folders as detached mounts, restricted. As root they come from the parent.
fn host_trees(settings: &Settings, ground: &Ground) -> Steps {
    let root = Slot::Image;
    let mut steps = Vec::new();
    let given = matches!(ground.ids, Ids::Range);
    if given {
        steps.push(Step::TakeRoot { into: root });
    } else {
        let path = text(&ground.root)?;
        steps.push(Step::OpenHost { path, into: Slot::Work, same_as: Some(Slot::RootFolder) });
        steps.push(Step::CloneTree { from: Slot::Work, into: root, recursive: false });
    }
    steps.push(Step::Restrict { mount: root, attributes: MountAttributes::ReadOnly, recursive: false });
    for (number, mount) in (0_u8..).zip(&settings.mounts) {
        let slot = Slot::Host(number);
        if !given {
            steps.push(Step::OpenHost { path: text(&mount.path)?, into: Slot::Work, same_as: None });
            steps.push(Step::CloneTree { from: Slot::Work, into: slot, recursive: true });
        }
        steps.push(Step::Restrict { mount: slot, attributes: attributes_of(mount), recursive: true });
    }
    steps.extend(shared::volumes(settings, given)?);
    Ok(steps)
}

/// Programs come from the signed image. Of a folder of the host they are executed only where the policy says so, and
/// never where the sandbox can write.
fn attributes_of(mount: &HostFolder) -> MountAttributes {
    match mount.access {
        MountAccess::Execute => MountAttributes::ReadOnly,
        MountAccess::Write => MountAttributes::Data,
        MountAccess::Read => MountAttributes::ReadOnlyData,
    }
}

/// A path is the other, or below it, by whole components.
fn is_below(path: &str, root: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// SECURITY: one mount of a folder may be written and another executed; then so could what was written.
fn check_write_or_execute(settings: &Settings) -> Result<(), SpecError> {
    let with = |access| settings.mounts.iter().filter(move |mount| mount.access == access);
    let folders = with(MountAccess::Write).map(|mount| &mount.path);
    // Whoever writes to a volume that is only read here is another sandbox.
    let written: Vec<_> = folders.chain(settings.volumes.iter().map(|volume| &volume.path)).collect();
    for exec in with(MountAccess::Execute) {
        let both = |path: &&&String| is_below(path, &exec.path) || is_below(&exec.path, path);
        if let Some(write) = written.iter().find(both) {
            return Err(SpecError::WriteAndExecute { exec: exec.path.clone(), write: (*write).clone() });
        }
    }
    Ok(())
}

/// The root is always an overlay: the image, and below it the folders that it lacks; above it what is written, where
/// that is allowed.
///
/// SECURITY: the image mounted as it is would show its path on the host, and with it the user's name, in
/// /proc/self/mountinfo.
fn root(settings: &Settings, ground: &Ground) -> Steps {
    let (uid, gid, drop_groups) = match ground.ids {
        Ids::Range => (0, 0, true),
        Ids::Single { .. } => (settings.uid, settings.gid, false),
    };
    let stage = stage(settings);
    let mut steps =
        vec![Step::Become { uid, gid, drop_groups }, Step::DieWithParent, Step::CoverHost { mount: stage }];
    let folder = |path: String| -> Result<Step, SpecError> {
        Ok(Step::MakeFolder { beneath: stage, path: text(path)?, mode: 0o755 })
    };
    let mut folders = vec!["image", "added", "root"];
    let mut options = vec![(text("lowerdir")?, Some(text("image:added")?)), (text("userxattr")?, None)];
    let mut attributes = MountAttributes::ReadOnly;
    if settings.ephemeral.is_some() {
        folders.extend(["upper", "work"]);
        options.push((text("upperdir")?, Some(text("upper")?)));
        options.push((text("workdir")?, Some(text("work")?)));
        attributes = MountAttributes::Plain;
    }
    for name in folders {
        steps.push(folder(name.to_owned())?);
    }
    // Where the image has the folder as well, what is in both is seen.
    let around = ground.missing_files.iter().filter_map(|path| Some(path.rsplit_once('/')?.0));
    let missing = ground.missing.iter().map(String::as_str).chain(around);
    for path in missing.flat_map(chain).collect::<BTreeSet<_>>() {
        steps.push(folder(format!("added/{path}"))?);
    }
    for path in &ground.missing_files {
        let path = text(format!("added/{path}"))?;
        steps.push(Step::MakeFile { beneath: stage, path, mode: 0o644 });
    }
    steps.push(Step::Attach { mount: Slot::Image, beneath: stage, path: text("image")? });
    // Relative names: a path of the host in the mount's options would be seen inside.
    steps.push(Step::Enter { folder: stage });
    steps.push(Step::NewFilesystem { kind: text("overlay")?, options, attributes, into: Slot::Root });
    steps.push(Step::Attach { mount: Slot::Root, beneath: stage, path: text("root")? });
    Ok(steps)
}

/// Devices that are harmless and that programs expect: name, major, minor.
pub(super) const DEVICES: [(&str, u32, u32); 5] =
    [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9)];

/// Links of /dev that programs expect.
pub(super) const LINKS: [(&str, &str); 4] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
];

fn proc_and_dev(settings: &Settings, ground: &Ground) -> Steps {
    let attach = |mount, path: &str| -> Result<Step, SpecError> {
        Ok(Step::Attach { mount, beneath: Slot::Root, path: text(path)? })
    };
    let part = |mount, part: &str, beneath, path: &str, attributes| -> Result<Step, SpecError> {
        Ok(Step::AttachPart { mount, part: text(part)?, beneath, path: text(path)?, attributes })
    };
    let folder = |beneath, path: &str, mode| -> Result<Step, SpecError> {
        Ok(Step::MakeFolder { beneath, path: text(path)?, mode })
    };
    let device = |name: &str, major, minor| -> Result<Step, SpecError> {
        Ok(Step::Device { name: text(name)?, host: text(format!("/dev/{name}"))?, major, minor })
    };
    let scratch = Slot::Scratch;
    let mut steps = vec![
        Step::NewFilesystem {
            kind: text("proc")?,
            options: Vec::new(),
            attributes: MountAttributes::Data,
            into: Slot::Proc,
        },
        attach(Slot::Proc, "proc")?,
        folder(scratch, "tmp", 0o1777)?,
        part(scratch, "tmp", Slot::Root, "tmp", MountAttributes::Data)?,
        part(Slot::Empty, "", Slot::Root, "sys", MountAttributes::ReadOnlyData)?,
        attach(Slot::Dev, "dev")?,
    ];
    for (name, major, minor) in DEVICES {
        steps.push(device(name, major, minor)?);
    }
    for (path, target) in LINKS {
        steps.push(Step::MakeLink { beneath: Slot::Dev, path: text(path)?, target: text(target)? });
    }
    steps.extend(rooms::show_shm(settings)?);
    if settings.terminal {
        let options = [("ptmxmode", "0666"), ("mode", "0620")];
        let options = options.iter().map(|(key, value)| Ok((text(*key)?, Some(text(*value)?))));
        steps.push(Step::NewFilesystem {
            kind: text("devpts")?,
            options: options.collect::<Result<_, SpecError>>()?,
            // Without `nodev`: its nodes are the terminals of this sandbox and nothing else.
            attributes: MountAttributes::Terminals,
            into: Slot::Pts,
        });
        steps.push(folder(Slot::Dev, "pts", 0o755)?);
        steps.push(Step::Attach { mount: Slot::Pts, beneath: Slot::Dev, path: text("pts")? });
        let (path, target) = (text("ptmx")?, text("pts/ptmx")?);
        steps.push(Step::MakeLink { beneath: Slot::Dev, path, target });
        steps.push(device("tty", 5, 0)?);
    }
    steps.extend(devices::nodes(settings, ground)?);
    steps.push(Step::KeepNull);
    steps.push(Step::Restrict {
        mount: Slot::Dev,
        attributes: MountAttributes::ReadOnlyData,
        recursive: false,
    });
    Ok(steps)
}

fn masks(settings: &Settings) -> Steps {
    let mut steps = Vec::new();
    for path in &settings.masked {
        steps.push(Step::Mask { path: text(path)? });
    }
    // Before /proc/sys is read-only.
    for sysctl in &settings.system.sysctls {
        let path = text(format!("sys/{}", sysctl.name().replace('.', "/")))?;
        steps.push(Step::WriteProc { path, value: text(sysctl.value())? });
    }
    // seccomp refuses new user namespaces as well; this holds if it is ever wrong.
    let path = text("sys/user/max_user_namespaces")?;
    steps.push(Step::WriteProc { path, value: text("0")? });
    for path in &settings.read_only {
        steps.push(Step::ReadOnly { path: text(path)? });
    }
    Ok(steps)
}

/// Where an image says who answers for names, relative to the root.
pub(super) const RESOLVER: &str = "etc/resolv.conf";

/// Without a line in it, whoever asks for a name asks the loopback, as without the file.
fn own_resolver() -> Result<Step, SpecError> {
    Ok(Step::AttachPart {
        mount: Slot::Null,
        part: text("")?,
        beneath: Slot::Root,
        path: text(RESOLVER)?,
        attributes: MountAttributes::Device,
    })
}

/// Limits of each process. With a cgroup the kernel counts the whole sandbox as well.
fn limits(settings: &Settings, ground: &Ground) -> Vec<Step> {
    let bounds = &settings.limits;
    let cpu_seconds = bounds.wall.as_secs().saturating_mul(u64::from(bounds.milli_cpu)).div_ceil(1000);
    // Where a cgroup counts, it refuses first: it also counts what it refuses.
    let processes = u64::from(bounds.pids).saturating_add(u64::from(ground.cgroup.is_some()));
    let wanted = [
        (libc::RLIMIT_CORE, 0),
        (libc::RLIMIT_MEMLOCK, 65_536),
        (libc::RLIMIT_MSGQUEUE, 0),
        (libc::RLIMIT_SIGPENDING, 1024),
        (libc::RLIMIT_FSIZE, bounds.disk),
        (libc::RLIMIT_DATA, bounds.memory),
        (libc::RLIMIT_NPROC, processes),
        (libc::RLIMIT_CPU, cpu_seconds.max(1)),
    ];
    wanted.into_iter().map(|(resource, value)| limit(ground, resource, value)).collect()
}

/// Nobody can go above the caller's own hard limit, and root here may not either.
fn limit(ground: &Ground, resource: u32, wanted: u64) -> Step {
    let own = ground.hard_limits.iter().find(|(of, _)| *of == resource).map(|(_, value)| *value);
    let value = own.map_or(wanted, |own| own.min(wanted));
    // At the soft limit of processor time the kernel says why it ends a process, at the hard one it only kills.
    let last = if resource == libc::RLIMIT_CPU { value.saturating_add(1) } else { value };
    Step::Limit { resource, soft: value, hard: own.map_or(last, |own| own.min(last)) }
}

/// The last things: each step takes something away, and the filter comes when nothing else is left to do.
fn privileges(settings: &Settings, ground: &Ground, wall: Option<Step>) -> Steps {
    let drop_groups = matches!(ground.ids, Ids::Range);
    let streams = if settings.terminal { Step::Terminal } else { Step::Streams };
    let mut steps = vec![
        Step::DropBounding { keep: settings.linux_caps },
        Step::LockSecureBits,
        Step::Become { uid: settings.uid, gid: settings.gid, drop_groups },
    ];
    if !settings.system.groups.is_empty() {
        let groups = settings.system.groups.iter().map(|group| group.number()).collect();
        steps.push(Step::Groups { groups });
    }
    steps.extend([
        Step::Caps { keep: settings.linux_caps },
        streams,
        Step::WorkingFolder { path: text(&settings.cwd)? },
        Step::Umask { mask: 0o022 },
        Step::CheckProgram { candidates: candidates(settings)? },
        Step::DieWithParent,
        Step::NoNewPrivileges,
    ]);
    steps.extend(wall);
    steps.extend([
        // Late: until exec the child still has every descriptor of a program that may have many, and opens others.
        limit(ground, libc::RLIMIT_NOFILE, u64::from(settings.limits.open_files)),
        Step::CloseOnExec,
        Step::Filter { program: settings.filter.clone() },
        Step::Execute { candidates: candidates(settings)? },
    ]);
    Ok(steps)
}

/// Where programs are looked for when the environment has no `PATH`.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

fn candidates(settings: &Settings) -> Result<Vec<Text>, SpecError> {
    let program = settings.argv.first().filter(|name| !name.is_empty()).ok_or(SpecError::NoProgram)?;
    let path = settings.env.get("PATH").map(String::as_str);
    candidates_of(program, path).into_iter().map(text).collect()
}

/// Where a program is looked for.
pub(crate) fn candidates_of(program: &str, path: Option<&str>) -> Vec<String> {
    if program.contains('/') {
        return vec![program.to_owned()];
    }
    // Only absolute entries: an empty or relative one would search the working folder.
    let folders = path.unwrap_or(DEFAULT_PATH).split(':').filter(|folder| folder.starts_with('/')).take(64);
    folders.map(|folder| format!("{}/{program}", folder.trim_end_matches('/'))).collect()
}
