//! What a container sees of the host's files.

use crate::place::{Place, Placed};

/// What is mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MountKind {
    /// A file or folder of the host.
    Bind,
    /// A volume of the engine.
    Volume,
    /// Memory.
    Tmpfs,
    /// Anything else.
    Other,
}

/// A mount.
#[derive(Debug, Clone)]
pub struct Mount {
    /// What.
    pub kind: MountKind,
    /// Where from: a path of the host, or a volume's name.
    pub source: Option<Placed<String>>,
    /// The path of the host behind it, normal: also that of a named volume whose driver binds one.
    pub host: Option<Placed<String>>,
    /// Where to.
    pub target: String,
    /// Whether it cannot be written.
    pub read_only: bool,
    /// How mounts travel.
    pub propagation: Option<Placed<String>>,
    /// Where it is asked for.
    pub place: Place,
}

/// A secret or config that is a file of the host.
#[derive(Debug, Clone)]
pub struct HostFile {
    /// The path of the host, normal.
    pub path: Placed<String>,
    /// What the stack calls it.
    pub name: String,
}

/// A path without `.`, `..` and repeated slashes, as a kernel would go it if nothing on it were a link.
pub(crate) fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// A source as a path of the host below `folder`, normal.
pub(crate) fn host_path(source: &str, folder: Option<&str>, home: Option<&str>) -> String {
    if let Some(rest) = source.strip_prefix('~') {
        return normal(&format!("{}/{rest}", home.unwrap_or("/root")));
    }
    if source.starts_with('/') {
        return normal(source);
    }
    normal(&format!("{}/{source}", folder.unwrap_or("/project")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_gone_as_a_kernel_does() {
        assert_eq!(normal("/var//run/../run/./docker.sock"), "/var/run/docker.sock");
        assert_eq!(normal("/../.."), "/");
        assert_eq!(host_path("./a", Some("/p"), None), "/p/a");
        assert_eq!(host_path("~/.ssh", None, Some("/home/u")), "/home/u/.ssh");
    }
}
