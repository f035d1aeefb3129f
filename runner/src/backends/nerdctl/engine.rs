//! nerdctl: where it is, what its containerd is, and what it holds. Not run on the real thing; flags and answers are those of
//! its documentation (<https://github.com/containerd/nerdctl/blob/main/docs/command-reference.md>) and its source.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use perry_sandbox_image::ImageConfig;
use perry_sandbox_policy::{BackendFacts, Control, ControlTable, IsolationLevel, LaunchPlan, Terminal};
use perry_sandbox_profiles::{Arch, to_oci_json};
use perry_sandbox_reference::Platform;
use serde::{Deserialize, Serialize};

use super::super::brought::{refuse_variables, refuse_volumes};
use super::super::client::Client;
use super::super::docker::{Info, Trait, kernel, read_info};
use super::super::host::HostTools;
use super::super::images::manifest_hex;
use super::super::place;
use super::super::script::{Action, Backend, Given, SIGNAL, Script};
use super::super::survey::Absence;
use super::super::table::{self, by, nobody};
use super::super::tool::{Call, find};
use super::words::{SECCOMP, words};
use crate::demands::PlanError;

/// A part of containerd that is ours: what others call an image is not there.
const NAMESPACE: &str = "--namespace=perry-sandbox";

/// A containerd that has answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Nerdctl {
    /// Whose it is.
    backend: Backend,
    way: Way,
    env: BTreeMap<String, String>,
    info: Info,
}

/// How nerdctl is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Way {
    program: PathBuf,
    /// What leads into a machine, and to nerdctl there; empty on this host.
    lead: Vec<String>,
}

impl Way {
    /// By a program that passes what follows these words on to nerdctl in a machine.
    pub(in super::super) fn through(program: PathBuf, lead: &[&str]) -> Self {
        Self { program, lead: lead.iter().map(|word| (*word).to_owned()).collect() }
    }

    fn call(&self, env: &BTreeMap<String, String>, words: impl IntoIterator<Item = String>) -> Call {
        let mut call = Call::new(&self.program, self.lead.iter().map(String::as_str)).with_env(env);
        call.lead = self.lead.len();
        call.args.push(NAMESPACE.to_owned());
        call.args.extend(words);
        call
    }
}

impl Nerdctl {
    /// Finds it on this host.
    pub(in super::super) fn probe(tools: &HostTools) -> Result<Self, Absence> {
        let install = "install nerdctl: https://github.com/containerd/nerdctl/releases";
        let program = find("nerdctl", tools.folders()).map_err(|why| Absence::nowhere(&why, install))?;
        let start = "start containerd: `systemctl start containerd` as root, or `containerd-rootless-setuptool.sh install`";
        Self::at(Backend::Nerdctl, Way::through(program, &[]), tools, start)
    }

    /// Asks the containerd that is reached this way what it is.
    pub(in super::super) fn at(
        backend: Backend,
        way: Way,
        tools: &HostTools,
        remedy: &str,
    ) -> Result<Self, Absence> {
        // The answer has the form of Docker's (pkg/inspecttypes/dockercompat/info.go).
        let env = tools.environment();
        let call = way.call(&env, ["info", "--format={{json .}}"].map(str::to_owned));
        let said = call.answer(tools.patience()).map_err(|error| Absence::dead(&error, Some(remedy)))?;
        let info =
            read_info(&said.stdout, &kernel()).map_err(|why| Absence::dead(&call.unusable(why), None))?;
        let found = Self { backend, way, env, info };
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

    pub(in super::super) fn rests_on(&self) -> Vec<&Path> {
        vec![&self.way.program]
    }

    fn is_in_a_machine(&self) -> bool {
        !self.way.lead.is_empty() || self.info.traits.contains(&Trait::Elsewhere)
    }

    /// What is asked of it.
    pub(in super::super) fn call(&self, words: &[&str]) -> Call {
        self.way.call(&self.env, words.iter().map(|word| (*word).to_owned()))
    }

    /// What it enforces here.
    pub(in super::super) fn facts(&self) -> Option<BackendFacts> {
        let version = format!("containerd {}", self.info.version());
        let architectures = vec![self.info.architecture.clone()];
        table::facts(self.backend, &version, IsolationLevel::Oci, architectures, self.controls())
    }

    fn controls(&self) -> ControlTable {
        let mut table = table::nothing("nerdctl is not asked for this yet");
        for (control, who) in HELD {
            table.set(control, by(who));
        }
        let why = "it does not say that it can hold this here, and would go on without";
        self.info.count(&mut table, "containerd's runtime (the plan's filter)", why);
        let shifted =
            self.info.traits.contains(&Trait::OwnIds) || self.info.traits.contains(&Trait::Rootless);
        if shifted || self.is_in_a_machine() {
            let why = "a file of this host does not have the same owner inside, so a secret could be read by others or by nobody";
            table.set(Control::Secrets, nobody(why, Some(table::OTHER)));
        }
        // The only word that its `--security-opt systempaths=` takes is `unconfined`
        // (<https://github.com/containerd/nerdctl/pull/3533>).
        let why = "nerdctl hides the paths of its own short list and cannot be told to hide more, as /proc/kallsyms and /proc/version";
        table.set(Control::MaskedPaths, nobody(why, Some(self.instead())));
        for control in [Control::MountsRead, Control::MountsWrite, Control::MountsExec] {
            let why = "nerdctl cannot mount a folder nosuid, nodev and noexec";
            table.set(control, nobody(why, Some("use the backend `native` or `podman`")));
        }
        let why = "nerdctl leaves /dev writable for root inside, and cannot be told its size";
        table.set(Control::Disk, nobody(why, Some(self.instead())));
        table::untried(&table)
    }

    /// What holds what it does not.
    const fn instead(&self) -> &'static str {
        match self.backend {
            Backend::Colima => "let Colima run Docker's engine, which can: `colima start --runtime docker`",
            Backend::RancherDesktop => {
                "let Rancher Desktop run Docker's engine, which can: `rdctl set --container-engine.name moby`"
            }
            Backend::Lima => {
                "let the machine run Docker's engine, which can: `limactl start template://docker`, and the backend `docker`"
            }
            Backend::Podman
            | Backend::Docker
            | Backend::Nerdctl
            | Backend::Apple
            | Backend::Orbstack
            | Backend::Runsc
            | Backend::Microvm
            | Backend::Wasm => "use the backend `native`, `podman` or `docker`",
        }
    }

    /// What is executed for a plan. The container stays until it is removed: only then does it say how it ended, where the
    /// client's own code could be the client's own failure. A machine that does not share our folder finds no filter there, and
    /// nothing starts.
    pub(in super::super) fn script(
        &self,
        plan: &LaunchPlan,
        config: &ImageConfig,
        runtime: &Path,
        name: &str,
    ) -> Result<Script, PlanError> {
        refuse_volumes(self.backend, config)?;
        // It sets PATH where the image has none (pkg/cmd/container/create.go).
        refuse_variables(self.backend, plan, config, &["PATH"])?;
        let folder = place::folder(runtime, name);
        let profile = to_oci_json(&plan.seccomp, Arch::host().ok_or(PlanError::Arch)?).to_string();
        let run = self.way.call(&self.env, words(plan, &folder, name, &manifest_hex(plan)?));
        let state = self.call(&["container", "inspect", "--format={{json .State}}", name]);
        Ok(Script {
            backend: self.backend,
            name: name.to_owned(),
            files: [(SECCOMP.to_owned(), profile)].into(),
            given: Given::of(plan, |user| Some((user.uid, user.gid))),
            required: Vec::new(),
            names: None,
            connect: Vec::new(),
            terminal: plan.process.terminal == Terminal::Own,
            create: None,
            confirm: None,
            caught: None,
            run: Client::Call(run),
            signal: Action::Call(self.call(&["kill", &format!("--signal={SIGNAL}"), name])),
            state: Some(Action::Call(state)),
            end: None,
            remove: Action::Call(self.call(&["rm", "--force", "--volumes", name])),
            folder,
        })
    }
}

/// What is held wherever it runs.
const HELD: [(Control, &str); 13] = [
    (Control::Namespaces, "containerd's runtime (kernel namespaces; users are the host's own)"),
    (Control::LinuxCaps, "containerd's runtime (all Linux caps dropped but the listed ones)"),
    (Control::NoNewPrivileges, "containerd's runtime (no_new_privs)"),
    (Control::RemovedAtExit, "the supervisor, and a process of ours that removes what a killed runner left"),
    (Control::NoNetwork, "network namespace"),
    (Control::ReadOnlyRoot, "read-only mount"),
    (Control::Tmp, "tmpfs with a size"),
    (Control::Env, "nerdctl (the plan's variables; an image that brings others is refused)"),
    (
        Control::Secrets,
        "files that only the sandbox's user and root of the host can read, in a folder of the runner's own",
    ),
    (Control::User, "containerd's runtime"),
    (Control::Wall, "supervisor"),
    (Control::Output, "supervisor"),
    (Control::OpenFiles, "RLIMIT_NOFILE"),
];
