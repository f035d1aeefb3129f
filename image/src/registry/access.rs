//! How a registry may be reached: everything that the caller decides, and nothing read from the environment.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use perry_sandbox_reference::Repository;

use super::credentials::Credentials;

/// How to reach a registry, and as whom.
#[derive(Clone)]
pub struct Access {
    /// As whom.
    pub credentials: Credentials,
    /// Which registries may be asked over plain http.
    pub insecure: Insecure,
    /// Which certificates are trusted.
    pub roots: Roots,
    /// An http proxy, e.g. `http://proxy.example:3128`, or none. Registries on this machine are asked without.
    pub proxy: Option<String>,
    /// Hosts that are not asked through the proxy, in the form of `NO_PROXY`.
    pub no_proxy: Vec<String>,
    /// Other hosts that may hand out tokens for the credentials, such as `gitlab.example` for
    /// `registry.gitlab.example`. The registry's own host always may.
    pub token_hosts: BTreeSet<String>,
    /// How long one step (connect, wait for an answer, wait for more of it) may take.
    pub patience: Duration,
    /// How often a request is tried in all.
    pub attempts: u32,
}

/// Which registries may be asked over plain http. Everybody on the way can then read and change what is
/// transferred; digests are still checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Insecure {
    /// None.
    #[default]
    Never,
    /// Those on this machine.
    Loopback,
    /// Those on this machine, and these (host and, if not 80, port).
    Hosts(BTreeSet<String>),
}

/// Which certificates are trusted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Roots {
    /// The system's.
    #[default]
    System,
    /// Those in one PEM file.
    File(PathBuf),
}

impl fmt::Debug for Access {
    // The proxy's address may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("credentials", &self.credentials)
            .field("insecure", &self.insecure)
            .field("roots", &self.roots)
            .field("proxy", &self.proxy.is_some())
            .finish_non_exhaustive()
    }
}

impl Default for Access {
    fn default() -> Self {
        Self {
            credentials: Credentials::None,
            insecure: Insecure::Never,
            roots: Roots::System,
            proxy: None,
            no_proxy: Vec::new(),
            token_hosts: BTreeSet::new(),
            patience: Duration::from_secs(30),
            attempts: 4,
        }
    }
}

impl Access {
    /// Whether servers on this machine may be asked over plain http.
    pub(super) fn is_plain_allowed_here(&self) -> bool {
        self.insecure != Insecure::Never
    }

    /// Whether this registry is asked over plain http.
    pub(super) fn is_plain(&self, repository: &Repository) -> bool {
        match &self.insecure {
            Insecure::Never => false,
            Insecure::Loopback => repository.is_loopback(),
            Insecure::Hosts(hosts) => repository.is_loopback() || hosts.contains(repository.registry()),
        }
    }
}
