//! What the process's environment decides: folders, registries, the backend.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use perry_sandbox_runner::{ContainerMode, ContainerModeError, HostTools};
use thiserror::Error;

/// Why the environment names no usable folders.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EnvironmentError {
    /// Neither a home folder nor an XDG folder is known.
    #[error("neither {0} nor HOME is set: name a folder with --data-dir")]
    NoHome(&'static str),
    /// The system does not say where we are.
    #[error("`{path}` cannot be made an absolute path: {source}", path = .path.display())]
    Relative {
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A word that is no mode.
    #[error("PERRY_CONTAINER_MODE: {0}")]
    Mode(#[from] ContainerModeError),
    /// The system does not say what it is called.
    #[error("the host's name cannot be read: {0}")]
    Hostname(io::Error),
}

/// The environment as far as this project listens to it.
#[derive(Debug, Clone)]
pub struct Environment {
    /// Folder of the content store and the trail.
    pub data_dir: PathBuf,
    /// Folder for the records of live sandboxes.
    pub runtime_dir: PathBuf,
    /// Policies that apply when none is named: the first that exists.
    pub default_policies: Vec<PathBuf>,
    /// docker's credential file, if there is one.
    pub docker_config: Option<PathBuf>,
    /// The proxy for registries, from `HTTPS_PROXY`.
    pub proxy: Option<String>,
    /// Hosts that are reached without it, from `NO_PROXY`.
    pub no_proxy: Vec<String>,
    /// Backends pinned by `PERRY_CONTAINER_BACKEND`, of which the first that is alive is taken.
    pub backends: Vec<String>,
    /// Whether nobody wants to be asked about installing something (`PERRY_NO_INSTALL_PROMPT`).
    pub no_install_prompt: bool,
    /// The host's name: exceptions are written for one host.
    pub hostname: String,
    /// The effective user.
    pub uid: u32,
    /// Where engines are looked for.
    pub tools: HostTools,
}

/// Looks a variable up.
type Lookup<'a> = dyn Fn(&str) -> Option<OsString> + 'a;

impl Environment {
    /// Reads the environment through `lookup`; a given `data_dir` wins over the environment's.
    ///
    /// # Errors
    /// Neither a home folder nor an XDG folder is known, a path is relative, or the mode is none.
    pub fn new(lookup: &Lookup<'_>, data_dir: Option<&Path>) -> Result<Self, EnvironmentError> {
        let variable = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let text = |name: &str| variable(name).and_then(|value| value.into_string().ok());
        let uid = nix::unistd::geteuid().as_raw();
        let home = variable("HOME").map(PathBuf::from);
        let below = |name, fallback| below(name, &variable, home.as_deref(), fallback);
        let data_dir = match (data_dir, uid) {
            (Some(dir), _) => absolute(dir)?,
            (None, 0) => PathBuf::from("/var/lib/perry-sandbox"),
            (None, _) => below("XDG_DATA_HOME", ".local/share")?.join("perry-sandbox"),
        };
        let runtime_dir = match uid {
            0 => PathBuf::from("/run/perry-sandbox"),
            _ => match variable("XDG_RUNTIME_DIR") {
                Some(dir) => absolute(Path::new(&dir))?.join("perry-sandbox"),
                None => data_dir.join("run"),
            },
        };
        let mut default_policies = vec![PathBuf::from("/etc/perry-sandbox/policy.toml")];
        if let Ok(config) = below("XDG_CONFIG_HOME", ".config") {
            default_policies.insert(0, config.join("perry-sandbox/policy.toml"));
        }
        let docker_config = variable("DOCKER_CONFIG")
            .map(PathBuf::from)
            .or_else(|| home.as_ref().map(|home| home.join(".docker")))
            .map(|dir| dir.join("config.json"));
        let kernels = [data_dir.join("microvm/vmlinux"), PathBuf::from("/usr/lib/perry-sandbox/vmlinux")];
        let mode = variable("PERRY_CONTAINER_MODE").map(|word| word.to_string_lossy().parse());
        let mode: ContainerMode = mode.transpose()?.unwrap_or_default();
        let tools = HostTools::read(&text).remembering(runtime_dir.join("backends.json")).preferring(mode);
        let tools = tools.with_kernels(kernels.into());
        let hostname =
            nix::unistd::gethostname().map_err(|errno| EnvironmentError::Hostname(errno.into()))?;
        Ok(Self {
            data_dir,
            runtime_dir,
            default_policies,
            docker_config,
            proxy: text("HTTPS_PROXY").or_else(|| text("https_proxy")),
            no_proxy: text("NO_PROXY")
                .or_else(|| text("no_proxy"))
                .map(|hosts| hosts.split(',').map(|host| host.trim().to_owned()).collect())
                .unwrap_or_default(),
            backends: words(variable("PERRY_CONTAINER_BACKEND")),
            no_install_prompt: variable("PERRY_NO_INSTALL_PROMPT").is_some(),
            hostname: hostname.to_string_lossy().into_owned(),
            uid,
            tools,
        })
    }
}

/// The words of a list. One that is not text stays what it is, to be refused by name.
fn words(list: Option<OsString>) -> Vec<String> {
    let list = list.unwrap_or_default();
    let list = list.to_string_lossy();
    list.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn below(
    name: &'static str,
    variable: &Lookup<'_>,
    home: Option<&Path>,
    fallback: &str,
) -> Result<PathBuf, EnvironmentError> {
    match (variable(name), home) {
        (Some(dir), _) => absolute(Path::new(&dir)),
        (None, Some(home)) => absolute(&home.join(fallback)),
        (None, None) => Err(EnvironmentError::NoHome(name)),
    }
}

fn absolute(path: &Path) -> Result<PathBuf, EnvironmentError> {
    std::path::absolute(path).map_err(|source| EnvironmentError::Relative { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str, value: &str) -> Result<Environment, EnvironmentError> {
        let lookup = |asked: &str| (asked == name).then(|| value.into());
        Environment::new(&lookup, Some(Path::new("/nowhere")))
    }

    #[test]
    fn a_mode_is_one_of_two_words() {
        let mode = |word| environment("PERRY_CONTAINER_MODE", word).map(|it| it.tools.mode());
        assert_eq!(mode("server-first").unwrap(), ContainerMode::ServerFirst);
        assert_eq!(mode("local-first").unwrap(), ContainerMode::LocalFirst);
        assert_eq!(mode("").unwrap(), ContainerMode::LocalFirst);
        let error = mode("server").unwrap_err().to_string();
        assert!(error.contains("PERRY_CONTAINER_MODE") && error.contains("server-first"), "{error}");
    }

    #[test]
    fn backends_are_a_list() {
        let pinned = |list| environment("PERRY_CONTAINER_BACKEND", list).unwrap().backends;
        assert_eq!(pinned("podman"), ["podman"]);
        assert_eq!(pinned(" docker , native,,"), ["docker", "native"]);
        assert!(pinned(" , ").is_empty());
    }
}
