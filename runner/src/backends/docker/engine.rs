//! The engine: where it listens, what it is, and what it is asked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use perry_sandbox_image::ImageConfig;
use perry_sandbox_policy::{BackendFacts, Control, ControlTable, IsolationLevel, LaunchPlan, Terminal};
use perry_sandbox_profiles::Arch;
use perry_sandbox_reference::Platform;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::attach::Attach;
use super::super::caught::{COLUMNS, Caught};
use super::super::client::Client;
use super::super::host::HostTools;
use super::super::http::Exchange;
use super::super::place;
use super::super::project;
use super::super::script::{Action, Backend, Confirm, Given, SIGNAL, Script};
use super::super::stock::question::Engine;
use super::super::stock::required::Required;
use super::super::survey::Absence;
use super::super::table::{self, by, nobody};
use super::super::tool::{Call, find};
use super::body::body;
use super::info::{Info, Trait, kernel, read_info};
use super::volumes::Volumes;
use crate::demands::PlanError;

/// What installs it where its package is not known.
const INSTALL: &str = "install docker: https://docs.docker.com/engine/install/";
/// The oldest interface that can mask paths, which every engine since 2019 has.
const API: &str = "/v1.40";

/// An engine that has answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Docker {
    /// Whose engine it is.
    backend: Backend,
    client: PathBuf,
    env: BTreeMap<String, String>,
    socket: Socket,
    info: Info,
}

/// Where an engine listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Socket(pub(in super::super) PathBuf);

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
        let socket = socket(tools, &client, &tools.environment())?;
        let remedy =
            "start the engine: `systemctl start docker`; to use it you must be root or in the group `docker`";
        Self::at(Backend::Docker, client, tools, socket, remedy)
    }

    /// Asks the engine at a socket what it is.
    pub(in super::super) fn at(
        backend: Backend,
        client: PathBuf,
        tools: &HostTools,
        socket: Socket,
        remedy: &str,
    ) -> Result<Self, Absence> {
        let ask = socket.exchange("GET", "/info");
        let body = ask.answer(tools.patience()).map_err(|error| Absence::dead(&error, Some(remedy)))?;
        let info = read_info(&body, &kernel()).map_err(|why| Absence::dead(&ask.unusable(why), None))?;
        let found = Self { backend, client, env: tools.environment(), socket, info };
        // A filter is made for this host's processor.
        if found.is_in_a_machine() && found.info.architecture != Platform::host().architecture() {
            let why = format!("its machine is {}, and this host is not", found.info.architecture);
            return Err(Absence::dead(&why, Some("make a machine of this host's own architecture")));
        }
        Ok(found)
    }

    pub(in super::super) const fn backend(&self) -> Backend {
        self.backend
    }

    /// Whether the engine runs in a machine of its own beside this host.
    fn is_in_a_machine(&self) -> bool {
        self.backend != Backend::Docker || self.info.traits.contains(&Trait::Elsewhere)
    }

    /// Whether users inside are others on the host.
    fn maps_users(&self) -> bool {
        [Trait::OwnIds, Trait::Rootless].iter().any(|it| self.info.traits.contains(it))
    }

    /// Where it keeps its volumes, where we can make folders for them.
    pub(in super::super) fn volumes(&self) -> Option<Volumes> {
        let reached = geteuid().is_root() && !self.maps_users() && !self.is_in_a_machine();
        self.info.root.as_deref().filter(|_| reached).and_then(Volumes::of)
    }

    /// A call of its client, about this very engine.
    pub(in super::super) fn client_call(&self, words: &[&str]) -> Call {
        let host = format!("--host=unix://{}", self.socket.0.display());
        let words = std::iter::once(host.as_str()).chain(words.iter().copied());
        Call::new(&self.client, words).with_env(&self.env)
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
        let version = self.info.version();
        let architectures = vec![self.info.architecture.clone()];
        table::facts(self.backend, &version, IsolationLevel::Oci, architectures, self.controls())
    }

    fn controls(&self) -> ControlTable {
        let mut table = table::nothing("docker is not asked for this yet");
        for (control, who) in HELD {
            table.set(control, by(who));
        }
        let why = "the engine says that it cannot hold this here, and would go on without";
        self.info.count(&mut table, "docker's runtime (the plan's filter)", why);
        if self.maps_users() || !geteuid().is_root() {
            let why =
                "the engine maps users to others of the host, so nobody could read a secret's file but root";
            for control in [Control::Secrets, Control::Files, Control::FileOwners] {
                table.set(control, nobody(why, Some(table::OTHER)));
            }
        }
        if self.is_in_a_machine() {
            let why = "the engine's machine does not see who owns a file of this host, so a secret could be read by others inside";
            for control in [Control::Secrets, Control::Files, Control::FileOwners] {
                table.set(control, nobody(why, Some(table::OTHER)));
            }
        }
        let how = "bind mount of the volume's own driver (read-only, nosuid, nodev, noexec), of folders only";
        let why = "docker mounts a folder nosuid, nodev and noexec only by its volumes' driver, which sees folders of this host when root asks";
        let refused = nobody(why, Some("use the backend `native` or `podman`"));
        table.set(Control::MountsRead, if self.volumes().is_some() { by(how) } else { refused });
        // Seen in 20.10: the driver mounts with flags only where one of them is `ro`.
        let why = "docker mounts a folder nosuid, nodev and noexec only where it is read-only";
        let remedy = "use a named volume, or the backend `native` or `podman`";
        table.set(Control::MountsWrite, nobody(why, Some(remedy)));
        let why = "docker's runtime takes a mount's other flags away where it is read-only";
        table.set(Control::MountsExec, nobody(why, Some("use the backend `native` or `podman`")));
        let held = by(
            "mount of the volume's own driver: an overlay, or a bind mount for reading (nosuid, nodev, noexec)",
        );
        let why = "docker's volumes are mounted nosuid, nodev and noexec by options about folders of this host, which only root can make";
        let refused =
            nobody(why, Some("run as root with an engine of this host, or use the backend `podman`"));
        table.set(Control::Volumes, if self.volumes().is_some() { held } else { refused });
        let why = "the engine has no docker-init, which it would start first";
        let refused = nobody(why, Some("install it, or leave `init` out"));
        let held = by("docker-init of the host, as process 1");
        table.set(Control::Init, if self.info.traits.contains(&Trait::Init) { held } else { refused });
        let here = if self.is_in_a_machine() { self.backend } else { Backend::Docker };
        let why = "docker looks a group's number up as a name in the image's own list of groups, where it may be root's";
        table.set(
            Control::Groups,
            nobody(why, Some("write the group into `user`, or use the backend `native`")),
        );
        let why = "docker's sandboxes do not share the network of another yet";
        table.set(Control::SharedNetwork, nobody(why, Some("use the backend `native`")));
        table.set(Control::Publish, table::published(here));
        let why = "docker has no place for terminals below a /dev that cannot be written";
        table.set(Control::Terminal, nobody(why, Some("use the backend `native` or `podman`")));
        if self.backend == Backend::Docker { table } else { table::untried(&table) }
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
        let mut body = body(self.backend, plan, config, &folder, name, arch)?;
        let joined = project::engine_names(self.backend.name(), plan)?;
        let further = project::docker(self.backend.name(), plan, &mut body)?;
        project::docker_folders(plan, &mut body);
        project::docker_volumes(self.backend.name(), plan, self.volumes().as_ref(), name, &mut body)?;
        let connect = further.into_iter().map(|(network, endpoint)| {
            let body = json!({ "Container": name, "EndpointConfig": endpoint }).to_string();
            let ask = self.socket.exchange("POST", &format!("/networks/{network}/connect"));
            Action::Ask(Exchange { body: Some(body), ..ask })
        });
        let mut create = self.socket.exchange("POST", &format!("/containers/create?name={name}"));
        create.body = Some(body.to_string());
        let look = self.socket.exchange("GET", &format!("/containers/{name}/json"));
        let run = Attach::of(name, |target| self.socket.exchange("POST", target));
        let user = plan.process.user;
        Ok(Script {
            backend: self.backend,
            name: name.to_owned(),
            files: BTreeMap::new(),
            given: Given::of(plan, |user| Some((user.uid, user.gid))),
            terminal: plan.process.terminal == Terminal::Own,
            create: Some(Action::Ask(create)),
            confirm: Some(Confirm {
                ask: look.clone(),
                expected: body,
                networks: joined.iter().map(ToString::to_string).collect(),
            }),
            required: Required::of(plan, Engine::Docker(self), self.backend, Some((user.uid, user.gid)))?,
            names: None,
            connect: connect.collect(),
            run: Client::Attach(Box::new(run)),
            signal: Action::Ask(
                self.socket.exchange("POST", &format!("/containers/{name}/kill?signal={SIGNAL}")),
            ),
            caught: Some(Caught {
                state: look.clone(),
                processes: self
                    .socket
                    .exchange("GET", &format!("/containers/{name}/top?ps_args=-eo%20{COLUMNS}")),
            }),
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
        let said =
            call.with_env(env).answer(tools.patience()).map_err(|error| Absence::dead(&error, None))?;
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

/// What is held wherever it runs.
const HELD: [(Control, &str); 25] = [
    (Control::Namespaces, "docker's runtime (kernel namespaces; users are the host's own)"),
    (Control::LinuxCaps, "docker's runtime (all Linux caps dropped but the listed ones)"),
    (Control::NoNewPrivileges, "docker's runtime (no_new_privs)"),
    (Control::MaskedPaths, "docker's runtime (covered by /dev/null or an empty folder)"),
    (Control::RemovedAtExit, "the supervisor, and a process of ours that removes what a killed runner left"),
    (Control::NoNetwork, "network namespace"),
    (Control::ReadOnlyRoot, "read-only mount"),
    (Control::Tmp, "tmpfs with size and inode limits"),
    (
        Control::ProjectNetworks,
        "docker's internal networks, in which the host has no address; names of the project only; no IPv6",
    ),
    (Control::Env, "docker (the plan's variables and HOME, and no other)"),
    (
        Control::Files,
        "files in a folder of the runner's own that no mode lets be executed, each a bind mount (read-only)",
    ),
    (Control::FileOwners, "owners of the files, which are the host's own users"),
    (
        Control::Secrets,
        "files that only the sandbox's user and root of the host can read, in a folder of the runner's own",
    ),
    (Control::User, "docker's runtime"),
    (Control::HostName, "uts namespace"),
    (Control::OomScore, "kernel (oom_score_adj, which nobody inside can lower)"),
    (Control::Sysctls, "docker's runtime (network and ipc namespaces)"),
    (Control::DomainName, "uts namespace"),
    (Control::KnownHosts, "/etc/hosts, a file of docker's or of ours"),
    (Control::MemoryFolders, "tmpfs each (nosuid, nodev, noexec) with size and inode limits"),
    (Control::SharedMemory, "tmpfs with size and inode limits"),
    (Control::Wall, "supervisor"),
    (Control::Output, "supervisor"),
    (Control::Disk, "tmpfs size of /tmp; RLIMIT_FSIZE for each file; no core dumps (RLIMIT_CORE)"),
    (Control::OpenFiles, "RLIMIT_NOFILE"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    const INFO: &[u8] = include_bytes!("../recorded/docker-20.10.24-info.json");

    fn docker(backend: Backend, change: impl FnOnce(&mut Value)) -> Docker {
        let mut info: Value = serde_json::from_slice(INFO).unwrap();
        change(&mut info);
        let kernel = info["KernelVersion"].as_str().unwrap_or_default().to_owned();
        let info = read_info(info.to_string().as_bytes(), &kernel).unwrap();
        let socket = Socket("/var/run/docker.sock".into());
        Docker { backend, client: "/usr/bin/docker".into(), env: BTreeMap::new(), socket, info }
    }

    #[test]
    fn what_the_engine_cannot_hold_is_not_promised() {
        type Change = fn(&mut Value);
        let changes: [(Change, Control); 9] = [
            (|info| info["InitCommit"]["ID"] = "N/A".into(), Control::Init),
            (|info| drop(info.as_object_mut().unwrap().remove("KernelVersion")), Control::Secrets),
            (|info| info["MemoryLimit"] = false.into(), Control::MemoryExact),
            (|info| info["CpuCfsQuota"] = false.into(), Control::Cpu),
            (|info| drop(info.as_object_mut().unwrap().remove("PidsLimit")), Control::Pids),
            (|info| info["SecurityOptions"] = serde_json::json!([]), Control::Seccomp),
            (|info| info["SecurityOptions"] = serde_json::json!(["name=userns"]), Control::Secrets),
            (|info| info["SecurityOptions"] = serde_json::json!(["name=userns"]), Control::Volumes),
            (|info| info["DockerRootDir"] = "/a,exec".into(), Control::Volumes),
        ];
        for (change, control) in changes {
            let table = docker(Backend::Docker, change).controls();
            assert!(table.enforcer(control).is_none(), "{control}");
        }
    }

    #[test]
    fn an_engine_in_a_machine_promises_no_secrets_or_volumes_and_says_that_nobody_has_tried_it() {
        let table = docker(Backend::Orbstack, |_| ()).controls();
        assert!(table.enforcer(Control::Secrets).is_none() && table.enforcer(Control::Volumes).is_none());
        assert!(table.enforcer(Control::MaskedPaths).unwrap().contains(table::UNTRIED));
        let table = docker(Backend::Docker, |_| ()).controls();
        assert!(!table.enforcer(Control::MaskedPaths).unwrap().contains(table::UNTRIED));
    }
}
