//! What is done on the host for one sandbox, as data: made by a pure function from a plan, printed by a dry run, and carried
//! out by one piece of code for all backends.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use perry_sandbox_policy::{FileMode, FileSource, GivenFile, LaunchPlan, User};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::caught::Caught;
use super::client::Client;
use super::http::Exchange;
use super::project::{HOSTS, Names};
use super::stock::required::Required;
use super::tool::{Call, ToolError};

/// Where podman writes which process of the host the program is, in a sandbox's folder.
pub(crate) const PID_FILE: &str = "pid";
/// The folder of the files that are given, in a sandbox's folder.
pub(crate) const GIVEN: &str = "given";
/// Stands for the number of a signal in what [`Script::signal`] says.
pub(crate) const SIGNAL: &str = "{signal}";

/// Everything about one sandbox of a backend that is a program of the host. Names and words of it are chosen before anything
/// starts, and the engine decides nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Script {
    /// Whose it is.
    pub(crate) backend: Backend,
    /// What the engine calls the sandbox.
    pub(crate) name: String,
    /// A folder of its own, for its owner only: made first, and removed last.
    pub(crate) folder: PathBuf,
    /// Text files in there.
    pub(crate) files: BTreeMap<String, String>,
    /// Files that are given to it: they lie in there as `given/NUMBER` while it runs.
    pub(crate) given: Vec<Given>,
    /// Networks and volumes that must be there, and whose.
    #[serde(default)]
    pub(super) required: Vec<Required>,
    /// Where it learns who else is in its networks, if not from the engine.
    #[serde(default)]
    pub(super) names: Option<Names>,
    /// What joins it to further networks, when it has been made.
    #[serde(default)]
    pub(super) connect: Vec<Action>,
    /// Whether it has a terminal of its own: then its client has one of ours, and passes on what goes through it.
    pub(crate) terminal: bool,
    /// What makes it, before it is started.
    pub(crate) create: Option<Action>,
    /// What the engine must say of it then.
    pub(crate) confirm: Option<Confirm>,
    /// Starts it, and stays with it: its streams are the sandbox's.
    pub(crate) run: Client,
    /// Sends its program the signal [`SIGNAL`].
    pub(crate) signal: Action,
    /// Says what it does with signals, where [`Script::program`] does not.
    pub(crate) caught: Option<Caught>,
    /// Says how it ended, before it is removed.
    pub(crate) state: Option<Action>,
    /// Ends it, where that has to come before it is removed.
    pub(crate) end: Option<Action>,
    /// Removes it with all that the engine has of it, and ends it, where `end` does not.
    pub(crate) remove: Action,
}

/// A file that a sandbox is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Given {
    /// What is in it.
    pub(crate) source: FileSource,
    /// Which user and group of the host it is given to, where that is another.
    pub(crate) owner: Option<(u32, u32)>,
    /// Who may read it.
    pub(crate) mode: FileMode,
}

impl Given {
    /// All of a plan, whose owners are these users of the host.
    pub(crate) fn of(plan: &LaunchPlan, on_host: impl Fn(User) -> Option<(u32, u32)>) -> Vec<Self> {
        let files = plan.given_files().into_iter();
        files
            .map(|GivenFile { source, owner, mode, .. }| Self { source, owner: on_host(owner), mode })
            .collect()
    }

    /// Where each file of a plan lies in the folder of its sandbox, and where it is seen.
    pub(crate) fn places(plan: &LaunchPlan, folder: &Path) -> Vec<(PathBuf, GivenFile)> {
        let files = plan.given_files().into_iter().enumerate();
        files.map(|(number, file)| (folder.join(GIVEN).join(number.to_string()), file)).collect()
    }
}

/// Backends that are programs of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Backend {
    /// podman, as root or not.
    Podman,
    /// Whatever speaks the Docker Engine API.
    Docker,
    /// containerd on this host, by nerdctl.
    Nerdctl,
    /// Apple's `container`: a machine for each container.
    Apple,
    /// The Docker engine of `OrbStack`.
    Orbstack,
    /// Colima's Docker engine, or its containerd.
    Colima,
    /// Rancher Desktop's Docker engine, or its containerd.
    RancherDesktop,
    /// containerd in a machine of Lima's.
    Lima,
    /// gVisor, by its own OCI runtime.
    Runsc,
    /// A virtual machine of QEMU.
    Microvm,
    /// wasmtime, in a process of ours.
    Wasm,
}

impl Backend {
    /// The name in plans and on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Podman => "podman",
            Self::Docker => "docker",
            Self::Nerdctl => "nerdctl",
            Self::Apple => "apple",
            Self::Orbstack => "orbstack",
            Self::Colima => "colima",
            Self::RancherDesktop => "rancher-desktop",
            Self::Lima => "lima",
            Self::Runsc => "runsc",
            Self::Microvm => "microvm",
            Self::Wasm => "wasm",
        }
    }
}

/// One thing that is asked of an engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Action {
    /// By a program of the host.
    Call(Call),
    /// By its socket.
    Ask(Exchange),
}

/// Engines take fields that they do not know and leave them out. So one is asked what it has made of the question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Confirm {
    pub(crate) ask: Exchange,
    /// What was asked for; its `HostConfig` must be the container's.
    pub(crate) expected: Value,
    /// The networks that it must be in, and no other, where it is in any.
    #[serde(default)]
    pub(crate) networks: BTreeSet<String>,
}

const HOST_CONFIG: &str = "HostConfig";
/// What a container says of itself as it was asked.
const OWN: [&str; 6] = ["User", "Entrypoint", "Cmd", "WorkingDir", "NetworkDisabled", "Tty"];

impl Confirm {
    /// Asks; a field that is not what it should be is an error.
    pub(crate) fn check(&self, within: Duration) -> Result<(), ToolError> {
        let body = self.ask.answer(within)?;
        let found: Value =
            serde_json::from_slice(&body).map_err(|error| self.ask.unusable(error.to_string()))?;
        let of = |part: &str, name: &str| {
            found.get(part).and_then(|all| all.get(name)).cloned().unwrap_or(Value::Null)
        };
        let host = self.expected.get(HOST_CONFIG).and_then(Value::as_object);
        let host = host.into_iter().flatten().map(|(name, wanted)| (HOST_CONFIG, name.as_str(), wanted));
        let own = OWN.iter().filter_map(|name| Some(("Config", *name, self.expected.get(*name)?)));
        let set = |all: &Value| -> BTreeSet<String> {
            let all = all.as_array().into_iter().flatten().filter_map(Value::as_str);
            all.filter(|entry| entry.contains('=')).map(str::to_owned).collect()
        };
        if set(&of("Config", "Env")) != set(self.expected.get("Env").unwrap_or(&Value::Null)) {
            return Err(self
                .ask
                .unusable("the engine has added or changed variables, so nothing is started"));
        }
        if found.get("Image") != self.expected.get("Image") {
            return Err(self.ask.unusable("the engine has taken another image, so nothing is started"));
        }
        let joined = found.pointer("/NetworkSettings/Networks").and_then(Value::as_object);
        let joined: BTreeSet<String> = joined.into_iter().flatten().map(|(name, _)| name.clone()).collect();
        if !self.networks.is_empty() && joined != self.networks {
            return Err(self
                .ask
                .unusable("the engine has joined it to other networks, so nothing is started"));
        }
        let others = host.chain(own).filter(|(part, name, wanted)| !is_same(wanted, &of(part, name)));
        let names: Vec<&str> = others.map(|(_, name, _)| name).collect();
        if names.is_empty() {
            return Ok(());
        }
        let why = format!("the engine has left out or changed {}, so nothing is started", names.join(", "));
        Err(self.ask.unusable(why))
    }
}

/// Whether an engine has kept a value: nothing and emptiness are the same to it.
fn is_same(wanted: &Value, found: &Value) -> bool {
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::Bool(truth) => !truth,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Number(_) => false,
    };
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            let names: BTreeSet<&String> = wanted.keys().chain(found.keys()).collect();
            let of =
                |all: &serde_json::Map<String, Value>, name| all.get(name).cloned().unwrap_or(Value::Null);
            names.into_iter().all(|name| is_same(&of(wanted, name), &of(found, name)))
        }
        (Value::Array(wanted), Value::Array(found)) => {
            wanted.len() == found.len() && wanted.iter().zip(found).all(|(one, other)| is_same(one, other))
        }
        _ => wanted == found || is_empty(wanted) && is_empty(found),
    }
}

fn contains(text: &[u8], words: &str) -> bool {
    String::from_utf8_lossy(text).contains(words)
}

impl Action {
    /// Does it, and gives what was answered. What is not there is an answer of its own.
    pub(crate) fn take(&self, within: Duration) -> Result<Vec<u8>, ToolError> {
        match self {
            Self::Call(call) => Ok(call.answer(within)?.stdout),
            Self::Ask(exchange) => exchange.answer(within),
        }
    }

    /// As the error about an answer.
    pub(crate) fn unusable(&self, why: impl Into<String>) -> ToolError {
        match self {
            Self::Call(call) => call.unusable(why),
            Self::Ask(ask) => ask.unusable(why),
        }
    }

    /// With the number of a signal in the place that it has.
    pub(crate) fn with_signal(&self, number: i32) -> Self {
        let put = |text: &String| text.replace(SIGNAL, &number.to_string());
        match self {
            Self::Call(call) => {
                Self::Call(Call { args: call.args.iter().map(put).collect(), ..call.clone() })
            }
            Self::Ask(ask) => Self::Ask(Exchange { target: put(&ask.target), ..ask.clone() }),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(call) => f.write_str(&call.line()),
            Self::Ask(exchange) => exchange.fmt(f),
        }
    }
}

impl Script {
    /// Whether the engine leaves nothing of a sandbox whose program ended by itself.
    pub(crate) const fn is_removed_by_itself(&self) -> bool {
        matches!(self.backend, Backend::Podman | Backend::Runsc)
    }

    /// Ends it and removes it; one that is not there is what we want.
    pub(crate) fn discard(&self, within: Duration) -> Result<(), ToolError> {
        if let Some(end) = &self.end {
            // One that has ended already is what we want as well.
            drop(end.take(within));
        }
        match &self.remove {
            Action::Call(call) => {
                let said = call.run(within, None)?;
                let gone = self.gone().is_some_and(|words| contains(&said.stderr, words));
                if said.code == Some(0) || gone { Ok(()) } else { Err(call.failed(&said)) }
            }
            Action::Ask(ask) => {
                let reply = ask.ask(within)?;
                if matches!(reply.status, 200..300 | 404) { Ok(()) } else { Err(ask.failed(&reply)) }
            }
        }?;
        self.required.iter().try_for_each(|required| required.forget_stray(&self.name, within))
    }

    /// How an engine's client says that there is no such sandbox, where it has no way to be asked not to mind.
    const fn gone(&self) -> Option<&'static str> {
        match self.backend {
            Backend::Nerdctl | Backend::Colima | Backend::RancherDesktop | Backend::Lima => {
                Some("no such container")
            }
            Backend::Apple => Some("notFound"),
            Backend::Podman
            | Backend::Docker
            | Backend::Orbstack
            | Backend::Runsc
            | Backend::Microvm
            | Backend::Wasm => None,
        }
    }

    /// What is done, in order, for people.
    pub(crate) fn steps(&self) -> Vec<String> {
        let folder = self.folder.display();
        let mut steps = vec![format!("make the folder {folder}, for its owner only")];
        for (name, text) in &self.files {
            steps.push(format!("write {folder}/{name}:"));
            steps.extend(text.lines().map(|line| format!("    {line}")));
        }
        steps.extend(self.given.iter().enumerate().map(|(number, one)| match &one.source {
            FileSource::Secret(name) => {
                format!("write {folder}/{GIVEN}/{number}: the secret {name}, whose value is not shown")
            }
            config @ FileSource::Config { .. } => format!("write {folder}/{GIVEN}/{number}: the {config}"),
        }));
        steps.extend(self.required.iter().map(ToString::to_string));
        if self.names.is_some() {
            steps.push(format!("keep in {folder}/{HOSTS} who is in its networks, while it runs"));
        }
        steps.extend(self.create.iter().chain(&self.connect).map(ToString::to_string));
        if let Some(confirm) = &self.confirm {
            steps.push(format!("it must say then that it is what was asked for: {}", confirm.ask));
        }
        steps.extend(self.run.steps());
        steps.push(format!("for each signal: {}", self.signal));
        steps.extend(self.end.iter().map(|action| format!("to end it: {action}")));
        steps.extend(self.state.iter().map(|action| format!("at its end: {action}")));
        steps.push(format!("at its end, and when this program is killed: {}", self.remove));
        steps
    }
}
