//! Who builds: found on this host, and called with an environment of ours.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use perry_sandbox_policy::BuildNetwork;

use super::super::docker::Docker;
use super::super::host::HostTools;
use super::super::podman::Podman;
use super::super::survey::{Backends, Means};
use super::super::tool::{Call, find};
use super::{BuildError, BuildOrder};

/// A program that builds images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuilderKind {
    /// podman.
    Podman,
    /// buildah.
    Buildah,
    /// docker, by its own builder: other ones fetch programs for a build by themselves.
    Docker,
}

impl BuilderKind {
    /// All, the preferred first.
    pub const ALL: [Self; 3] = [Self::Podman, Self::Buildah, Self::Docker];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Podman => "podman",
            Self::Buildah => "buildah",
            Self::Docker => "docker",
        }
    }

    /// Whether it can hold a build to that.
    const fn holds(self, network: BuildNetwork) -> bool {
        !matches!((self, network), (Self::Docker, BuildNetwork::None))
    }
}

impl fmt::Display for BuilderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for BuilderKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| format!("there are {}", Self::ALL.map(Self::as_str).join(", ")))
    }
}

/// A builder that is here.
#[derive(Debug)]
pub struct Builder {
    pub(super) kind: BuilderKind,
    means: How,
    runtime: PathBuf,
}

#[derive(Debug)]
enum How {
    Podman(Podman),
    Buildah { program: PathBuf, env: BTreeMap<String, String> },
    Docker(Docker),
}

impl Builder {
    /// The one that is named, else the first that is here and can hold the build to what is granted. `runtime` is a folder of
    /// the caller's own, where podman finds a configuration of ours.
    ///
    /// # Errors
    /// There is none, or the named one cannot do it.
    pub fn find(
        tools: &HostTools,
        runtime: &Path,
        named: Option<BuilderKind>,
        order: &BuildOrder,
    ) -> Result<Self, BuildError> {
        if named.is_some_and(|kind| !kind.holds(order.network)) {
            return Err(BuildError::Network);
        }
        let mut why = Vec::new();
        let kinds = BuilderKind::ALL.into_iter().filter(|kind| named.is_none_or(|named| named == *kind));
        for kind in kinds {
            if !kind.holds(order.network) {
                why.push(format!("{kind}: it pulls images, and the policy grants this build no network"));
                continue;
            }
            match How::of(tools, kind) {
                Ok(means) => return Ok(Self { kind, means, runtime: runtime.to_owned() }),
                Err(absent) => why.push(format!("{kind}: {absent}")),
            }
        }
        Err(BuildError::NoBuilder { why: why.join("; ") })
    }

    /// Which it is.
    pub const fn kind(&self) -> BuilderKind {
        self.kind
    }

    /// Prepares what its calls need.
    pub(super) fn furnish(&self) -> std::io::Result<()> {
        match &self.means {
            How::Podman(podman) => podman.furnish(&self.runtime),
            How::Buildah { .. } | How::Docker(_) => Ok(()),
        }
    }

    /// A call of it.
    pub(super) fn call(&self, words: &[String]) -> Call {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match &self.means {
            How::Podman(podman) => podman.call(&self.runtime, &words),
            How::Buildah { program, env } => Call::new(program, words).with_env(env),
            How::Docker(docker) => docker.client_call(&words),
        }
    }
}

impl How {
    fn of(tools: &HostTools, kind: BuilderKind) -> Result<Self, String> {
        if kind == BuilderKind::Buildah {
            let program = find("buildah", tools.folders()).map_err(|why| why.to_string())?;
            return Ok(Self::Buildah { program, env: tools.environment() });
        }
        let backends = Backends::survey(tools, Some(kind.as_str()));
        match backends.means(kind.as_str()) {
            Some(Means::Podman(podman)) => Ok(Self::Podman(podman.clone())),
            Some(Means::Docker(docker)) => Ok(Self::Docker(docker.clone())),
            _ => Err(backends.absent().pop().map_or_else(|| "it is not installed".to_owned(), |it| it.why)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_docker_pulls_without_being_told() {
        for kind in BuilderKind::ALL {
            assert!(kind.holds(BuildNetwork::Builder), "{kind}");
            assert_eq!(kind.holds(BuildNetwork::None), kind != BuilderKind::Docker, "{kind}");
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        assert!("kaniko".parse::<BuilderKind>().is_err());
    }
}
