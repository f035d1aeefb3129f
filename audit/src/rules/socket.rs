//! Which paths of a host hand it over: sockets that command a more trusted process, and folders of the system itself.

/// Names of sockets whose holder commands an engine, a supervisor or an agent.
const SOCKETS: [&str; 16] = [
    "docker.sock",
    "docker-cli.sock",
    "podman.sock",
    "io.podman",
    "containerd.sock",
    "crio.sock",
    "cri-dockerd.sock",
    "dockershim.sock",
    "buildkitd.sock",
    "system_bus_socket",
    "snapd.socket",
    "libvirt-sock",
    "lxd.sock",
    "S.gpg-agent",
    "firecracker.socket",
    "agent.sock",
];

/// Sockets whose names say nothing.
const SOCKET_PATHS: [&str; 3] =
    ["/run/systemd/private", "/run/systemd/io.systemd.Manager", "/run/host-services/ssh-auth.sock"];

/// The same, below the runtime folder of a user.
const USER_SOCKETS: [&str; 6] =
    ["systemd/private", "keyring/ssh", "keyring/.ssh", "keyring/control", "keyring/pkcs11", "gcr/ssh"];

/// Folders that hold such sockets.
const SOCKET_FOLDERS: [&str; 14] = [
    "/run",
    "/run/docker",
    "/run/podman",
    "/run/containerd",
    "/run/k3s",
    "/run/k3s/containerd",
    "/run/crio",
    "/run/buildkit",
    "/run/dbus",
    "/run/systemd",
    "/run/libvirt",
    "/run/user",
    "/run/host-services",
    "/var/snap/lxd/common/lxd",
];

/// What a path hands over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Handed {
    /// A control socket.
    Socket,
    /// A folder that holds one.
    SocketFolder,
}

/// `/var/run` is a link to `/run`.
fn unlinked(path: &str) -> String {
    match path.strip_prefix("/var/run") {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("/run{rest}"),
        _ => path.to_owned(),
    }
}

/// Whether it is the folder that an SSH agent makes for its socket.
fn is_agents_folder(path: &str) -> bool {
    path.strip_prefix("/tmp/ssh-").is_some_and(|rest| !rest.is_empty() && !rest.contains('/'))
}

/// Whether it is an SSH agent's socket, `/tmp/ssh-…/agent.1234`.
fn is_agent(path: &str) -> bool {
    path.rsplit_once('/').is_some_and(|(folder, name)| is_agents_folder(folder) && name.starts_with("agent."))
}

/// Whether a normal path is a control socket, or a folder that holds one.
pub(crate) fn handed(path: &str) -> Option<Handed> {
    let path = unlinked(path);
    let last = path.rsplit('/').next().unwrap_or_default();
    if SOCKETS.contains(&last) || SOCKET_PATHS.contains(&path.as_str()) {
        return Some(Handed::Socket);
    }
    let below_user = path.strip_prefix("/run/user/").and_then(|rest| rest.split_once('/'));
    if is_agent(&path) || below_user.is_some_and(|(_, rest)| USER_SOCKETS.contains(&rest)) {
        return Some(Handed::Socket);
    }
    let runtime_folder = path.strip_prefix("/run/user/").is_some_and(|rest| !rest.contains('/'));
    let users = ["podman", "docker", "systemd", "bus", "gnupg", "keyring", "gcr"];
    if is_agents_folder(&path) || below_user.is_some_and(|(_, rest)| users.contains(&rest)) {
        return Some(Handed::SocketFolder);
    }
    (runtime_folder || SOCKET_FOLDERS.contains(&path.as_str())).then_some(Handed::SocketFolder)
}

/// Folders of which even reading gives too much away, and everything below them.
const WHOLE: [&str; 14] = [
    "/boot",
    "/proc",
    "/sys",
    "/dev",
    "/root",
    "/etc/kubernetes",
    "/etc/ssh",
    "/etc/systemd",
    "/etc/sudoers.d",
    "/etc/docker",
    "/var/lib/docker",
    "/var/lib/containers",
    "/var/lib/containerd",
    "/var/lib/kubelet",
];

/// Folders and files that are too much as a whole, though some things below them are harmless.
const EXACT: [&str; 22] = [
    "/etc",
    "/usr",
    "/usr/bin",
    "/usr/sbin",
    "/usr/local/bin",
    "/usr/lib",
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    "/home",
    "/var",
    "/var/lib",
    "/var/log",
    "/var/spool/cron",
    "/etc/cron.d",
    "/etc/passwd",
    "/etc/shadow",
    "/etc/group",
    "/etc/sudoers",
    "/etc/profile.d",
    "/etc/ld.so.preload",
];

/// What in a home gives its owner away.
const IN_HOMES: [&str; 8] =
    [".ssh", ".aws", ".docker", ".kube", ".gnupg", ".config/gcloud", ".azure", ".netrc"];

/// Devices that every program may have.
const HARMLESS: [&str; 7] =
    ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/shm"];

/// Whether a normal path is the system's own, or somebody's home.
pub(crate) fn is_sensitive(path: &str) -> bool {
    let below =
        |folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if HARMLESS.contains(&path) {
        return false;
    }
    if EXACT.contains(&path) || WHOLE.iter().any(|folder| below(folder)) {
        return true;
    }
    let in_home = path.strip_prefix("/home/").map(|rest| rest.split_once('/').map_or("", |(_, rest)| rest));
    in_home.is_some_and(|rest| {
        rest.is_empty()
            || IN_HOMES.iter().any(|secret| {
                rest.strip_prefix(secret).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_and_their_folders_are_known() {
        for path in [
            "/var/run/docker.sock",
            "/run/user/1000/podman/podman.sock",
            "/home/u/.colima/default/docker.sock",
            "/run/systemd/private",
            "/run/user/1000/systemd/private",
            "/run/user/1000/keyring/ssh",
            "/run/user/1000/gcr/ssh",
            "/tmp/ssh-XXabc/agent.1234",
        ] {
            assert_eq!(handed(path), Some(Handed::Socket), "{path}");
        }
        for path in [
            "/run",
            "/var/run",
            "/run/user/1000",
            "/run/user/1000/podman",
            "/var/run/dbus",
            "/run/user/1/gcr",
            "/tmp/ssh-x",
        ] {
            assert_eq!(handed(path), Some(Handed::SocketFolder), "{path}");
        }
        for path in [
            "/running",
            "/run/udev",
            "/srv/docker",
            "/var/runner",
            "/run/user/1000/app",
            "/tmp/ssh-",
            "/tmp/x/agent.1",
        ] {
            assert_eq!(handed(path), None, "{path}");
        }
    }

    #[test]
    fn what_is_the_systems_own_is_sensitive_and_a_clock_is_not() {
        for path in [
            "/etc",
            "/etc/shadow",
            "/proc/1",
            "/root/.bashrc",
            "/home",
            "/home/u",
            "/home/u/.ssh/id",
            "/dev/sda",
        ] {
            assert!(is_sensitive(path), "{path}");
        }
        for path in [
            "/etc/localtime",
            "/etc/ssl/certs",
            "/usr/share/zoneinfo",
            "/home/u/project",
            "/srv",
            "/dev/shm",
            "/opt/app",
        ] {
            assert!(!is_sensitive(path), "{path}");
        }
    }
}
