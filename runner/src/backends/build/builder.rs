//! Who builds: found on this host, and called with an environment of ours.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use nix::unistd::geteuid;
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
    /// What starts it in an empty network namespace, where its build is to have no network.
    apart: Option<PathBuf>,
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
        let apart = match order.network {
            BuildNetwork::None => Some(unshare(tools, geteuid().is_root())?),
            BuildNetwork::Builder => None,
        };
        let mut why = Vec::new();
        let kinds = BuilderKind::ALL.into_iter().filter(|kind| named.is_none_or(|named| named == *kind));
        for kind in kinds {
            if !kind.holds(order.network) {
                why.push(format!("{kind}: it pulls images, and the policy grants this build no network"));
                continue;
            }
            match How::of(tools, kind) {
                Ok(means) => return Ok(Self { kind, means, runtime: runtime.to_owned(), apart }),
                Err(absent) => why.push(format!("{kind}: {absent}")),
            }
        }
        Err(BuildError::NoBuilder { why: why.join("; ") })
    }

    /// One whose words go to this program.
    #[cfg(test)]
    pub(super) fn of_program(program: &str) -> Self {
        let means = How::Buildah { program: program.into(), env: BTreeMap::new() };
        Self { kind: BuilderKind::Buildah, means, runtime: PathBuf::new(), apart: None }
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

    /// A call of it that builds, in what network the build is to have.
    ///
    /// SECURITY: `--network` is about steps that run something. What the builder fetches itself (`ADD` of an address), and a
    /// step that asks for the host's network, have the network that the builder has.
    pub(super) fn building(&self, words: &[String]) -> Call {
        let call = self.call(words);
        match &self.apart {
            Some(unshare) => apart(unshare, call),
            None => call,
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

/// What starts a program in a network namespace of its own. One of an ordinary user's needs a user namespace around it, in
/// which a builder would not find its images.
fn unshare(tools: &HostTools, is_root: bool) -> Result<PathBuf, BuildError> {
    if !is_root {
        let why = "only root can take it away from one: build as root".to_owned();
        return Err(BuildError::Apart { why });
    }
    find("unshare", tools.folders())
        .map_err(|why| BuildError::Apart { why: format!("`unshare`: {why}: install util-linux") })
}

fn apart(unshare: &Path, call: Call) -> Call {
    let lead = ["--net".to_owned(), "--".to_owned(), call.program.display().to_string()];
    let args = lead.iter().cloned().chain(call.args).collect();
    Call { program: unshare.to_owned(), args, env: call.env, lead: lead.len() }
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

    #[test]
    fn without_a_network_a_builder_is_started_in_an_empty_one_or_not_at_all() {
        let tools = HostTools::read(&|name| (name == "PATH").then(|| "/usr/bin:/bin".to_owned()));
        assert!(matches!(unshare(&tools, false), Err(BuildError::Apart { .. })));
        let nowhere = HostTools::read(&|_| None);
        assert!(matches!(unshare(&nowhere, true), Err(BuildError::Apart { .. })));
        let builder = |apart| Builder { apart, ..Builder::of_program("/bin/cat") };
        let words = ["/proc/self/net/dev".to_owned()];
        assert_eq!(builder(None).building(&words).line(), "/bin/cat /proc/self/net/dev");
        if geteuid().is_root() {
            let call = builder(Some(unshare(&tools, true).unwrap())).building(&words);
            let said = call.answer(std::time::Duration::from_secs(5)).unwrap();
            let said = String::from_utf8(said.stdout).unwrap();
            let interfaces: Vec<_> = said.lines().skip(2).filter_map(|line| line.split(':').next()).collect();
            assert_eq!(interfaces.iter().map(|name| name.trim()).collect::<Vec<_>>(), ["lo"]);
        }
    }
}
