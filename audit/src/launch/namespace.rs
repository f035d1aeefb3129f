//! Namespaces that a container has of its own, or shares.

use crate::place::Placed;

/// Whose namespace it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamespaceMode {
    /// Its own.
    Own,
    /// The host's.
    Host,
    /// Another container's or service's.
    Joined(String),
}

impl NamespaceMode {
    /// What an engine reads in a mode's word.
    pub(crate) fn of(word: &str) -> Self {
        if word == "host" {
            return Self::Host;
        }
        match word.split_once(':') {
            Some(("container" | "service", name)) => Self::Joined(name.to_owned()),
            Some(("ns", path)) => Self::Joined(path.to_owned()),
            _ => Self::Own,
        }
    }
}

/// A container's namespaces, as far as it says anything of them.
#[derive(Debug, Clone, Default)]
pub struct Namespaces {
    /// Network.
    pub network: Option<Placed<NamespaceMode>>,
    /// Processes.
    pub pid: Option<Placed<NamespaceMode>>,
    /// Shared memory and queues.
    pub ipc: Option<Placed<NamespaceMode>>,
    /// Host name.
    pub uts: Option<Placed<NamespaceMode>>,
    /// Users.
    pub user: Option<Placed<NamespaceMode>>,
    /// Control groups.
    pub cgroup: Option<Placed<NamespaceMode>>,
}

impl Namespaces {
    /// All of which something is said, with their names.
    pub fn said(&self) -> impl Iterator<Item = (&'static str, &Placed<NamespaceMode>)> {
        [
            ("network", &self.network),
            ("pid", &self.pid),
            ("ipc", &self.ipc),
            ("uts", &self.uts),
            ("user", &self.user),
            ("cgroup", &self.cgroup),
        ]
        .into_iter()
        .filter_map(|(name, mode)| mode.as_ref().map(|mode| (name, mode)))
    }
}
