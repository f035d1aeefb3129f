//! The engine: where it listens, what it is, and what it is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use perry_sandbox_image::ImageConfig;
use perry_sandbox_policy::{BackendFacts, Control, ControlTable, IsolationLevel, LaunchPlan};
use perry_sandbox_profiles::Arch;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::host::HostTools;
use super::super::http::Exchange;
use super::super::place;
use super::super::script::{Action, Backend, Confirm, SIGNAL, Script};
use super::super::survey::{Absence, PATIENCE};
use super::super::table::{self, by, nobody};
use super::super::tool::{Call, find};
use super::body::body;
use crate::demands::PlanError;

/// What installs it, on the systems that most people have.
const INSTALL: &str =
    "install docker: `apt-get install docker.io`, or https://docs.docker.com/engine/install/";
/// The oldest interface that can mask paths, which every engine since 2019 has.
const API: &str = "/v1.40";

/// An engine that has answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Docker {
    client: PathBuf,
    env: BTreeMap<String, String>,
    socket: Socket,
    info: Info,
}

/// Where an engine listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Socket(pub(in super::super) PathBuf);

/// What it says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Info {
    version: String,
    architecture: String,
    traits: BTreeSet<Trait>,
}

/// What an engine has, or is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Trait {
    Memory,
    Cpu,
    Pids,
    Seccomp,
    /// It belongs to an ordinary user.
    Rootless,
    /// It maps users to others of the host.
    OwnIds,
}

impl Socket {
    /// A question to it.
    pub(in super::super) fn exchange(&self, method: &str, target: &str) -> Exchange {
        Exchange::new(&self.0, method, format!("{API}{target}"))
    }
}

impl Docker {
    /// Finds its socket, and asks it what it is.
    pub(in super::super) fn probe(tools: &HostTools) -> Result<Self, Absence> {
        let client = find("docker", tools.folders()).map_err(|why| Absence::nowhere(&why, INSTALL))?;
        let env = tools.environment();
        let socket = socket(tools, &client, &env)?;
        let ask = socket.exchange("GET", "/info");
        let remedy =
            "start the engine: `systemctl start docker`; to use it you must be root or in the group `docker`";
        let body = ask.answer(PATIENCE).map_err(|error| Absence::dead(&error, Some(remedy)))?;
        let info = read_info(&body).map_err(|why| Absence::dead(&ask.unusable(why), None))?;
        Ok(Self { client, env, socket, info })
    }

    pub(in super::super) fn rests_on(&self) -> Vec<&Path> {
        vec![&self.client, &self.socket.0]
    }

    /// Where its images are asked for.
    pub(in super::super) const fn socket(&self) -> &Socket {
        &self.socket
    }

    /// What it enforces here.
    pub(in super::super) fn facts(&self) -> Option<BackendFacts> {
        let version = if self.info.traits.contains(&Trait::Rootless) {
            format!("{} rootless", self.info.version)
        } else {
            self.info.version.clone()
        };
        let architectures = vec![self.info.architecture.clone()];
        table::facts(Backend::Docker, &version, IsolationLevel::Oci, architectures, self.controls())
    }

    fn controls(&self) -> ControlTable {
        let mut table = table::nothing("docker is not asked for this yet");
        for (control, who) in HELD {
            table.set(control, by(who));
        }
        let counted = [
            (Control::MemoryExact, Trait::Memory, "cgroup memory limit, without swap"),
            (Control::Cpu, Trait::Cpu, "cgroup cpu quota"),
            (Control::Pids, Trait::Pids, "cgroup pids limit"),
            (Control::Seccomp, Trait::Seccomp, "docker's runtime (the plan's filter)"),
        ];
        for (control, needed, who) in counted {
            let has = self.info.traits.contains(&needed);
            let why = "the engine says that it cannot hold this here, and would go on without";
            table.set(control, if has { by(who) } else { nobody(why, Some(table::OTHER)) });
        }
        if self.info.traits.contains(&Trait::OwnIds) || self.info.traits.contains(&Trait::Rootless) {
            let why =
                "the engine maps users to others of the host, so nobody could read a secret's file but root";
            table.set(Control::Secrets, nobody(why, Some(table::OTHER)));
        }
        for control in [Control::MountsRead, Control::MountsWrite, Control::MountsExec] {
            let why = "docker cannot mount a folder nosuid, nodev and noexec";
            table.set(control, nobody(why, Some("use the backend `native` or `podman`")));
        }
        table
    }

    /// What is asked and executed for a plan.
    pub(in super::super) fn script(
        &self,
        plan: &LaunchPlan,
        config: &ImageConfig,
        runtime: &Path,
        name: &str,
    ) -> Result<Script, PlanError> {
        let folder = place::folder(runtime, name);
        let arch = Arch::host().ok_or(PlanError::Arch)?;
        let body = body(plan, config, &folder, name, arch)?;
        let mut create = self.socket.exchange("POST", &format!("/containers/create?name={name}"));
        create.body = Some(body.to_string());
        let look = self.socket.exchange("GET", &format!("/containers/{name}/json"));
        let mut run = Call::new(&self.client, ["start", "--attach", "--interactive", name]);
        run.env.clone_from(&self.env);
        run.env.remove("DOCKER_CONTEXT");
        run.env.insert("DOCKER_HOST".to_owned(), format!("unix://{}", self.socket.0.display()));
        // The user's own configuration could name plugins and other programs.
        run.env.insert("DOCKER_CONFIG".to_owned(), folder.display().to_string());
        let user = plan.process.user;
        Ok(Script {
            backend: Backend::Docker,
            name: name.to_owned(),
            files: BTreeMap::new(),
            secrets: plan.secrets.clone(),
            owner: Some((user.uid, user.gid)),
            create: Some(Action::Ask(create)),
            confirm: Some(Confirm { ask: look.clone(), expected: body }),
            run,
            signal: Action::Ask(
                self.socket.exchange("POST", &format!("/containers/{name}/kill?signal={SIGNAL}")),
            ),
            state: Some(Action::Ask(look)),
            end: None,
            remove: Action::Ask(self.socket.exchange("DELETE", &format!("/containers/{name}?force=1&v=1"))),
            folder,
        })
    }
}

/// The socket that the client would use; an engine on another machine is none of this host.
fn socket(tools: &HostTools, client: &Path, env: &BTreeMap<String, String>) -> Result<Socket, Absence> {
    let host = if let Some(host) = tools.variable("DOCKER_HOST") {
        host.to_owned()
    } else {
        let call = Call::new(client, ["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]);
        let said = call.with_env(env).answer(PATIENCE).map_err(|error| Absence::dead(&error, None))?;
        String::from_utf8_lossy(&said.stdout).trim().to_owned()
    };
    let path = host.strip_prefix("unix://").map(PathBuf::from).filter(|path| path.is_absolute());
    path.map(Socket).ok_or_else(|| {
        let why = "the docker client speaks to another machine";
        Absence::dead(
            &why,
            Some("set DOCKER_HOST to a socket of this machine, as unix:///var/run/docker.sock"),
        )
    })
}

/// Reads the answer to `GET /info`.
fn read_info(bytes: &[u8]) -> Result<Info, String> {
    let info: Value = serde_json::from_slice(bytes).map_err(|error| format!("it is not JSON: {error}"))?;
    let text =
        |name: &str| info.get(name).and_then(Value::as_str).ok_or_else(|| format!("it has no `{name}`"));
    if text("OSType")? != "linux" {
        return Err("its containers are not Linux's".to_owned());
    }
    let status = info.get("DriverStatus").map(Value::to_string).unwrap_or_default();
    if status.contains("io.containerd.snapshotter") {
        return Err("it keeps images in containerd's store, where an image has no id of its own content; turn the feature `containerd-snapshotter` off".to_owned());
    }
    let version = text("ServerVersion")?;
    let fits = |char: char| char.is_ascii_alphanumeric() || "._+~-".contains(char);
    if version.is_empty() || version.len() > 64 || !version.chars().all(fits) {
        return Err("its version is not a word".to_owned());
    }
    let options = info.get("SecurityOptions").and_then(Value::as_array);
    let has = |name: &str| {
        let wanted = format!("name={name}");
        let mut words = options.into_iter().flatten().filter_map(Value::as_str);
        words.any(|option| option.split(',').any(|part| part == wanted))
    };
    let truth = |name: &str| info.get(name).and_then(Value::as_bool) == Some(true);
    let traits = [
        (truth("MemoryLimit"), Trait::Memory),
        (truth("CpuCfsQuota"), Trait::Cpu),
        (truth("PidsLimit"), Trait::Pids),
        (has("seccomp"), Trait::Seccomp),
        (has("rootless"), Trait::Rootless),
        (has("userns"), Trait::OwnIds),
    ];
    Ok(Info {
        version: version.to_owned(),
        architecture: match text("Architecture")? {
            "x86_64" => "amd64".to_owned(),
            "aarch64" => "arm64".to_owned(),
            other => other.chars().take(32).collect(),
        },
        traits: traits.into_iter().filter_map(|(has, it)| has.then_some(it)).collect(),
    })
}

/// What is held wherever it runs.
const HELD: [(Control, &str); 15] = [
    (Control::Namespaces, "docker's runtime (kernel namespaces; users are the host's own)"),
    (Control::LinuxCaps, "docker's runtime (all Linux caps dropped but the listed ones)"),
    (Control::NoNewPrivileges, "docker's runtime (no_new_privs)"),
    (Control::MaskedPaths, "docker's runtime (covered by /dev/null or an empty folder)"),
    (Control::RemovedAtExit, "the supervisor, and a process of ours that removes what a killed runner left"),
    (Control::NoNetwork, "network namespace"),
    (Control::ReadOnlyRoot, "read-only mount"),
    (Control::Tmp, "tmpfs with size and inode limits"),
    (Control::Env, "docker (the plan's variables and HOME, and no other)"),
    (
        Control::Secrets,
        "files that only the sandbox's user and root of the host can read, in a folder of the runner's own",
    ),
    (Control::User, "docker's runtime"),
    (Control::Wall, "supervisor"),
    (Control::Output, "supervisor"),
    (Control::Disk, "tmpfs size of /tmp; RLIMIT_FSIZE for each file; no core dumps (RLIMIT_CORE)"),
    (Control::OpenFiles, "RLIMIT_NOFILE"),
];

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &[u8] = include_bytes!("../recorded/docker-20.10.24-info.json");

    fn info(change: impl FnOnce(&mut Value)) -> Result<Info, String> {
        let mut info: Value = serde_json::from_slice(INFO).unwrap();
        change(&mut info);
        read_info(info.to_string().as_bytes())
    }

    fn docker(info: Info) -> Docker {
        let socket = Socket("/var/run/docker.sock".into());
        Docker { client: "/usr/bin/docker".into(), env: BTreeMap::new(), socket, info }
    }

    #[test]
    fn what_the_engine_says_of_itself_is_read() {
        let info = info(|_| ()).unwrap();
        assert_eq!((info.version.as_str(), info.architecture.as_str()), ("20.10.24+dfsg1", "amd64"));
        assert_eq!(info.traits, [Trait::Memory, Trait::Cpu, Trait::Pids, Trait::Seccomp].into());
    }

    #[test]
    fn what_the_engine_cannot_hold_is_not_promised() {
        type Change = fn(&mut Value);
        let changes: [(Change, Control); 5] = [
            (|info| info["MemoryLimit"] = false.into(), Control::MemoryExact),
            (|info| info["CpuCfsQuota"] = false.into(), Control::Cpu),
            (|info| drop(info.as_object_mut().unwrap().remove("PidsLimit")), Control::Pids),
            (|info| info["SecurityOptions"] = serde_json::json!([]), Control::Seccomp),
            (|info| info["SecurityOptions"] = serde_json::json!(["name=userns"]), Control::Secrets),
        ];
        for (change, control) in changes {
            let table = docker(info(change).unwrap()).controls();
            assert!(table.enforcer(control).is_none(), "{control}");
        }
    }

    #[test]
    fn an_engine_that_cannot_run_by_content_or_is_no_linux_is_none() {
        let store = serde_json::json!([["driver-type", "io.containerd.snapshotter.v1"]]);
        assert!(info(|info| info["DriverStatus"] = store).is_err());
        assert!(info(|info| info["OSType"] = "windows".into()).is_err());
        assert!(info(|info| info["ServerVersion"] = "x\u{1b}[2J".into()).is_err());
        assert!(read_info(b"{}").is_err() && read_info(b"").is_err());
    }
}
