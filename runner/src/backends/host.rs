//! Where engines of this host are looked for, and what they need of the environment to be reached.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::order::{ContainerMode, System};
use super::survey::PATIENCE;

/// The part of the environment that decides which engine is reached, as its caller has read it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostTools {
    folders: Vec<PathBuf>,
    variables: BTreeMap<String, String>,
    memory: Option<PathBuf>,
    kernels: Vec<PathBuf>,
    until: Option<Instant>,
    mode: ContainerMode,
    system: System,
}

/// What an engine's client needs to find its store, its daemon and the user's session. Proxies are not among it, nor is what
/// could hold a secret.
const NEEDED: [&str; 16] = [
    "COLIMA_HOME",
    "COLIMA_PROFILE",
    "CONTAINERD_ADDRESS",
    "CONTAINERS_CONF",
    "CONTAINERS_STORAGE_CONF",
    "DBUS_SESSION_BUS_ADDRESS",
    "DOCKER_CONFIG",
    "DOCKER_CONTEXT",
    "DOCKER_HOST",
    "HOME",
    "LIMA_HOME",
    "PATH",
    "TMPDIR",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
];

impl HostTools {
    /// Takes what is needed of the environment. Relative folders of `PATH` do not count.
    pub fn read(lookup: &dyn Fn(&str) -> Option<String>) -> Self {
        let variables: BTreeMap<String, String> =
            NEEDED.iter().filter_map(|name| Some(((*name).to_owned(), lookup(name)?))).collect();
        let path = variables.get("PATH").map(String::as_str).unwrap_or_default();
        let folders = std::env::split_paths(path).filter(|folder| folder.is_absolute()).collect();
        Self {
            folders,
            variables,
            memory: None,
            mode: ContainerMode::default(),
            system: System::here(),
            kernels: Vec::new(),
            until: None,
        }
    }

    /// For one that is probed from now on, whose answers may take so long all together.
    pub(super) fn within(&self, patience: Duration) -> Self {
        Self { until: Instant::now().checked_add(patience), ..self.clone() }
    }

    /// How long the next answer may take.
    pub(super) fn patience(&self) -> Duration {
        self.until.map_or(PATIENCE, |until| until.saturating_duration_since(Instant::now()))
    }

    /// Which kind of engine is preferred.
    #[must_use]
    pub fn preferring(self, mode: ContainerMode) -> Self {
        Self { mode, ..self }
    }

    /// As on another kind of system.
    #[cfg(test)]
    pub(super) fn on(self, system: System) -> Self {
        Self { system, ..self }
    }

    /// Which kind of engine is preferred.
    pub const fn mode(&self) -> ContainerMode {
        self.mode
    }

    pub(super) const fn system(&self) -> System {
        self.system
    }

    /// A folder of the user's own.
    pub(super) fn at_home(&self, path: &str) -> Option<PathBuf> {
        let home = PathBuf::from(self.variable("HOME")?);
        home.is_absolute().then(|| home.join(path))
    }

    /// What was found is kept in this file, in a folder of the caller's own.
    #[must_use]
    pub fn remembering(self, file: PathBuf) -> Self {
        Self { memory: Some(file), ..self }
    }

    /// Kernel images for virtual machines, the preferred first.
    #[must_use]
    pub fn with_kernels(self, kernels: Vec<PathBuf>) -> Self {
        Self { kernels, ..self }
    }

    pub(super) fn kernels(&self) -> &[PathBuf] {
        &self.kernels
    }

    pub(super) fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    pub(super) fn memory(&self) -> Option<&PathBuf> {
        self.memory.as_ref()
    }

    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// The environment of an engine's client: words are in the language that we read.
    pub(super) fn environment(&self) -> BTreeMap<String, String> {
        let mut variables = self.variables.clone();
        variables.insert("LC_ALL".to_owned(), "C.UTF-8".to_owned());
        variables
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_finds_an_engine_is_taken() {
        let all = |name: &str| match name {
            "PATH" => Some("/usr/bin:relative:/bin".to_owned()),
            "HTTPS_PROXY" | "AWS_SECRET_ACCESS_KEY" | "CONTAINER_HOST" => Some("x".to_owned()),
            _ => None,
        };
        let tools = HostTools::read(&all);
        assert_eq!(tools.folders(), [PathBuf::from("/usr/bin"), PathBuf::from("/bin")]);
        let names: Vec<_> = tools.environment().into_keys().collect();
        assert_eq!(names, ["LC_ALL", "PATH"]);
    }
}
