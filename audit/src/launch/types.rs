//! The form itself.

use super::mount::{HostFile, Mount};
use super::namespace::Namespaces;
use super::security::SecurityOpt;
use crate::finding::Target;
use crate::place::{Place, Placed};

/// A program whose command line is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// `docker`.
    Docker,
    /// `podman`.
    Podman,
    /// `nerdctl`.
    Nerdctl,
}

/// Where a launch comes from: what it cannot say is not missing in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A service of a Compose stack.
    Compose,
    /// A command line.
    Argv(Engine),
    /// A container of a Pod.
    Pod,
}

/// A stack: what is launched together.
#[derive(Debug, Clone)]
pub struct Stack {
    /// Where it comes from.
    pub origin: Origin,
    /// The stack's folder, absolute, if it has one.
    pub folder: Option<String>,
    /// The file as a whole.
    pub place: Place,
    /// What is launched.
    pub launches: Vec<Launch>,
}

/// A hook of a service.
#[derive(Debug, Clone)]
pub struct Hook {
    /// Whether it asks for all privileges.
    pub privileged: Option<Placed<bool>>,
    /// The user that it asks for.
    pub user: Option<Placed<String>>,
    /// Its words, with spaces between them.
    pub command: Option<Placed<String>>,
}

/// A device of the host.
#[derive(Debug, Clone, PartialEq)]
pub enum Device {
    /// By its path on the host, or a CDI name.
    Path(Placed<String>),
    /// Of a kind, as GPUs are asked for.
    Request(Placed<String>),
    /// A rule for the cgroup's device list.
    Rule(Placed<String>),
}

impl Device {
    /// The value and its place, whichever form it has.
    pub const fn placed(&self) -> &Placed<String> {
        match self {
            Self::Path(placed) | Self::Request(placed) | Self::Rule(placed) => placed,
        }
    }
}

/// A published port.
#[derive(Debug, Clone)]
pub struct Port {
    /// The port or range, as it is written.
    pub text: String,
    /// The address of the host; none means all.
    pub address: Option<String>,
    /// The port of the host; none lets the engine choose.
    pub published: Option<String>,
    /// Where.
    pub place: Place,
}

/// A variable of the program's environment.
#[derive(Debug, Clone)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value; none is passed on from the caller.
    pub value: Option<String>,
    /// Where.
    pub place: Place,
}

/// Limits as they are written; `-1` and `0` mean none.
#[derive(Debug, Clone, Default)]
pub struct LaunchLimits {
    /// Bytes of memory.
    pub memory: Option<Placed<f64>>,
    /// Processors.
    pub cpu: Option<Placed<f64>>,
    /// Processes.
    pub pids: Option<Placed<f64>>,
    /// Open files.
    pub open_files: Option<Placed<f64>>,
    /// Bytes of its own files.
    pub disk: Option<Placed<f64>>,
    /// Bytes of its log.
    pub log: Option<Placed<f64>>,
}

/// How an image is built.
#[derive(Debug, Clone, Default)]
pub struct Build {
    /// Whether the build has all privileges.
    pub privileged: Option<Placed<bool>>,
    /// What the builder is asked to allow.
    pub entitlements: Vec<Placed<String>>,
    /// The network of its steps.
    pub network: Option<Placed<String>>,
    /// Agents and keys that it may use.
    pub ssh: Vec<Placed<String>>,
    /// Its arguments, which stay in the image's history.
    pub args: Vec<Variable>,
}

/// One container that is asked for.
#[derive(Debug, Clone)]
pub struct Launch {
    /// What it is called.
    pub target: Target,
    /// Where it comes from.
    pub origin: Origin,
    /// Where it stands: its name, or the engine's word for "run".
    pub place: Place,
    /// The folder that its files belong to, absolute.
    pub folder: Option<String>,
    /// Its image.
    pub image: Option<Placed<String>>,
    /// How its image is built.
    pub build: Option<Build>,
    /// Whether it has all privileges.
    pub privileged: Option<Placed<bool>>,
    /// Its hooks.
    pub hooks: Vec<Hook>,
    /// Linux caps that are added.
    pub cap_add: Vec<Placed<String>>,
    /// Linux caps that are dropped.
    pub cap_drop: Vec<Placed<String>>,
    /// What it says of seccomp, the security module and the like.
    pub security: Vec<Placed<SecurityOpt>>,
    /// What is mounted.
    pub mounts: Vec<Mount>,
    /// Secrets and configs that come from files of the host.
    pub host_files: Vec<HostFile>,
    /// Containers whose mounts it gets.
    pub volumes_from: Vec<Placed<String>>,
    /// Its namespaces.
    pub namespaces: Namespaces,
    /// Whether it has no network at all.
    pub has_no_network: bool,
    /// Its published ports.
    pub ports: Vec<Port>,
    /// Its devices.
    pub devices: Vec<Device>,
    /// Names with addresses: `name=address`.
    pub hosts: Vec<Placed<String>>,
    /// Its limits.
    pub limits: LaunchLimits,
    /// Whether its root file system is read-only.
    pub read_only: Option<Placed<bool>>,
    /// Kernel settings: `name=value`.
    pub sysctls: Vec<Placed<String>>,
    /// Its user.
    pub user: Option<Placed<String>>,
    /// A program of the host that stands in for it.
    pub provider: Option<Placed<String>>,
    /// Whether the kernel may not kill it when memory ends.
    pub oom_kill_disable: Option<Placed<bool>>,
    /// How gladly the kernel kills it then.
    pub oom_score_adj: Option<Placed<f64>>,
    /// Whether a credential is written down in its environment.
    pub holds_literals: bool,
    /// Its environment.
    pub environment: Vec<Variable>,
    /// Its OCI runtime.
    pub runtime: Option<Placed<String>>,
    /// Its memory file systems: `path:options`.
    pub tmpfs: Vec<Placed<String>>,
    /// Its log driver.
    pub log_driver: Option<Placed<String>>,
    /// Whether it gets the engine's own control socket.
    pub api_socket: Option<Placed<bool>>,
    /// Whether it is removed when it ends; only an invocation says so.
    pub removed: Option<bool>,
    /// The invocation's words that a caller fills in, where they may be taken for options.
    pub open_words: Vec<Placed<String>>,
}

impl Launch {
    /// One that asks for nothing.
    pub(crate) fn new(target: Target, origin: Origin, place: Place, folder: Option<String>) -> Self {
        Self {
            target,
            origin,
            place,
            folder,
            image: None,
            build: None,
            privileged: None,
            hooks: Vec::new(),
            cap_add: Vec::new(),
            cap_drop: Vec::new(),
            security: Vec::new(),
            mounts: Vec::new(),
            host_files: Vec::new(),
            volumes_from: Vec::new(),
            namespaces: Namespaces::default(),
            has_no_network: false,
            ports: Vec::new(),
            devices: Vec::new(),
            hosts: Vec::new(),
            limits: LaunchLimits::default(),
            read_only: None,
            sysctls: Vec::new(),
            user: None,
            provider: None,
            oom_kill_disable: None,
            oom_score_adj: None,
            holds_literals: false,
            environment: Vec::new(),
            runtime: None,
            tmpfs: Vec::new(),
            log_driver: None,
            api_socket: None,
            removed: None,
            open_words: Vec::new(),
        }
    }

    /// Whether it runs a container at all: a service with a provider does not.
    pub const fn is_container(&self) -> bool {
        self.provider.is_none()
    }
}
