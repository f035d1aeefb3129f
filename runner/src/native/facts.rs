//! What this backend can enforce on this host, found by trying.

use std::fs;
use std::sync::OnceLock;

use nix::unistd::Pid;
use perry_sandbox_policy::{
    BackendFacts, BackendName, Control, ControlTable, Emulation, Enforcement, IsolationLevel,
};
use perry_sandbox_reference::Platform;

use super::cgroup::Room;
use super::files;
use super::ids::Ids;
use super::landlock;
use super::process::Process;
use super::sys::try_namespaces;
use crate::publish::PUBLISHER;

/// The name of this backend in plans and on the command line.
pub(crate) const NAME: &str = "native";

/// Probes the native backend; the answer is kept for the life of the process. Takes well under a millisecond: one
/// child that makes a user and a mount namespace and leaves, and a few files of `/proc`.
pub fn probe() -> Option<&'static BackendFacts> {
    static FACTS: OnceLock<Option<BackendFacts>> = OnceLock::new();
    FACTS
        .get_or_init(|| {
            let name: BackendName = NAME.parse().ok()?;
            Some(BackendFacts {
                name,
                version: env!("CARGO_PKG_VERSION").to_owned(),
                levels: vec![IsolationLevel::Oci],
                architectures: vec![Platform::host().architecture().to_owned()],
                emulation: Emulation::None,
                controls: table(namespaces(), room()),
            })
        })
        .as_ref()
}

/// Where cgroups can be made; looked up once.
pub(crate) fn room() -> &'static Room {
    static ROOM: OnceLock<Room> = OnceLock::new();
    ROOM.get_or_init(Room::find)
}

/// Whether namespaces can be made, and if not, why and what would help.
fn namespaces() -> Result<(), (String, Option<String>)> {
    let errno = match try_namespaces() {
        Ok(()) => return Ok(()),
        Err(errno) => errno,
    };
    let why = format!("a user namespace cannot be made: {errno}");
    let value = |path: &str| fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default();
    let remedy = if value("/proc/sys/user/max_user_namespaces") == "0" {
        "set the sysctl user.max_user_namespaces to a number above 0"
    } else if value("/proc/sys/kernel/unprivileged_userns_clone") == "0" {
        "set the sysctl kernel.unprivileged_userns_clone to 1"
    } else if value("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1" {
        "set the sysctl kernel.apparmor_restrict_unprivileged_userns to 0, or install an AppArmor profile for perry-sandbox with `userns,`"
    } else if value("/proc/1/comm").is_empty() || value("/proc/self/status").contains("Seccomp:\t2") {
        "this process runs in a container that forbids namespaces: run on the host, or allow them in the container's seccomp profile"
    } else {
        "check user.max_user_namespaces and the limits of the user's session"
    };
    Err((why, Some(remedy.to_owned())))
}

fn table(namespaces: Result<(), (String, Option<String>)>, room: &Room) -> ControlTable {
    let by = |who: &str| Enforcement::By(who.to_owned());
    let nobody = |why: &str, remedy: Option<&str>| Enforcement::Nobody {
        why: why.to_owned(),
        remedy: remedy.map(str::to_owned),
    };
    let mut table = ControlTable::default();
    if let Err((why, remedy)) = namespaces {
        for (control, _) in HELD {
            table.set(control, nobody(&why, remedy.as_deref()));
        }
        return table;
    }
    for (control, who) in HELD {
        table.set(control, by(who));
    }
    table.set(Control::Secrets, by(&files::enforcer()));
    table.set(Control::Files, by(files::enforcer_of_files()));
    let owners = if Ids::of_this_process() == Ids::Range {
        by("user namespace (ids of its own, and no others)")
    } else {
        let why = "an ordinary user's sandbox has that user's id and no other";
        nobody(why, Some("leave `uid` and `gid` out, or run it as root"))
    };
    table.set(Control::FileOwners, owners);
    let why = "the program itself is process 1, and what it does not catch is done for it; a small init would be a program of the host inside the sandbox";
    table.set(
        Control::Init,
        nobody(
            why,
            Some("leave `init` out, let the image bring one, or use the backend `docker` or `podman`"),
        ),
    );
    let sysctls = if Ids::of_this_process() == Ids::Range {
        by("network and ipc namespaces, whose settings nobody inside can change")
    } else {
        nobody(
            "the kernel lets only root of a namespace set these, and the sandbox has this user alone",
            Some("run it as root"),
        )
    };
    table.set(Control::Sysctls, sysctls);
    let groups = if Ids::of_this_process() == Ids::Range {
        by("user namespace (groups of its own, and no others)")
    } else {
        nobody(
            "an ordinary user's sandbox has that user's group and no other",
            Some("leave `group_add` out, or run it as root"),
        )
    };
    table.set(Control::Groups, groups);
    second_wall(&mut table, landlock::abi());
    if Ids::of_this_process() == Ids::Range {
        let owners =
            "the folder's owner is the sandbox's user where its file system can map owners, else nobody";
        for control in [Control::MountsRead, Control::MountsWrite, Control::MountsExec] {
            let mount = table.enforcer(control).unwrap_or_default();
            table.set(control, by(&format!("{mount}; {owners}")));
        }
    }
    let networks = if Ids::of_this_process() == Ids::Range { by(NETWORKS) } else { by(NETWORKS_OF_A_USER) };
    table.set(Control::ProjectNetworks, networks);
    table.set(Control::SharedNetwork, by(SHARED));
    let counted = match room {
        Room::V2(_) => Some(["cgroup v2 memory.max", "cgroup v2 cpu.max", "cgroup v2 pids.max"]),
        Room::V1 { .. } => {
            Some(["cgroup v1 memory.limit_in_bytes", "cgroup v1 cpu.cfs_quota_us", "cgroup v1 pids.max"])
        }
        Room::Nowhere { .. } => None,
    };
    if let Some([memory, cpu, pids]) = counted {
        table.set(Control::MemoryExact, by(memory));
        table.set(Control::Cpu, by(cpu));
        table.set(Control::Pids, by(pids));
    } else if let Room::Nowhere { why, remedy } = room {
        table.set(Control::MemoryExact, nobody(why, Some(remedy)));
        table.set(Control::Cpu, by("supervisor (processor time of at most the share times the wall limit)"));
        table.set(Control::Pids, by("RLIMIT_NPROC, counted for each user namespace"));
    }
    table
}

/// What Landlock holds as well.
fn second_wall(table: &mut ControlTable, abi: u32) {
    let walled = [(abi > 0, Control::ReadOnlyRoot), (landlock::scopes(abi), Control::Namespaces)];
    for (_, control) in walled.into_iter().filter(|(holds, _)| *holds) {
        let who = format!("{} and Landlock ABI {abi}", table.enforcer(control).unwrap_or_default());
        table.set(control, Enforcement::By(who));
    }
}

/// What is held wherever namespaces can be made.
const HELD: [(Control, &str); 31] = [
    (Control::Namespaces, "kernel namespaces (clone3)"),
    (Control::LinuxCaps, "kernel (empty or listed cap sets, locked secure bits)"),
    (Control::NoNewPrivileges, "kernel (no_new_privs)"),
    (Control::Seccomp, "kernel (seccomp filter)"),
    (Control::MaskedPaths, "mount namespace (covered by /dev/null or an empty folder)"),
    (Control::RemovedAtExit, "pid and mount namespaces (gone with process 1)"),
    (Control::NoNetwork, "network namespace"),
    (
        Control::Egress,
        "egress proxy (in the supervisor, the only way out of the network namespace: host, port, address, and the server name of TLS)",
    ),
    (Control::Publish, PUBLISHER),
    (Control::ReadOnlyRoot, "read-only mount"),
    (Control::EphemeralRoot, "overlayfs on a bounded tmpfs"),
    (Control::Tmp, "tmpfs with size and inode limits"),
    (Control::MountsRead, "bind mount (read-only, nosuid, nodev, noexec)"),
    (Control::MountsWrite, "bind mount (nosuid, nodev, noexec)"),
    (Control::MountsExec, "bind mount (read-only, nosuid, nodev)"),
    (Control::Volumes, "bind mount of a folder that was made for the project (nosuid, nodev, noexec)"),
    (Control::Devices, "own /dev (nodes with the numbers that were looked at, nosuid, noexec)"),
    (Control::Env, "launcher (the plan's variables and no other)"),
    (Control::User, "user namespace"),
    (
        Control::MemoryWatched,
        "RLIMIT_DATA, and a supervisor that sums pages, swap, page tables and tmpfs, and kills; it does not see unmapped shared memory (memfd, System V) and other memory of the kernel",
    ),
    (Control::Wall, "supervisor"),
    (Control::Output, "supervisor"),
    (
        Control::Disk,
        "tmpfs size of /tmp and of an ephemeral root, not of write mounts and volumes; RLIMIT_FSIZE for each file; no core dumps (RLIMIT_CORE)",
    ),
    (Control::OpenFiles, "RLIMIT_NOFILE"),
    (Control::Terminal, "devpts of its own"),
    (Control::HostName, "uts namespace"),
    (Control::OomScore, "kernel (oom_score_adj, which nobody inside can lower)"),
    (Control::DomainName, "uts namespace"),
    (Control::KnownHosts, "/etc/hosts of its own (read-only)"),
    (Control::MemoryFolders, "tmpfs each (nosuid, nodev, noexec) with size and inode limits"),
    (Control::SharedMemory, "tmpfs of its own with size and inode limits"),
];

/// How root holds networks of projects.
const NETWORKS: &str = "a bridge in a network namespace of its own for each network (no link to the host or outside); addresses by the runner; names by /etc/hosts";
const SHARED: &str = "the network namespace of the other's sandbox, whose owner is another user namespace; names by its /etc/hosts";
const NETWORKS_OF_A_USER: &str = "a bridge in a network namespace of its own for each network (no link to the host or outside), below one user namespace of this user's; addresses by the supervisor; names by /etc/hosts";

/// A name that no other sandbox of this host has at the same time.
pub(crate) fn fresh_name() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    static STARTED: OnceLock<u64> = OnceLock::new();
    // With the time that this process started: process ids are used again.
    let started = STARTED
        .get_or_init(|| Process::of(std::process::id()).map(|process| process.start).unwrap_or_default());
    format!("{}-{started}-{}", Pid::this(), NEXT.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_namespaces_nothing_is_promised_and_the_remedy_is_named() {
        let refused = Err(("why".to_owned(), Some("a sysctl".to_owned())));
        let table = table(refused, &Room::V2("/".into()));
        assert!(table.iter().all(|(control, _)| table.enforcer(control).is_none()));
        assert_eq!(table.refusal(Control::Seccomp), Some(("why", Some("a sysctl"))));
        assert_eq!(table.enforcer(Control::MemoryExact), None);
    }

    #[test]
    fn every_control_has_an_answer() {
        let nowhere = Room::Nowhere { why: "w".to_owned(), remedy: "r".to_owned() };
        let table = table(Ok(()), &nowhere);
        assert_eq!(table.iter().count(), HELD.len() + 11);
        assert_eq!(table.refusal(Control::MemoryExact), Some(("w", Some("r"))));
        assert!(table.enforcer(Control::Publish).is_some() && table.enforcer(Control::Egress).is_some());
    }

    #[test]
    fn landlock_is_named_where_it_holds_something() {
        let nowhere = Room::Nowhere { why: "w".to_owned(), remedy: "r".to_owned() };
        let who = |abi, control| {
            let mut table: ControlTable =
                HELD.map(|(it, who)| (it, Enforcement::By(who.to_owned()))).into_iter().collect();
            second_wall(&mut table, abi);
            table.enforcer(control).unwrap_or_default().to_owned()
        };
        assert_eq!(who(0, Control::ReadOnlyRoot), "read-only mount");
        assert_eq!(who(5, Control::ReadOnlyRoot), "read-only mount and Landlock ABI 5");
        assert_eq!(who(5, Control::Namespaces), "kernel namespaces (clone3)");
        assert_eq!(who(6, Control::Namespaces), "kernel namespaces (clone3) and Landlock ABI 6");
        assert!(
            table(Ok(()), &nowhere).enforcer(Control::ReadOnlyRoot).is_some(),
            "whatever Landlock there is"
        );
    }

    #[test]
    fn names_differ() {
        assert_ne!(fresh_name(), fresh_name());
    }
}
