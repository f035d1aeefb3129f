//! gVisor: a kernel in user space between the program and the host's, started on a bundle of ours by `runsc`, without an engine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use perry_sandbox_policy::{BackendFacts, Control, ControlTable, IsolationLevel, LaunchPlan, Terminal};
use perry_sandbox_profiles::{Arch, LinuxCap, to_oci_json};
use perry_sandbox_reference::Platform;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::client::Client;
use super::host::HostTools;
use super::limits::{Writable, ulimits};
use super::place;
use super::script::{Action, Backend, SIGNAL, Script};
use super::survey::Absence;
use super::table::{self, by, nobody};
use super::tool::{Call, find};
use crate::demands::PlanError;

/// What runsc writes about its own failures, in a sandbox's folder.
pub(super) const LOG: &str = "runsc.log";
/// Where it keeps what it knows of the sandbox, in its folder.
pub(super) const STATE: &str = "state";
/// What it writes when its kernel stops, which is how it takes a host that gives it nothing more.
const PANIC: &str = "runsc.panic";
/// No network, our filter, nothing of the host's sockets and pipes, no writing to the image's folder, and a kernel that is
/// nobody on the host.
const FLAGS: &str = "--log-format=json --network=none --oci-seccomp --overlay2=none --platform=systrap \
    --host-uds=none --host-fifo=none --directfs=false";
/// Threads and processes of the host that gVisor needs for itself, and for each process inside.
const OWN_PROCESSES: u64 = 64;
const EACH_PROCESS: u64 = 2;
/// Without so much gVisor's own kernel, which is within the sandbox's limit, does not start (24 MiB, seen).
const LEAST_MEMORY: u64 = 32 << 20;
/// One period of the processor's share, in microseconds.
const PERIOD: u64 = 100_000;

/// A `runsc` that has run something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Runsc {
    program: PathBuf,
    version: String,
    env: BTreeMap<String, String>,
    root: bool,
}

impl Runsc {
    /// Finds it, and lets it start its kernel once.
    pub(super) fn probe(tools: &HostTools) -> Result<Self, Absence> {
        let program = find("runsc", tools.folders()).map_err(|why| {
            Absence::nowhere(&why, "install gVisor: https://gvisor.dev/docs/user_guide/install/")
        })?;
        let env = tools.environment();
        let said = Call::new(&program, ["--version"]).with_env(&env).answer(tools.patience());
        let said = said.map_err(|error| Absence::dead(&error, None))?;
        let text = String::from_utf8_lossy(&said.stdout).into_owned();
        let version = read_version(&text).ok_or_else(|| {
            Absence::dead(&"`runsc --version` does not say a version", Some("install gVisor's own runsc"))
        })?;
        let root = geteuid().is_root();
        let rootless: &[&str] = if root { &[] } else { &["--rootless"] };
        let args = rootless.iter().copied().chain(["--network=none", "--ignore-cgroups", "do", "/bin/true"]);
        let alive = Call::new(&program, args).with_env(&env).answer(tools.patience());
        alive.map_err(|error| Absence::dead(&error, Some("see `runsc do /bin/true`")))?;
        Ok(Self { program, version, env, root })
    }

    pub(super) fn rests_on(&self) -> Vec<&Path> {
        vec![&self.program]
    }

    /// What it enforces here.
    pub(super) fn facts(&self) -> Option<BackendFacts> {
        table::facts(
            Backend::Runsc,
            &self.version,
            IsolationLevel::Gvisor,
            vec![Platform::host().architecture().to_owned()],
            self.controls(),
        )
    }

    fn controls(&self) -> ControlTable {
        let mut table = table::nothing("gVisor is not asked for this yet");
        for (control, who) in HELD {
            table.set(control, by(who));
        }
        if !self.root {
            let why = "runsc of an ordinary user puts its sandbox into no cgroup";
            let remedy = Some("run as root, or use the backend `native`");
            for control in [Control::MemoryExact, Control::Cpu] {
                table.set(control, nobody(why, remedy));
            }
        }
        table
    }

    /// What is executed for a plan.
    pub(super) fn script(
        &self,
        plan: &LaunchPlan,
        tree: &Path,
        runtime: &Path,
        name: &str,
    ) -> Result<Script, PlanError> {
        if plan.limits.memory.bytes() < LEAST_MEMORY {
            return Err(PlanError::NotEnforceable {
                backend: "runsc",
                control: Control::MemoryExact,
                why: "gVisor's own kernel needs 32MiB of the sandbox's memory".to_owned(),
                remedy: Some("allow more memory, or use the backend `native`".to_owned()),
            });
        }
        let folder = place::folder(runtime, name);
        let shown = folder.display().to_string();
        let flags = |command: &[&str]| {
            let mut args = vec![format!("--root={shown}/{STATE}"), format!("--log={shown}/{LOG}")];
            args.push(format!("--panic-log={shown}/{PANIC}"));
            args.extend(FLAGS.split_whitespace().map(str::to_owned));
            args.extend((!self.root).then(|| "--rootless".to_owned()));
            args.extend(command.iter().map(|word| (*word).to_owned()));
            Call { program: self.program.clone(), args, env: self.env.clone(), lead: 0 }
        };
        let config = serde_json::to_string_pretty(&bundle(plan, tree, name)?);
        let config = config.map_err(|error| PlanError::Written {
            what: "the bundle's configuration",
            why: error.to_string(),
        })?;
        Ok(Script {
            backend: Backend::Runsc,
            name: name.to_owned(),
            files: [("config.json".to_owned(), config)].into(),
            given: Vec::new(),
            required: Vec::new(),
            names: None,
            connect: Vec::new(),
            terminal: plan.process.terminal == Terminal::Own,
            create: None,
            confirm: None,
            run: Client::Call(flags(&["run", "--bundle", &shown, name])),
            signal: Action::Call(flags(&["kill", name, SIGNAL])),
            caught: None,
            state: None,
            end: Some(Action::Call(flags(&["kill", name, "KILL"]))),
            remove: Action::Call(flags(&["delete", "--force", name])),
            folder,
        })
    }
}

fn read_version(text: &str) -> Option<String> {
    let first = text.lines().next()?.strip_prefix("runsc version ")?;
    let fits = !first.is_empty() && first.len() < 80 && first.chars().all(|char| char.is_ascii_graphic());
    fits.then(|| first.to_owned())
}

/// The bundle's configuration, as the OCI runtime specification has it.
fn bundle(plan: &LaunchPlan, tree: &Path, name: &str) -> Result<Value, PlanError> {
    let process = &plan.process;
    let limits = &plan.limits;
    let caps: Vec<&str> = plan.linux_caps.iter().map(LinuxCap::name).collect();
    let rlimits = ulimits(plan, limits.pids.get()).map(|(name, value)| {
        json!({ "type": format!("RLIMIT_{}", name.to_ascii_uppercase()), "soft": value, "hard": value })
    });
    let pids = u64::from(limits.pids.get());
    let quota = u64::from(limits.cpu.0.get()).saturating_mul(PERIOD).div_euclid(1000);
    let memory = limits.memory.bytes();
    let namespaces = ["pid", "ipc", "uts", "mount", "network"].map(|kind| json!({ "type": kind }));
    Ok(json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": false,
            "user": { "uid": process.user.uid, "gid": process.user.gid },
            "args": process.argv,
            "env": process.env.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>(),
            "cwd": process.cwd,
            "capabilities": {
                "bounding": caps, "effective": caps, "inheritable": caps, "permitted": caps, "ambient": caps,
            },
            "rlimits": rlimits,
            "noNewPrivileges": true,
        },
        "root": { "path": tree, "readonly": true },
        "hostname": "sandbox",
        "mounts": mounts(plan),
        "linux": {
            "namespaces": namespaces,
            "cgroupsPath": format!("/{name}"),
            "resources": {
                "memory": { "limit": memory, "swap": memory },
                "cpu": { "quota": quota, "period": PERIOD },
                "pids": { "limit": pids.saturating_mul(EACH_PROCESS).saturating_add(OWN_PROCESSES) },
            },
            "seccomp": seccomp(plan)?,
        },
    }))
}

fn mounts(plan: &LaunchPlan) -> Value {
    let Writable { tmp, shm } = Writable::of(plan);
    let tmpfs = |place: &str, options: &[String]| json!({ "destination": place, "type": "tmpfs", "source": "tmpfs", "options": options });
    let writable = |size: u64| {
        ["nosuid", "nodev", "noexec", "mode=1777"]
            .map(str::to_owned)
            .into_iter()
            .chain([format!("size={size}")])
    };
    let hidden = ["ro", "nosuid", "nodev", "noexec", "mode=000", "size=4096"].map(str::to_owned);
    json!([
        { "destination": "/proc", "type": "proc", "source": "proc", "options": ["ro", "nosuid", "nodev", "noexec"] },
        { "destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro", "nosuid", "nodev", "noexec"] },
        tmpfs("/dev/net", &hidden),
        tmpfs("/tmp", &writable(tmp).collect::<Vec<_>>()),
        tmpfs("/dev/shm", &writable(shm).collect::<Vec<_>>()),
    ])
}

/// Our profile. gVisor answers every refusal with EPERM, whatever the number (seen in 20240729): a program that tries a new
/// call and falls back, as every C library does with clone3, would give up. A call that is handed to a tracer where there is
/// none answers ENOSYS, there as in Linux.
fn seccomp(plan: &LaunchPlan) -> Result<Value, PlanError> {
    let arch = Arch::host().ok_or(PlanError::Arch)?;
    let mut profile = to_oci_json(&plan.seccomp, arch);
    let answer = |rule: &mut Value, action: &str, errno: &str| {
        if rule.get(errno) == Some(&json!(libc::ENOSYS))
            && let Some(fields) = rule.as_object_mut()
        {
            fields.insert(action.to_owned(), json!("SCMP_ACT_TRACE"));
        }
    };
    answer(&mut profile, "defaultAction", "defaultErrnoRet");
    for rule in profile.get_mut("syscalls").and_then(Value::as_array_mut).into_iter().flatten() {
        answer(rule, "action", "errnoRet");
    }
    Ok(profile)
}

/// What is held wherever it runs.
const HELD: [(Control, &str); 18] = [
    (Control::Namespaces, "gVisor (a kernel of its own)"),
    (Control::LinuxCaps, "gVisor (the listed sets of Linux caps, and no others)"),
    (Control::NoNewPrivileges, "gVisor (no_new_privs)"),
    (Control::Seccomp, "gVisor (the plan's filter over its own calls)"),
    (
        Control::MaskedPaths,
        "gVisor (its own /proc and /sys, which say nothing of the host and cannot be written)",
    ),
    (Control::RemovedAtExit, "runsc, and a process of ours that removes what a killed runner left"),
    (Control::NoNetwork, "gVisor (network=none)"),
    (Control::ReadOnlyRoot, "gVisor (a read-only root, and a gofer that opens nothing for writing)"),
    (Control::Tmp, "gVisor (tmpfs with a size)"),
    (Control::Env, "bundle (the plan's variables and no other)"),
    (Control::User, "gVisor (its own user ids)"),
    (Control::MemoryExact, "cgroup around gVisor, whose own kernel is within the limit"),
    (Control::Cpu, "cgroup around gVisor"),
    (Control::Pids, "gVisor (RLIMIT_NPROC), and a cgroup around it"),
    (Control::Wall, "supervisor"),
    (Control::Output, "supervisor"),
    (Control::Disk, "gVisor (size of /tmp; RLIMIT_FSIZE for each file; no core dumps)"),
    (Control::OpenFiles, "gVisor (RLIMIT_NOFILE)"),
];
