//! Everything that the process's environment decides, read once; no other code reads it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

/// The environment as far as this program listens to it.
#[derive(Debug)]
pub(crate) struct Environment {
    /// Folder of the content store and the trail.
    pub(crate) data_dir: PathBuf,
    /// Folder for the records of live sandboxes.
    pub(crate) runtime_dir: PathBuf,
    /// Policies that apply when none is named: the first that exists.
    pub(crate) default_policies: Vec<PathBuf>,
    /// docker's credential file, if there is one.
    pub(crate) docker_config: Option<PathBuf>,
    /// The proxy for registries, from `HTTPS_PROXY`.
    pub(crate) proxy: Option<String>,
    /// Hosts that are reached without it, from `NO_PROXY`.
    pub(crate) no_proxy: Vec<String>,
    /// A backend pinned by `PERRY_CONTAINER_BACKEND`.
    pub(crate) backend: Option<String>,
    /// The host's name: exceptions are written for one host.
    pub(crate) hostname: String,
    /// The effective user.
    pub(crate) uid: u32,
}

impl Environment {
    /// Reads the environment; `data_dir` of the command line wins over the environment's.
    ///
    /// # Errors
    /// Neither a home folder nor an XDG folder is known, or a path is relative.
    pub(crate) fn read(data_dir: Option<PathBuf>) -> anyhow::Result<Self> {
        let uid = nix::unistd::geteuid().as_raw();
        let home = variable("HOME").map(PathBuf::from);
        let data_dir = match (data_dir, uid) {
            (Some(dir), _) => absolute(&dir)?,
            (None, 0) => PathBuf::from("/var/lib/perry-sandbox"),
            (None, _) => below("XDG_DATA_HOME", home.as_deref(), ".local/share")?.join("perry-sandbox"),
        };
        let runtime_dir = match uid {
            0 => PathBuf::from("/run/perry-sandbox"),
            _ => match variable("XDG_RUNTIME_DIR") {
                Some(dir) => absolute(Path::new(&dir))?.join("perry-sandbox"),
                None => data_dir.join("run"),
            },
        };
        let mut default_policies = vec![PathBuf::from("/etc/perry-sandbox/policy.toml")];
        if let Ok(config) = below("XDG_CONFIG_HOME", home.as_deref(), ".config") {
            default_policies.insert(0, config.join("perry-sandbox/policy.toml"));
        }
        let docker_config = variable("DOCKER_CONFIG")
            .map(PathBuf::from)
            .or_else(|| home.map(|home| home.join(".docker")))
            .map(|dir| dir.join("config.json"));
        let hostname = nix::unistd::gethostname().context("reading the host's name")?;
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
            backend: text("PERRY_CONTAINER_BACKEND"),
            hostname: hostname.to_string_lossy().into_owned(),
            uid,
        })
    }
}

/// The value of a variable that a flag names (`--env NAME`).
pub(crate) fn variable_for_sandbox(name: &str) -> Option<String> {
    text(name)
}

fn text(name: &str) -> Option<String> {
    variable(name).and_then(|value| value.into_string().ok())
}

#[expect(clippy::disallowed_methods, reason = "this module is the one place that reads the environment")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

fn below(variable_name: &str, home: Option<&Path>, fallback: &str) -> anyhow::Result<PathBuf> {
    match (variable(variable_name), home) {
        (Some(dir), _) => absolute(Path::new(&dir)),
        (None, Some(home)) => absolute(&home.join(fallback)),
        (None, None) => bail!("neither {variable_name} nor HOME is set: name a folder with --data-dir"),
    }
}

fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("`{}` cannot be made an absolute path", path.display()))
}
