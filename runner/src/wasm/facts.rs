//! What this backend enforces on this host.

use std::sync::OnceLock;

use perry_sandbox_policy::{
    BackendFacts, BackendName, Control, ControlTable, Emulation, Enforcement, IsolationLevel,
};

use crate::native::{self, Room, room};

/// The name of this backend in plans and on the command line.
pub(crate) const NAME: &str = "wasm";

/// The architecture of images with a module, in the words of image indexes.
const ARCHITECTURE: &str = "wasm";

/// The version of wasmtime; a test holds it against the lock file.
const VERSION: &str = "48.0.8";

/// Looks once; the answer is kept for the life of the process.
pub(crate) fn facts() -> Option<&'static BackendFacts> {
    static FACTS: OnceLock<Option<BackendFacts>> = OnceLock::new();
    FACTS
        .get_or_init(|| {
            let name: BackendName = NAME.parse().ok()?;
            Some(BackendFacts {
                name,
                version: format!("wasmtime {VERSION}"),
                levels: vec![IsolationLevel::Wasm],
                architectures: vec![ARCHITECTURE.to_owned()],
                emulation: Emulation::None,
                controls: table(namespaces().as_ref(), room()),
            })
        })
        .as_ref()
}

/// What is missing, and what would help.
type Lack = (String, Option<String>);

/// Why no namespace can be made, as the native backend found it: the process of a module needs them as well.
fn namespaces() -> Option<Lack> {
    let native = native::probe()?;
    let (why, remedy) = native.controls.refusal(Control::Namespaces)?;
    Some((why.to_owned(), remedy.map(str::to_owned)))
}

fn table(no_namespaces: Option<&Lack>, room: &Room) -> ControlTable {
    let nobody = |why: &str, remedy: Option<&str>| Enforcement::Nobody {
        why: why.to_owned(),
        remedy: remedy.map(str::to_owned),
    };
    let mut table = ControlTable::default();
    for (control, who) in HELD {
        table.set(
            control,
            match no_namespaces {
                None => Enforcement::By(who.to_owned()),
                Some((why, remedy)) => nobody(why, remedy.as_deref()),
            },
        );
    }
    for (control, why, remedy) in MISSING {
        table.set(control, nobody(why, remedy));
    }
    if no_namespaces.is_some() {
        return table;
    }
    let kernel = match room {
        Room::V2(_) => ["cgroup v2 memory.max", "cgroup v2 cpu.max"],
        Room::V1 { .. } => ["cgroup v1 memory.limit_in_bytes", "cgroup v1 cpu.cfs_quota_us"],
        Room::Nowhere { why, remedy } => {
            table.set(Control::MemoryExact, nobody(why, Some(remedy)));
            return table;
        }
    };
    let [memory, cpu] = kernel;
    let all = format!(
        "{memory} of the module's process, which has wasmtime in it; linear memory and tables by wasmtime"
    );
    table.set(Control::MemoryExact, Enforcement::By(all));
    table.set(Control::Cpu, Enforcement::By(format!("{cpu} of the module's process")));
    table
}

/// What is held wherever namespaces can be made.
const HELD: [(Control, &str); 22] = [
    (
        Control::Namespaces,
        "WASI imports only (a module makes no system call); its process has mount, network, ipc, uts and cgroup namespaces of its own, and a user that owns nothing else",
    ),
    (Control::LinuxCaps, "WASI imports only; its process has none, and cannot gain any"),
    (Control::NoNewPrivileges, "WASI imports only (nothing can be executed); its process has no_new_privs"),
    (
        Control::Seccomp,
        "WASI imports only (no system call for the plan's filter to judge); its process has a filter of its own, tighter than any profile",
    ),
    (Control::MaskedPaths, "WASI preopens only (there is no /proc, /sys or /dev)"),
    (Control::RemovedAtExit, "the module's process (its mounts are attached nowhere, and go with it)"),
    (
        Control::NoNetwork,
        "WASI imports only (preview 1 opens no socket); empty network namespace, and a filter without sockets",
    ),
    (Control::ReadOnlyRoot, "WASI preopen without rights to write, of a read-only mount"),
    (Control::Tmp, "tmpfs with size and inode limits, as a WASI preopen"),
    (
        Control::MountsRead,
        "WASI preopen without rights to write, of a read-only mount (nosuid, nodev, noexec)",
    ),
    (Control::MountsWrite, "WASI preopen of a mount (nosuid, nodev, noexec)"),
    (
        Control::MountsExec,
        "WASI preopen without rights to write, of a read-only mount (a module executes nothing: it is read)",
    ),
    (Control::Env, "WASI environment (the plan's variables and no other)"),
    (Control::Secrets, "WASI preopen of a tmpfs of its own (read-only, nosuid, nodev, noexec)"),
    (
        Control::User,
        "the module's process (WASI has no users; its files belong to the plan's user, and it can become no other)",
    ),
    (
        Control::MemoryWatched,
        "wasmtime (linear memory and tables), RLIMIT_DATA (32 MiB above, for wasmtime itself), and a watcher that sums the process's own pages and /tmp every 10 ms and ends it",
    ),
    (
        Control::Cpu,
        "watcher, and RLIMIT_CPU (processor time of at most the share times the wall limit, compiling included)",
    ),
    (
        Control::Pids,
        "WASI imports only (nothing makes a thread or a process), and a filter that refuses both",
    ),
    (Control::Wall, "watcher in the module's process"),
    (Control::Output, "supervisor"),
    (
        Control::Disk,
        "tmpfs size of /tmp, not of write mounts; RLIMIT_FSIZE for each file; no core dumps (RLIMIT_CORE)",
    ),
    (Control::OpenFiles, "RLIMIT_NOFILE of the module's process (16 above, for wasmtime itself)"),
];

/// What is held by others or not at all, and why.
const MISSING: [(Control, &str, Option<&str>); 19] = [
    (
        Control::Egress,
        "WASI preview 1 has no call that opens a connection",
        Some("run a native image with this egress grant, or give the module its data as input"),
    ),
    (Control::ProjectNetworks, "WASI preview 1 has no network", Some("run a native image")),
    (Control::SharedNetwork, "WASI preview 1 has no network", Some("run a native image")),
    (
        Control::Files,
        "a module is shown folders: the image, /tmp, those of the host, and its secrets",
        Some("run a native image, or put the file into the image"),
    ),
    (Control::FileOwners, "WASI has no users", Some("run a native image")),
    (Control::Publish, "WASI preview 1 has no call that listens", Some("run a native image")),
    (
        Control::EphemeralRoot,
        "a module sees the image as it is, read-only",
        Some("let the module write to /tmp, or to a mount"),
    ),
    (Control::Volumes, "the wasm backend cannot do this yet", Some("grant a mount")),
    (Control::Devices, "WASI has no devices", Some("run a native image")),
    (Control::Terminal, "WASI preview 1 has no terminals", Some("run it without one: its streams are pipes")),
    (Control::HostName, "WASI tells no name of a host", Some("run a native image")),
    (Control::DomainName, "WASI tells no name of a host", Some("run a native image")),
    (Control::MemoryFolders, "a module is shown no folder of memory but /tmp", Some("run a native image")),
    (Control::SharedMemory, "a module shares no memory", Some("run a native image")),
    (Control::Sysctls, "a module sees no kernel", Some("leave them out")),
    (Control::Groups, "WASI has no groups", Some("leave them out")),
    (Control::OomScore, "nobody has tried it with a module", Some("leave it out")),
    (Control::Init, "a module has no processes", Some("leave it out")),
    (Control::KnownHosts, "WASI preview 1 looks no name up", Some("run a native image")),
];

#[cfg(test)]
mod unit {
    use super::*;

    fn nowhere() -> Room {
        Room::Nowhere { why: "w".to_owned(), remedy: "r".to_owned() }
    }

    #[test]
    fn every_control_of_the_native_backend_has_an_answer_here() {
        let table = table(None, &nowhere());
        let known: Vec<_> = table.iter().map(|(control, _)| control).collect();
        for (control, _) in native::probe().unwrap().controls.iter() {
            assert!(known.contains(&control), "{control}");
        }
        assert_eq!(table.refusal(Control::MemoryExact), Some(("w", Some("r"))));
    }

    #[test]
    fn without_namespaces_nothing_is_promised() {
        let table = table(Some(&("why".to_owned(), None)), &Room::V2("/".into()));
        assert!(table.iter().all(|(control, _)| table.enforcer(control).is_none()));
        assert_eq!(table.refusal(Control::MemoryWatched), Some(("why", None)));
    }

    #[test]
    fn what_a_module_cannot_have_is_refused_with_a_way_out() {
        let table = table(None, &Room::V2("/".into()));
        for control in
            [Control::Devices, Control::Egress, Control::Terminal, Control::EphemeralRoot, Control::Publish]
        {
            assert!(table.refusal(control).is_some_and(|(_, remedy)| remedy.is_some()), "{control}");
        }
        assert!(table.enforcer(Control::MemoryExact).is_some());
    }

    #[test]
    fn the_version_is_that_of_the_lock_file() {
        let lock = include_str!("../../../Cargo.lock");
        assert!(lock.contains(&format!("name = \"wasmtime\"\nversion = \"{VERSION}\"")));
    }
}
