//! podman: a hardened `podman run`, of an image that we have given it, on flags of ours only.
//!
//! podman's own configuration (`containers.conf`) may add folders, devices, hooks and variables to every container, whatever
//! its arguments say. So it runs with a configuration of ours in its place; only its store is the user's.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use perry_sandbox_policy::{
    BackendFacts, Control, ControlTable, IsolationLevel, LaunchPlan, MountAccess, Terminal,
};
use perry_sandbox_profiles::{Arch, MaskedPath, Runtime, masked_paths, to_oci_json};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::host::HostTools;
use super::images::engine_id;
use super::limits::{self, Writable};
use super::place;
use super::project::{self, Names};
use super::script::{Action, Backend, PID_FILE, SIGNAL, Script};
use super::stock::Project;
use super::stock::question::Engine;
use super::stock::required::Required;
use super::survey::Absence;
use super::table::{self, by, nobody, published};
use super::tool::{Call, find};
use crate::demands::PlanError;
use crate::native::{RANGE_BASE, RANGE_LENGTH, check_owner};

/// What installs it where its package is not known.
const INSTALL: &str = "install podman: https://podman.io/docs/installation";
/// A machine with both kinds of cgroups has the second one here.
const UNIFIED: &str = "/sys/fs/cgroup/unified";

/// A podman that has answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Podman {
    program: PathBuf,
    env: BTreeMap<String, String>,
    info: Info,
}

/// What it says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Info {
    version: String,
    rootless: bool,
    seccomp: bool,
    architecture: String,
    runtime: PathBuf,
    cgroup_manager: String,
    controllers: Vec<String>,
    driver: String,
    /// Whether its networks are netavark's.
    netavark: bool,
    /// What it has written down of its images, and of their layers.
    images: PathBuf,
    layers: PathBuf,
}

impl Podman {
    /// Asks it what it is.
    pub(super) fn probe(tools: &HostTools) -> Result<Self, Absence> {
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
        Ok(Self { program, env, info })
    }

    pub(super) fn rests_on(&self) -> Vec<&Path> {
        vec![&self.program, &self.info.runtime]
    }

    /// What it enforces here.
    pub(super) fn facts(&self) -> Option<BackendFacts> {
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
            table.set(Control::Secrets, nobody(why, Some("run as root, or use the backend `native`")));
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
        table.set(Control::Publish, published(Backend::Podman));
        if !self.info.seccomp {
            table.set(Control::Seccomp, nobody("this podman is built without seccomp", None));
        }
        table
    }

    /// Where it writes down its images and their layers.
    pub(super) fn records(&self) -> (&Path, &Path) {
        (&self.info.images, &self.info.layers)
    }

    /// A call with our configuration in the place of its own.
    pub(super) fn call(&self, runtime: &Path, words: &[&str]) -> Call {
        let home = home(runtime);
        let mut call = Call::new(&self.program, [QUIET]).with_env(&self.env);
        call.args.push(format!("--runtime={}", self.info.runtime.display()));
        call.args.push(format!("--cgroup-manager={}", self.info.cgroup_manager));
        call.args.push(format!("--hooks-dir={}", home.join(HOOKS).display()));
        call.args.push(format!("--default-mounts-file={}", home.join(NO_MOUNTS).display()));
        // A driver that knows no such option refuses it.
        if self.info.driver == "overlay" {
            call.args.push("--storage-opt=overlay.mountopt=nosuid,nodev".to_owned());
        }
        call.args.extend(words.iter().map(|word| (*word).to_owned()));
        call.env.insert("CONTAINERS_CONF".to_owned(), home.join(CONF).display().to_string());
        call
    }

    /// Writes the configuration that its calls have.
    pub(super) fn furnish(&self, runtime: &Path) -> io::Result<()> {
        let home = home(runtime);
        let mut conf = CONF_TEXT.to_owned();
        if self.info.netavark {
            conf.push_str(NETAVARK_TEXT);
        }
        DirBuilder::new().mode(0o700).recursive(true).create(&home)?;
        check_owner(&home)?;
        for (name, text) in [(CONF, conf.as_str()), (NO_MOUNTS, "")] {
            if fs::read_to_string(home.join(name)).is_ok_and(|found| found == text) {
                continue;
            }
            let early = home.join(format!("{name}.{}", std::process::id()));
            fs::write(&early, text)?;
            fs::rename(early, home.join(name))?;
        }
        Ok(())
    }

    /// What is executed for a plan.
    pub(super) fn script(&self, plan: &LaunchPlan, runtime: &Path, name: &str) -> Result<Script, PlanError> {
        let folder = place::folder(runtime, name);
        let arch = Arch::host().ok_or(PlanError::Arch)?;
        self.check_runtime(plan, arch)?;
        let profile = to_oci_json(&plan.seccomp, arch).to_string();
        let mut words = self.words(plan, &folder, name)?;
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
        let user = plan.process.user;
        let owner = (!self.info.rootless)
            .then(|| (RANGE_BASE.saturating_add(user.uid), RANGE_BASE.saturating_add(user.gid)));
        let networks = project::engine_names(Backend::Podman.name(), plan)?;
        let project = plan.service.as_ref().map(Project::of).filter(|_| !networks.is_empty());
        Ok(Script {
            backend: Backend::Podman,
            name: name.to_owned(),
            files: [(SECCOMP.to_owned(), profile)].into(),
            secrets: plan.secrets.clone(),
            owner,
            required: Required::of(plan, Engine::Podman(self, runtime), Backend::Podman, owner)?,
            names: project.map(|project| Names::of(&project, networks, |words| self.call(runtime, words))),
            connect: Vec::new(),
            terminal: plan.process.terminal == Terminal::Own,
            create: None,
            confirm: None,
            run,
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

    fn words(&self, plan: &LaunchPlan, folder: &Path, name: &str) -> Result<Vec<String>, PlanError> {
        let process = &plan.process;
        let mut words: Vec<String> = FIXED.split_whitespace().map(str::to_owned).collect();
        if process.terminal == Terminal::Own {
            // With a /dev of ours it leaves out what terminals are made in; and whoever left by a key would leave a sandbox
            // that nobody supervises.
            let devices = "--mount=type=devpts,destination=/dev/pts";
            words.extend(["--tty", devices, "--detach-keys="].map(str::to_owned));
        }
        let mut flag = |name: &str, value: String| words.push(format!("--{name}={value}"));
        for (name, value) in project::podman(plan, folder)? {
            flag(name, value);
        }
        flag("name", name.to_owned());
        flag("pidfile", folder.join(PID_FILE).display().to_string());
        flag("label", format!("perry-sandbox.run={name}"));
        flag("security-opt", format!("seccomp={}", folder.join(SECCOMP).display()));
        let masked: Vec<&str> =
            masked_paths().iter().map(MaskedPath::path).chain(["/sys/fs/cgroup"]).collect();
        flag("security-opt", format!("mask={}", masked.join(":")));
        if !self.info.rootless {
            flag("uidmap", format!("0:{RANGE_BASE}:{RANGE_LENGTH}"));
        }
        for cap in plan.linux_caps.iter() {
            flag("cap-add", cap.name().to_owned());
        }
        flag("user", format!("{}:{}", process.user.uid, process.user.gid));
        flag("workdir", process.cwd.clone());
        // podman sets these two where nobody does, and nothing else.
        for (variable, value) in [("HOME", "/"), ("HOSTNAME", "sandbox")] {
            if process.env.get(variable).is_none_or(String::is_empty) {
                flag("env", format!("{variable}={value}"));
            }
        }
        for (variable, value) in
            process.env.iter().filter(|(name, value)| *name != "HOME" || !value.is_empty())
        {
            flag("env", format!("{variable}={value}"));
        }
        // The folder keeps the mode that it has in the image; it is the user's own all the same.
        let size = Writable::of(plan).tmp;
        flag("tmpfs", format!("/tmp:rw,nosuid,nodev,noexec,size={size},mode=1777,notmpcopyup,U"));
        for (name, value) in limits::flags(plan) {
            flag(name, value);
        }
        for mount in &plan.mounts {
            flag("mount", bind(&mount.path, &mount.path, mount.access)?);
        }
        for secret in &plan.secrets {
            let source = folder.join("secrets").join(secret.as_str()).display().to_string();
            flag("mount", bind(&source, &format!("/run/secrets/{secret}"), MountAccess::Read)?);
        }
        let argv = serde_json::to_string(&process.argv)
            .map_err(|error| PlanError::Written { what: "the program's words", why: error.to_string() })?;
        flag("entrypoint", argv);
        Ok(words)
    }
}

/// Where its configuration of ours is.
fn home(runtime: &Path) -> PathBuf {
    runtime.join("podman")
}

/// One folder or file of the host inside.
///
/// SECURITY: the format has no way to write a comma, so a path with one could add options of its own.
fn bind(source: &str, target: &str, access: MountAccess) -> Result<String, PlanError> {
    if [source, target].iter().any(|path| path.contains([',', '"', '\n', '='])) {
        return Err(PlanError::NotEnforceable {
            backend: "podman",
            control: Control::MountsRead,
            why: format!(
                "podman cannot be given the path `{source}`: it has a comma, quote, equals sign or line break"
            ),
            remedy: Some("use another path, or the backend `native`".to_owned()),
        });
    }
    let exec = if access == MountAccess::Execute { "" } else { ",noexec" };
    Ok(format!(
        "type=bind,src={source},dst={target},ro=true,bind-propagation=private,bind-nonrecursive=true,nosuid,nodev{exec}"
    ))
}

fn is_called(program: &Path, name: &str) -> bool {
    program.file_name().is_some_and(|found| found == name)
}

/// Whether that is what podman says of itself.
pub(super) fn understands(bytes: &[u8]) -> bool {
    read_info(bytes).is_ok()
}

/// Reads `podman info --format json`.
fn read_info(bytes: &[u8]) -> Result<Info, String> {
    let info: Value = serde_json::from_slice(bytes).map_err(|error| format!("it is not JSON: {error}"))?;
    let at = |path: &str| info.pointer(path).ok_or_else(|| format!("it has no `{path}`"));
    let text =
        |path: &str| at(path)?.as_str().map(str::to_owned).ok_or_else(|| format!("`{path}` is not text"));
    let truth = |path: &str| at(path)?.as_bool().ok_or_else(|| format!("`{path}` is neither true nor false"));
    if truth("/host/serviceIsRemote")? {
        return Err("it is a client of another machine".to_owned());
    }
    let absolute = |path: &str| {
        let found = PathBuf::from(text(path)?);
        if found.is_absolute() { Ok(found) } else { Err(format!("`{path}` is not an absolute path")) }
    };
    let plain = |path: &str| {
        let found = text(path)?;
        let fits = |char: char| char.is_ascii_alphanumeric() || "._+~-".contains(char);
        if (1..=64).contains(&found.len()) && found.chars().all(fits) && !found.starts_with('-') {
            Ok(found)
        } else {
            Err(format!("`{path}` is not a word"))
        }
    };
    let controllers = info.pointer("/host/cgroupControllers").and_then(Value::as_array);
    let controllers = controllers.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
    let driver = plain("/store/graphDriverName")?;
    let root = absolute("/store/graphRoot")?;
    let images = root.join(format!("{driver}-images/images.json"));
    let layers = root.join(format!("{driver}-layers/layers.json"));
    Ok(Info {
        version: plain("/version/Version")?,
        rootless: truth("/host/security/rootless")?,
        seccomp: truth("/host/security/seccompEnabled")?,
        architecture: plain("/host/arch")?,
        runtime: absolute("/host/ociRuntime/path")?,
        cgroup_manager: plain("/host/cgroupManager")?,
        controllers: controllers.collect(),
        driver,
        netavark: text("/host/networkBackend").is_ok_and(|name| name == "netavark"),
        images,
        layers,
    })
}

const QUIET: &str = "--log-level=fatal";
const CONF: &str = "containers.conf";
const SECCOMP: &str = "seccomp.json";
/// What it would mount into every container, from `mounts.conf` of the system or the user: nothing.
const NO_MOUNTS: &str = "mounts.conf";
/// Where its hooks would be: there is no such folder.
const HOOKS: &str = "no-hooks";
/// Nothing of the user's or the system's own: in there could be folders, devices, hooks and variables for every container.
const CONF_TEXT: &str = "\
[containers]
default_sysctls = []
env = []
http_proxy = false

[engine]
events_logger = \"none\"
hooks_dir = []
";

/// Said where the user's own configuration may say it: without it podman may take another.
const NETAVARK_TEXT: &str = "
[network]
network_backend = \"netavark\"
";

/// What is the same for every plan. A flag and its value are one word: then neither is taken for something else.
const FIXED: &str = "run --rm --pull=never --read-only --read-only-tmpfs=false --image-volume=ignore \
    --cap-drop=ALL --security-opt=no-new-privileges --http-proxy=false --unsetenv-all --ipc=private --pid=private \
    --uts=private --cgroupns=private --hostname=sandbox --no-hosts --passwd=false --umask=0022 \
    --tmpfs=/dev:ro,nosuid,noexec,size=64k,mode=755 --log-driver=none --sig-proxy=false --init=false --systemd=false \
    --no-healthcheck --stop-signal=SIGKILL --stop-timeout=0 --interactive";

/// What is held wherever it runs.
const HELD: [(Control, &str); 21] = [
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
    (Control::User, "podman's runtime"),
    (Control::Wall, "supervisor"),
    (Control::Output, "supervisor"),
    (Control::Disk, "tmpfs size of /tmp; RLIMIT_FSIZE for each file; no core dumps (RLIMIT_CORE)"),
    (Control::OpenFiles, "RLIMIT_NOFILE"),
    (
        Control::Terminal,
        "podman, and a terminal of the supervisor's before it; ^C does not end a first process that does not catch it",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &[u8] = include_bytes!("recorded/podman-4.3.1-info-root.json");

    fn info(change: impl FnOnce(&mut Value)) -> Result<Info, String> {
        let mut info: Value = serde_json::from_slice(INFO).unwrap();
        change(&mut info);
        read_info(info.to_string().as_bytes())
    }

    #[test]
    fn what_podman_says_of_itself_is_read() {
        let info = info(|_| ()).unwrap();
        assert_eq!((info.version.as_str(), info.rootless, info.seccomp), ("4.3.1", false, true));
        assert!(info.controllers.iter().any(|name| name == "memory"));
        assert!(info.images.ends_with("overlay-images/images.json"), "{info:?}");
    }

    #[test]
    fn what_cannot_be_believed_is_no_podman() {
        assert!(read_info(b"").is_err() && read_info(b"[]").is_err());
        assert!(info(|info| info["host"]["serviceIsRemote"] = true.into()).is_err());
        assert!(info(|info| info["host"]["cgroupManager"] = "--privileged".into()).is_err());
        assert!(info(|info| info["host"]["ociRuntime"]["path"] = "runc".into()).is_err());
        assert!(info(|info| info["version"]["Version"] = "4\u{1b}[31m".into()).is_err());
    }

    fn podman(change: impl FnOnce(&mut Info)) -> Podman {
        let mut info = info(|_| ()).unwrap();
        change(&mut info);
        Podman { program: "/usr/bin/podman".into(), env: BTreeMap::new(), info }
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

    #[test]
    fn a_path_cannot_add_options() {
        assert!(bind("/a,rw", "/a,rw", MountAccess::Read).is_err());
        assert!(bind("/a", "/a", MountAccess::Read).unwrap().ends_with("nosuid,nodev,noexec"));
        assert!(bind("/a", "/a", MountAccess::Execute).unwrap().ends_with("nosuid,nodev"));
    }
}
