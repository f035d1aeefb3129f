//! What the new process does between clone and exec, as data: the same list is printed, sent, and executed.

use std::fmt;

use perry_sandbox_policy::{EGRESS_PROXY_PORT, Protocol};
use serde::{Deserialize, Serialize};

use super::ids::Users;
use super::landlock::Rule;
use super::sys::MountAttributes;
use super::text::Text;
use crate::egress::NAMES_PORT;

/// A place for a descriptor in the child.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Slot {
    /// Becomes standard input.
    Stdin,
    /// Becomes standard output.
    Stdout,
    /// Becomes standard error.
    Stderr,
    /// Where a failed step is reported; closed by exec.
    Report,
    /// Where the parent says "go on".
    Gate,
    /// A pidfd of the process that must not outlive us.
    Parent,
    /// The image's root folder on the host, opened by the parent.
    RootFolder,
    /// A detached mount of it, from a parent that may make one.
    GivenRoot,
    /// The new root.
    Root,
    /// The image below a layered root.
    Image,
    /// A tmpfs with what the image lacks, and the writable layer.
    Stage,
    /// Our /proc.
    Proc,
    /// Our /dev.
    Dev,
    /// The tmpfs behind /tmp and /dev/shm.
    Scratch,
    /// An empty, read-only folder.
    Empty,
    /// Our own /dev/null.
    Null,
    /// Our /dev/pts.
    Pts,
    /// For one step and the next.
    Work,
    /// A pidfd of the first process of the sandbox that is joined.
    Target,
    /// Where the process joins the n-th of at most three cgroups.
    Group(u8),
    /// The tmpfs with the files that are given; as root the parent hands it over.
    Files,
    /// As root: nodes that the parent has made of the plan's devices.
    Devices,
    /// The n-th host folder of the plan.
    Host(u8),
    /// What is in the n-th of these files.
    File(u8),
    /// The n-th volume of the plan.
    Volume(u8),
    /// The namespace of the n-th network of the plan: for the parent alone.
    Network(u8),
    /// Who is in these networks, as a file.
    Hosts,
    /// The n-th folder of memory of the plan; the last is `/dev/shm`.
    Memory(u8),
}

/// How many places there are; the last ones are those of which there are many, and [`Slot::Hosts`].
pub(crate) const SLOTS: usize = FIRST_MEMORY + MAX_MEMORY;

const FIRST_HOST: usize = 24;
const FIRST_FILE: usize = FIRST_HOST + MAX_MOUNTS;
const FIRST_VOLUME: usize = FIRST_FILE + MAX_FILES;
const FIRST_NETWORK: usize = FIRST_VOLUME + MAX_VOLUMES;
const HOSTS: usize = FIRST_NETWORK + MAX_NETWORKS;
const FIRST_MEMORY: usize = HOSTS + 1;

/// How many host folders one sandbox can see.
pub(crate) const MAX_MOUNTS: usize = 46;

/// How many files one sandbox can be given.
pub(crate) const MAX_FILES: usize = 64;

/// How many volumes one sandbox can see.
pub(crate) const MAX_VOLUMES: usize = 32;

/// How many networks one sandbox can be in.
pub(crate) const MAX_NETWORKS: usize = 16;

/// How many folders of memory one sandbox can have, `/dev/shm` among them.
pub(crate) const MAX_MEMORY: usize = 9;

impl Slot {
    /// Position in the child's table.
    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Stdin => 0,
            Self::Stdout => 1,
            Self::Stderr => 2,
            Self::Report => 3,
            Self::Gate => 4,
            Self::Parent => 5,
            Self::RootFolder => 6,
            Self::GivenRoot => 7,
            Self::Root => 8,
            Self::Image => 9,
            Self::Stage => 10,
            Self::Proc => 11,
            Self::Dev => 12,
            Self::Scratch => 13,
            Self::Empty => 14,
            Self::Null => 15,
            Self::Pts => 16,
            Self::Work => 17,
            Self::Target => 18,
            Self::Group(0) => 19,
            Self::Group(1) => 20,
            Self::Group(_) => 21,
            Self::Files => 22,
            Self::Devices => 23,
            Self::Host(n) => nth(FIRST_HOST, n, MAX_MOUNTS),
            Self::File(n) => nth(FIRST_FILE, n, MAX_FILES),
            Self::Volume(n) => nth(FIRST_VOLUME, n, MAX_VOLUMES),
            Self::Network(n) => nth(FIRST_NETWORK, n, MAX_NETWORKS),
            Self::Hosts => HOSTS,
            Self::Memory(n) => nth(FIRST_MEMORY, n, MAX_MEMORY),
        }
    }
}

/// The n-th of some places; behind the table where there are not so many.
#[expect(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    reason = "widening, and the sum of a constant and at most 255"
)]
const fn nth(first: usize, n: u8, many: usize) -> usize {
    if (n as usize) < many { first + n as usize } else { usize::MAX }
}

/// One step. The child stops at the first that fails and reports which it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Step {
    /// Wait for the parent: ids are mapped, and it may hand over the root.
    AwaitIds,
    /// Wait for the parent: whatever it has to do before the program runs is done.
    AwaitRelease,
    /// Say that everything is ready, and wait for arguments and environment.
    AwaitCall,
    /// Join a cgroup by what the parent has opened of it.
    JoinGroup { by: Slot },
    /// Own session, without a terminal.
    NewSession,
    /// Mounts of this namespace and of the host no longer follow each other.
    PrivateMounts,
    /// A cgroup namespace whose root is the sandbox's own group.
    NewCgroupNamespace,
    /// Make a file system and a detached mount of it.
    NewFilesystem { kind: Text, options: Vec<(Text, Option<Text>)>, attributes: MountAttributes, into: Slot },
    /// Show the supervisor a file system of the sandbox, so that it sees how full it is.
    ShowRoom { mount: Slot },
    /// Clone the mount at a descriptor.
    CloneTree { from: Slot, into: Slot, recursive: bool },
    /// Open a path of the host, following no link; with `same_as` it must be what that slot refers to. Descriptors of the
    /// parent lie in its own mount namespace and cannot be mounted here, so an unprivileged child opens again.
    OpenHost { path: Text, into: Slot, same_as: Option<Slot> },
    /// Take the root that the parent has handed over.
    TakeRoot { into: Slot },
    /// Add flags to a mount.
    Restrict { mount: Slot, attributes: MountAttributes, recursive: bool },
    /// Attach a detached mount on top of the host's /proc, as seen here only.
    CoverHost { mount: Slot },
    /// Attach a detached mount at a path beneath a folder, without following a link.
    Attach { mount: Slot, beneath: Slot, path: Text },
    /// Attach a clone of a detached mount's sub-folder.
    AttachPart { mount: Slot, part: Text, beneath: Slot, path: Text, attributes: MountAttributes },
    /// Make a folder; one that is there already is kept.
    MakeFolder { beneath: Slot, path: Text, mode: u32 },
    /// Make an empty file; one that is there already is an error.
    MakeFile { beneath: Slot, path: Text, mode: u32 },
    /// Make a symbolic link.
    MakeLink { beneath: Slot, path: Text, target: Text },
    /// Write a value into a new file of this user, with this mode.
    GiveFile { value: Slot, shown: Text, name: Text, user: (u32, u32), mode: u32 },
    /// Enter a folder.
    Enter { folder: Slot },
    /// Show one of the host's character devices in /dev, after looking at its numbers.
    Device { name: Text, host: Text, major: u32, minor: u32 },
    /// Show one of the nodes that the parent has made, after looking at its numbers.
    GivenDevice { name: Text, part: Text, major: u32, minor: u32 },
    /// Keep our own /dev/null at hand.
    KeepNull,
    /// Hide a path of /proc: files behind /dev/null, folders behind an empty one. A path that is not there needs nothing.
    Mask { path: Text },
    /// Make a path of /proc read-only. A path that is not there needs nothing.
    ReadOnly { path: Text },
    /// Write a value into a file of our /proc.
    WriteProc { path: Text, value: Text },
    /// Make the new root the root, and drop the old one.
    Pivot,
    /// Name the host.
    HostName { name: Text },
    /// Name the host's domain.
    DomainName { name: Text },
    /// Bring the loopback up.
    LoopbackUp,
    /// Bind the sockets of the egress proxy, send them to the runner, and close them.
    OpenDoor,
    /// Make sockets for what comes to published ports, send them to the runner, and close them.
    MakeSockets { protocol: Protocol, count: u16 },
    /// Limit one resource of each process.
    Limit { resource: u32, soft: u64, hard: u64 },
    /// New session keyring: keyrings are not namespaced.
    NewKeyring,
    /// Become a user of the namespace, in all three ids.
    Become { uid: u32, gid: u32, drop_groups: bool },
    /// Be in these groups besides, and in no others.
    Groups { groups: Vec<u32> },
    /// Drop Linux caps from the bounding set, but for these.
    DropBounding { keep: u64 },
    /// Lock the secure bits: uid 0 is a user like any other.
    LockSecureBits,
    /// Keep just these Linux caps, in every set.
    Caps { keep: u64 },
    /// Die with the parent. After every change of user: those clear it.
    DieWithParent,
    /// Put the three streams in place.
    Streams,
    /// Make a terminal of our own, send its other end to the parent, which sets its size, and put it in place of the streams.
    Terminal,
    /// Change to a folder of the image.
    WorkingFolder { path: Text },
    /// Set the file mode mask.
    Umask { mask: u32 },
    /// Nothing executed from here on gains a privilege.
    NoNewPrivileges,
    /// Nothing is executed, written or reached from here on but what Landlock's rules allow, and the terminal that the streams
    /// are, where that lies below none of their folders.
    Confine { handled: u64, scoped: u64, rules: Vec<Rule>, terminal: bool },
    /// All descriptors but the three streams are closed by exec.
    CloseOnExec,
    /// Load the seccomp filter; each word is one instruction.
    Filter { program: Vec<u64> },
    /// Load a filter that asks about every call, and send out where it asks. The key lets that one message through.
    Record { program: Vec<u64>, key: u64 },
    /// Nobody may trace this process, or look at what it has open, before it executes the program.
    NotDumpable,
    /// Close every descriptor but the streams and what the next steps need.
    CloseOthers,
    /// Enter all namespaces of the sandbox, by its first process's descriptor.
    Join { users: Users },
    /// Go on as a process of its pid namespace, a child of our parent, which is told who we are.
    Fork,
    /// Refuse a program, or an interpreter of it, that lies in /proc: the host's programs can be reached there.
    CheckProgram { candidates: Vec<Text> },
    /// Execute the first candidate that is there.
    Execute { candidates: Vec<Text> },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AwaitIds => f.write_str("wait until user and group ids are mapped"),
            Self::AwaitRelease => f.write_str("wait until the runner lets it go"),
            Self::AwaitCall => f.write_str("wait for arguments and environment"),
            Self::JoinGroup { by } => write!(f, "join the cgroup {by:?}"),
            Self::NewSession => f.write_str("setsid"),
            Self::PrivateMounts => f.write_str("make all mounts private"),
            Self::NewCgroupNamespace => f.write_str("unshare the cgroup namespace"),
            Self::NewFilesystem { kind, options, attributes, .. } => {
                write!(f, "make a {kind} file system ({attributes:?})")?;
                options.iter().try_for_each(|(key, value)| match value {
                    Some(value) => write!(f, " {key}={value}"),
                    None => write!(f, " {key}"),
                })
            }
            Self::ShowRoom { mount } => write!(f, "show the supervisor how full {mount:?} is"),
            Self::CloneTree { from, recursive, .. } => {
                write!(f, "clone the mount at {from:?}{}", if *recursive { " with those below" } else { "" })
            }
            Self::OpenHost { path, .. } => write!(f, "open {path}, following no link"),
            Self::TakeRoot { .. } => {
                f.write_str("take the image's root, with owners mapped, from the runner")
            }
            Self::Restrict { mount, attributes, .. } => write!(f, "restrict {mount:?} to {attributes:?}"),
            Self::CoverHost { mount } => write!(f, "attach {mount:?} on the old /proc"),
            Self::Attach { mount, path, .. } => write!(f, "attach {mount:?} at {path}"),
            Self::AttachPart { mount, part, path, attributes, .. } => {
                write!(f, "attach {part} of {mount:?} at {path} ({attributes:?})")
            }
            Self::MakeFolder { beneath, path, mode } => {
                write!(f, "mkdir {path} in {beneath:?}, mode {mode:o}")
            }
            Self::MakeFile { beneath, path, mode } => {
                write!(f, "make the empty file {path} in {beneath:?}, mode {mode:o}")
            }
            Self::MakeLink { path, target, .. } => write!(f, "link {path} to {target}"),
            Self::GiveFile { shown, name, user: (uid, gid), mode, .. } => {
                write!(f, "write {shown} into the file {name} of {uid}:{gid}, mode {mode:o}")
            }
            Self::Enter { folder } => write!(f, "enter {folder:?}"),
            Self::Device { name, major, minor, .. } => write!(f, "show the device {name} ({major}:{minor})"),
            Self::GivenDevice { name, major, minor, .. } => {
                write!(f, "show the device {name} ({major}:{minor}) as a node of the sandbox's user")
            }
            Self::KeepNull => f.write_str("open our own /dev/null"),
            Self::Mask { path } => write!(f, "mask /proc/{path}"),
            Self::ReadOnly { path } => write!(f, "make /proc/{path} read-only"),
            Self::WriteProc { path, value } => write!(f, "write {value} to /proc/{path}"),
            Self::Pivot => f.write_str("pivot_root, and detach the old root"),
            Self::HostName { name } => write!(f, "set the host name {name}"),
            Self::DomainName { name } => write!(f, "set the domain name {name}"),
            Self::LoopbackUp => f.write_str("bring the loopback up"),
            Self::MakeSockets { protocol, count } => {
                write!(f, "hand {count} sockets for what comes to published {protocol} ports to the runner")
            }
            Self::OpenDoor => write!(
                f,
                "hand the sockets of the egress proxy (127.0.0.1, TCP {EGRESS_PROXY_PORT} and UDP {NAMES_PORT}) to the runner"
            ),
            Self::Limit { resource, soft, .. } => write!(f, "setrlimit {} {soft}", limit_name(*resource)),
            Self::NewKeyring => f.write_str("join a new session keyring"),
            Self::Become { uid, gid, .. } => write!(f, "become user {uid}, group {gid}"),
            Self::Groups { groups } => write!(f, "be in the groups {groups:?}"),
            Self::DropBounding { keep } => write!(f, "drop Linux caps from the bounding set, but {keep:#x}"),
            Self::LockSecureBits => f.write_str("lock the secure bits"),
            Self::Caps { keep } => write!(f, "drop all Linux caps, but {keep:#x}"),
            Self::DieWithParent => f.write_str("die with the runner"),
            Self::Streams => f.write_str("put the three streams in place"),
            Self::Terminal => f.write_str("make a terminal of our own"),
            Self::WorkingFolder { path } => write!(f, "change to the folder {path}"),
            Self::Umask { mask } => write!(f, "umask {mask:o}"),
            Self::NoNewPrivileges => f.write_str("set no_new_privs"),
            Self::Confine { scoped, rules, terminal, .. } => {
                f.write_str("allow with Landlock only:")?;
                f.write_str(if *terminal { " its terminal" } else { "" })?;
                rules.iter().try_for_each(|rule| write!(f, " {} {:#x}", rule.path, rule.rights))?;
                f.write_str(if *scoped == 0 { "" } else { "; no signal or abstract socket to others" })
            }
            Self::CloseOnExec => f.write_str("close all other descriptors on exec"),
            Self::Filter { program } => write!(f, "load the seccomp filter, {} instructions", program.len()),
            Self::Record { program, .. } => {
                write!(f, "load the recording filter, {} instructions", program.len())
            }
            Self::NotDumpable => f.write_str("cannot be traced or looked into"),
            Self::CloseOthers => f.write_str("close all descriptors but the streams and four of ours"),
            Self::Join { users: Users::Own } => {
                f.write_str("enter all namespaces of the sandbox, by descriptor")
            }
            Self::Join { users: Users::Hosts } => {
                f.write_str("enter all namespaces of the sandbox but that of its users, by descriptor")
            }
            Self::Fork => f.write_str("go on as a process of its pid namespace"),
            Self::CheckProgram { .. } => f.write_str("see that no program comes from /proc"),
            Self::Execute { candidates } => {
                f.write_str("execute")?;
                candidates.iter().try_for_each(|path| write!(f, " {path}"))
            }
        }
    }
}

/// The name of a resource in `setrlimit(2)`.
fn limit_name(resource: u32) -> &'static str {
    match resource {
        libc::RLIMIT_CORE => "CORE",
        libc::RLIMIT_CPU => "CPU",
        libc::RLIMIT_DATA => "DATA",
        libc::RLIMIT_FSIZE => "FSIZE",
        libc::RLIMIT_MEMLOCK => "MEMLOCK",
        libc::RLIMIT_MSGQUEUE => "MSGQUEUE",
        libc::RLIMIT_NOFILE => "NOFILE",
        libc::RLIMIT_NPROC => "NPROC",
        libc::RLIMIT_SIGPENDING => "SIGPENDING",
        libc::RLIMIT_STACK => "STACK",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_has_a_place_of_its_own_inside_the_table() {
        let last = |many: usize| u8::try_from(many - 1).unwrap();
        let all = [
            Slot::Stdin,
            Slot::Stdout,
            Slot::Stderr,
            Slot::Report,
            Slot::Gate,
            Slot::Parent,
            Slot::RootFolder,
            Slot::GivenRoot,
            Slot::Root,
            Slot::Image,
            Slot::Stage,
            Slot::Proc,
            Slot::Dev,
            Slot::Scratch,
            Slot::Empty,
            Slot::Null,
            Slot::Pts,
            Slot::Work,
            Slot::Target,
            Slot::Group(0),
            Slot::Group(1),
            Slot::Group(2),
            Slot::Files,
            Slot::Devices,
            Slot::Host(0),
            Slot::Host(last(MAX_MOUNTS)),
            Slot::File(0),
            Slot::File(last(MAX_FILES)),
            Slot::Volume(0),
            Slot::Volume(last(MAX_VOLUMES)),
            Slot::Network(0),
            Slot::Network(last(MAX_NETWORKS)),
            Slot::Hosts,
            Slot::Memory(0),
            Slot::Memory(last(MAX_MEMORY)),
        ];
        let mut places: Vec<_> = all.iter().map(|slot| slot.index()).collect();
        places.dedup();
        assert!(places.is_sorted() && places.len() == all.len());
        assert_eq!(places.last(), Some(&(SLOTS - 1)));
        assert_eq!(Slot::Host(last(MAX_MOUNTS) + 1).index(), usize::MAX);
    }
}
