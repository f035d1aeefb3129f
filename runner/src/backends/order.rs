//! Which backend is tried first.

use std::str::FromStr;

use thiserror::Error;

use super::script::Backend;

/// The kind of system that this runs on, as far as it decides which backends there can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum System {
    /// Engines there run Linux in a machine of their own.
    MacOs,
    /// All others.
    #[default]
    Other,
}

/// Which kind of engine is preferred: `PERRY_CONTAINER_MODE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ContainerMode {
    /// What runs a sandbox below this very process comes first where the system has it.
    #[default]
    LocalFirst,
    /// Engines with a daemon or a machine of their own come before all that have none.
    ServerFirst,
}

/// A word that is no mode.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is neither `local-first` nor `server-first`")]
pub struct ContainerModeError(String);

/// One in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Candidate {
    /// The embedded one.
    Native,
    /// A program of the host.
    Program(Backend),
}

impl System {
    /// The one that this was built for.
    pub(crate) const fn here() -> Self {
        if cfg!(target_os = "macos") { Self::MacOs } else { Self::Other }
    }
}

impl FromStr for ContainerMode {
    type Err = ContainerModeError;

    fn from_str(text: &str) -> Result<Self, ContainerModeError> {
        match text {
            "local-first" => Ok(Self::LocalFirst),
            "server-first" => Ok(Self::ServerFirst),
            other => Err(ContainerModeError(other.to_owned())),
        }
    }
}

impl Candidate {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Program(backend) => backend.name(),
        }
    }

    /// Whether something runs beside us that keeps the sandbox: a daemon, or a machine.
    const fn has_a_server(self) -> bool {
        match self {
            Self::Native
            | Self::Program(Backend::Podman | Backend::Runsc | Backend::Microvm | Backend::Wasm) => false,
            Self::Program(
                Backend::Docker
                | Backend::Nerdctl
                | Backend::Apple
                | Backend::Orbstack
                | Backend::Colima
                | Backend::RancherDesktop
                | Backend::Lima,
            ) => true,
        }
    }
}

/// All backends, the preferred first.
pub(super) fn order(system: System, mode: ContainerMode) -> Vec<Candidate> {
    use Backend::{
        Apple, Colima, Docker, Lima, Microvm, Nerdctl, Orbstack, Podman, RancherDesktop, Runsc, Wasm,
    };
    let of = |programs: [Backend; 8]| programs.map(Candidate::Program);
    let mut all = match system {
        System::MacOs => {
            let mut all =
                of([Apple, Orbstack, Colima, RancherDesktop, Lima, Podman, Nerdctl, Docker]).to_vec();
            all.push(Candidate::Native);
            all
        }
        System::Other => {
            let mut all = vec![Candidate::Native];
            all.extend(of([Podman, Nerdctl, Docker, Apple, Orbstack, Colima, RancherDesktop, Lima]));
            all
        }
    };
    all.extend([Runsc, Microvm, Wasm].map(Candidate::Program));
    if mode == ContainerMode::ServerFirst {
        // The order of equals stays.
        all.sort_by_key(|candidate| !candidate.has_a_server());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(system: System, mode: ContainerMode) -> Vec<&'static str> {
        order(system, mode).into_iter().map(Candidate::name).collect()
    }

    #[test]
    fn what_needs_nothing_comes_first_and_on_a_mac_what_is_made_for_it() {
        assert_eq!(
            names(System::Other, ContainerMode::LocalFirst),
            [
                "native",
                "podman",
                "nerdctl",
                "docker",
                "apple",
                "orbstack",
                "colima",
                "rancher-desktop",
                "lima",
                "runsc",
                "microvm",
                "wasm"
            ]
        );
        assert_eq!(
            names(System::MacOs, ContainerMode::LocalFirst),
            [
                "apple",
                "orbstack",
                "colima",
                "rancher-desktop",
                "lima",
                "podman",
                "nerdctl",
                "docker",
                "native",
                "runsc",
                "microvm",
                "wasm"
            ]
        );
    }

    #[test]
    fn servers_come_first_where_they_are_wanted_first_and_nothing_is_lost() {
        assert_eq!(
            names(System::Other, ContainerMode::ServerFirst),
            [
                "nerdctl",
                "docker",
                "apple",
                "orbstack",
                "colima",
                "rancher-desktop",
                "lima",
                "native",
                "podman",
                "runsc",
                "microvm",
                "wasm"
            ]
        );
        assert_eq!(
            names(System::MacOs, ContainerMode::ServerFirst),
            [
                "apple",
                "orbstack",
                "colima",
                "rancher-desktop",
                "lima",
                "nerdctl",
                "docker",
                "podman",
                "native",
                "runsc",
                "microvm",
                "wasm"
            ]
        );
    }

    #[test]
    fn another_word_is_no_mode() {
        assert_eq!("server-first".parse(), Ok(ContainerMode::ServerFirst));
        assert_eq!("local-first".parse(), Ok(ContainerMode::LocalFirst));
        for word in ["", "Local-First", "server", "local-first "] {
            assert!(word.parse::<ContainerMode>().is_err(), "{word}");
        }
    }
}
