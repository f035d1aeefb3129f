//! The engine: what it is, what it enforces, and what is executed for a plan.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use perry_sandbox_policy::{
    BackendFacts, Control, ControlTable, FirstProcess, IsolationLevel, KnownHost, LaunchPlan, Terminal, User,
};
use perry_sandbox_profiles::{Arch, Runtime, to_oci_json};
use serde::{Deserialize, Serialize};

use super::super::client::Client;
use super::super::host::HostTools;
use super::super::images::engine_id;
use super::super::place;
use super::super::project::{self, Names, OWN_HOSTS};
use super::super::script::{Action, Backend, Given, SIGNAL, Script};
use super::super::stock::question::Engine;
use super::super::stock::required::Required;
use super::super::survey::Absence;
use super::super::table::{self, by, nobody, published};
use super::super::tool::{Call, find};
use super::configuration::QUIET;
use super::info::{Info, read_info};
use super::words::{SECCOMP, words};
use crate::demands::PlanError;
use crate::native::RANGE_BASE;

/// What installs it where its package is not known.
const INSTALL: &str = "install podman: https://podman.io/docs/installation";
/// A machine with both kinds of cgroups has the second one here.
const UNIFIED: &str = "/sys/fs/cgroup/unified";

/// A podman that has answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Podman {
    pub(super) program: PathBuf,
    pub(super) env: BTreeMap<String, String>,
    pub(super) info: Info,
    /// What can be the first process of a sandbox, before its program.
    #[serde(default)]
    pub(super) init: Option<PathBuf>,
}

impl Podman {
    /// Asks it what it is.
    pub(in super::super) fn probe(tools: &HostTools) -> Result<Self, Absence> {
        let program = find("podman", tools.folders()).map_err(|why| Absence::nowhere(&why, INSTALL))?;
        let env = tools.environment();
        let call = Call::new(&program, ["info", "--format", "json"]).with_env(&env);
        let said = call
            .answer(tools.patience())
            .map_err(|error| Absence::dead(&error, Some("see `podman info`")))?;
        let mut info = read_info(&said.stdout).map_err(|why| Absence::dead(&call.unusable(why), None))?;
        // crun does not start anything on a machine with both kinds of cgroups.
        if is_called(&info.runtime, "crun") && Path::new(UNIFIED).exists() {
            let remedy = "install runc, which runs on such a machine";
            let why = "its runtime crun refuses a machine with both kinds of cgroups";
            info.runtime = find("runc", tools.folders()).map_err(|_| Absence::dead(&why, Some(remedy)))?;
        }
        Ok(Self { program, env, info, init: init(tools) })
    }

    pub(in super::super) fn rests_on(&self) -> Vec<&Path> {
        let init = self.init.iter().map(PathBuf::as_path);
        [self.program.as_path(), &self.info.runtime].into_iter().chain(init).collect()
    }

    /// What it enforces here.
    pub(in super::super) fn facts(&self) -> Option<BackendFacts> {
        let version = table::version(&self.info.version, self.info.rootless);
        let architectures = vec![self.info.architecture.clone()];
        table::facts(Backend::Podman, &version, IsolationLevel::Oci, architectures, self.controls())
    }

    fn controls(&self) -> ControlTable {
        let mut table = table::nothing("podman is not asked for this yet");
        for (control, who) in HELD {
            table.set(control, by(who));
        }
        let counted = [
            (Control::MemoryExact, "memory", "cgroup memory limit, without swap"),
            (Control::Cpu, "cpu", "cgroup cpu quota"),
            (Control::Pids, "pids", "cgroup pids limit"),
        ];
        for (control, controller, who) in counted {
            let has = self.info.controllers.iter().any(|name| name == controller);
            let why = format!("podman has no `{controller}` cgroup here and would go on without the limit");
            let remedy = "delegate the cgroup controllers to the user's session (cgroup v2, systemd), run as root, or use the backend `native`";
            table.set(control, if has { by(who) } else { nobody(&why, Some(remedy)) });
        }
        if self.info.rootless {
            let why = "the file of a secret would belong to root inside, and its user could not read it";
            for control in [Control::Secrets, Control::Files, Control::FileOwners, Control::KnownHosts] {
                table.set(control, nobody(why, Some("run as root, or use the backend `native`")));
            }
        }
        if self.info.rootless {
            let why = "an ordinary user's networks and volumes are in namespaces of podman's, which nobody has tried";
            table.set(Control::ProjectNetworks, nobody(why, Some("run as root")));
            table.set(Control::Volumes, nobody(why, Some("run as root")));
        } else if !self.info.netavark {
            let why = "its networks are not netavark's, of which it is known what leads out of them";
            let remedy = "install netavark, and write `network_backend = \"netavark\"` below `[network]` in containers.conf";
            table.set(Control::ProjectNetworks, nobody(why, Some(remedy)));
        }
        let why = "podman has no word for a domain's name";
        table.set(
            Control::DomainName,
            nobody(why, Some("write the whole name as the host's, or use the backend `native`")),
        );
        let held =
            self.init.as_ref().map(|path| by(&format!("{} of the host, as process 1", path.display())));
        let why = "there is neither catatonit nor docker-init here, which podman would start first";
        table.set(
            Control::Init,
            held.unwrap_or_else(|| nobody(why, Some("install catatonit, or leave `init` out"))),
        );
        let why = "podman looks a group's number up as a name in the image's own list of groups, where it may be root's";
        table.set(
            Control::Groups,
            nobody(why, Some("write the group into `user`, or use the backend `native`")),
        );
        // Seen in 4.3: with ids of its own it may not have the other's sysfs, and podman binds the host's, with cgroups that can
        // be written; `exec` fails; and `rm --force` refuses the other as long as this one is there.
        let why = "podman would show the host's /sys to who shares the network of another, let no command join it, and not remove the other before it";
        table.set(Control::SharedNetwork, nobody(why, Some("use the backend `native`")));
        table.set(Control::Publish, published(Backend::Podman));
        if !self.info.seccomp {
            table.set(Control::Seccomp, nobody("this podman is built without seccomp", None));
        }
        table
    }

    /// Where it writes down its images and their layers.
    pub(in super::super) fn records(&self) -> (&Path, &Path) {
        (&self.info.images, &self.info.layers)
    }

    /// What is executed for a plan.
    pub(in super::super) fn script(
        &self,
        plan: &LaunchPlan,
        runtime: &Path,
        name: &str,
    ) -> Result<Script, PlanError> {
        let folder = place::folder(runtime, name);
        let arch = Arch::host().ok_or(PlanError::Arch)?;
        self.check_runtime(plan, arch)?;
        let profile = to_oci_json(&plan.seccomp, arch).to_string();
        let init = self.init.as_deref().filter(|_| plan.system.first == FirstProcess::Init);
        let mut words = words(plan, self.info.rootless, init, &folder, name)?;
        words.extend(["--".to_owned(), engine_id(plan)?]);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let of = |words: &[&str]| Action::Call(self.call(runtime, words));
        let mut run = self.call(runtime, &words);
        if !plan.networks.is_empty() {
            // podman hands the level on to netavark, which says on the sandbox's stream that it has no such one.
            run.args
                .iter_mut()
                .filter(|word| *word == QUIET)
                .for_each(|word| "--log-level=error".clone_into(word));
        }
        let on_host = |user: User| {
            let ids = || (RANGE_BASE.saturating_add(user.uid), RANGE_BASE.saturating_add(user.gid));
            (!self.info.rootless).then(ids)
        };
        let (owner, given) = (on_host(plan.process.user), Given::of(plan, on_host));
        let networks = project::engine_names(Backend::Podman.name(), plan)?;
        let is_joining = !networks.is_empty();
        let here = (networks, project::links(Backend::Podman.name(), plan)?);
        Ok(Script {
            backend: Backend::Podman,
            name: name.to_owned(),
            files: [(SECCOMP.to_owned(), profile)].into_iter().chain(own_hosts(plan)).collect(),
            given,
            required: Required::of(plan, Engine::Podman(self, runtime), Backend::Podman, owner)?,
            names: is_joining.then(|| Names::of(here, |words| self.call(runtime, words))),
            connect: Vec::new(),
            terminal: plan.process.terminal == Terminal::Own,
            create: None,
            confirm: None,
            run: Client::Call(run),
            signal: of(&["kill", "--signal", SIGNAL, name]),
            caught: None,
            state: None,
            end: None,
            remove: of(&["rm", "--force", "--ignore", "--time", "0", "--volumes", name]),
            folder,
        })
    }

    /// A profile that refuses what the runtime does between loading it and starting the program starts nothing.
    fn check_runtime(&self, plan: &LaunchPlan, arch: Arch) -> Result<(), PlanError> {
        let name = self.info.runtime.file_name().unwrap_or_default().to_string_lossy();
        let missing =
            Runtime::find(&name).map(|runtime| runtime.missing_from(&plan.seccomp, arch)).unwrap_or_default();
        if missing.is_empty() {
            return Ok(());
        }
        let calls: Vec<&str> = missing.iter().map(|call| call.name()).collect();
        Err(PlanError::Runtime { runtime: name.into_owned(), calls: calls.join(", ") })
    }
}

/// A program of the host that needs no library: images need not have one.
fn init(tools: &HostTools) -> Option<PathBuf> {
    let own = Path::new("/usr/libexec/podman/catatonit");
    let found = || ["catatonit", "docker-init"].into_iter().find_map(|name| find(name, tools.folders()).ok());
    if own.exists() { Some(own.to_owned()) } else { found() }
}

/// Lines of its own in the file of names.
fn own_hosts(plan: &LaunchPlan) -> Option<(String, String)> {
    let is_there = !plan.networks.is_empty() && !plan.system.hosts.is_empty();
    is_there.then(|| (OWN_HOSTS.to_owned(), plan.system.hosts.iter().map(KnownHost::line).collect()))
}

fn is_called(program: &Path, name: &str) -> bool {
    program.file_name().is_some_and(|found| found == name)
}

/// What is held wherever it runs.
const HELD: [(Control, &str); 30] = [
    (Control::Namespaces, "podman's runtime (kernel namespaces)"),
    (Control::LinuxCaps, "podman's runtime (all Linux caps dropped but the listed ones)"),
    (Control::NoNewPrivileges, "podman's runtime (no_new_privs)"),
    (Control::Seccomp, "podman's runtime (the plan's filter)"),
    (Control::MaskedPaths, "podman's runtime (covered by /dev/null or an empty folder)"),
    (Control::RemovedAtExit, "podman (--rm), and a process of ours that removes what a killed runner left"),
    (Control::NoNetwork, "network namespace"),
    (Control::ReadOnlyRoot, "read-only mount"),
    (Control::Tmp, "tmpfs with a size; the memory limit bounds the number of files"),
    (Control::MountsRead, "bind mount (read-only, nosuid, nodev, noexec); a mount below it is not shown"),
    (Control::MountsWrite, "bind mount (nosuid, nodev, noexec); a mount below it is not shown"),
    (Control::MountsExec, "bind mount (read-only, nosuid, nodev); a mount below it is not shown"),
    (
        Control::ProjectNetworks,
        "podman's internal networks, in which the host has no address and no name service; names are a file of ours; no IPv6",
    ),
    (Control::Volumes, "volume mount (nosuid, nodev, noexec)"),
    (Control::Env, "podman (the plan's variables, HOME and HOSTNAME, and no other)"),
    (
        Control::Secrets,
        "files that only the sandbox's user and root of the host can read, in a folder of the runner's own",
    ),
    (
        Control::Files,
        "files in a folder of the runner's own, each a bind mount (read-only, nosuid, nodev, noexec)",
    ),
    (Control::FileOwners, "user namespace (ids of its own, and no others)"),
    (Control::User, "podman's runtime"),
    (Control::HostName, "uts namespace"),
    (Control::OomScore, "kernel (oom_score_adj, which nobody inside can lower)"),
    (Control::Sysctls, "podman's runtime (network and ipc namespaces)"),
    (Control::KnownHosts, "/etc/hosts, a file of ours (read-only)"),
    (
        Control::MemoryFolders,
        "tmpfs each (nosuid, nodev, noexec) with a size; the memory limit bounds the number of files",
    ),
    (Control::SharedMemory, "tmpfs with a size"),
    (Control::Wall, "supervisor"),
    (Control::Output, "supervisor"),
    (Control::Disk, "tmpfs size of /tmp; RLIMIT_FSIZE for each file; no core dumps (RLIMIT_CORE)"),
    (Control::OpenFiles, "RLIMIT_NOFILE"),
    (
        Control::Terminal,
        "podman, and a terminal of the supervisor's before it; ^C does not end a first process that does not catch it; podman may lose what a program says last that is typed to at the moment of its end",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &[u8] = include_bytes!("../recorded/podman-4.3.1-info-root.json");

    fn podman(change: impl FnOnce(&mut Info)) -> Podman {
        let mut info = read_info(INFO).unwrap();
        change(&mut info);
        Podman { program: "/usr/bin/podman".into(), env: BTreeMap::new(), info, init: None }
    }

    #[test]
    fn a_limit_without_its_cgroup_is_not_promised() {
        let held = |podman: Podman, control| podman.controls().enforcer(control).is_some();
        for control in [Control::MemoryExact, Control::Cpu, Control::Pids] {
            assert!(held(podman(|_| ()), control));
            assert!(!held(podman(|info| info.controllers.clear()), control));
        }
        assert!(!held(podman(|info| info.seccomp = false), Control::Seccomp));
        // The recorded one has other networks.
        assert!(!held(podman(|_| ()), Control::ProjectNetworks) && held(podman(|_| ()), Control::Volumes));
        let netavark = |rootless| podman(|info| (info.netavark, info.rootless) = (true, rootless));
        assert!(held(netavark(false), Control::ProjectNetworks));
        assert!(!held(netavark(true), Control::ProjectNetworks) && !held(netavark(true), Control::Volumes));
        assert!(!held(podman(|_| ()), Control::Egress) && !held(podman(|_| ()), Control::EphemeralRoot));
    }
}
