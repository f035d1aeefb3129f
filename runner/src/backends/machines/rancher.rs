//! Rancher Desktop: Docker's engine or containerd in a machine, as its user has chosen. Not run on the real thing.

use std::path::PathBuf;

use serde_json::Value;

use super::super::docker::{Docker, Socket};
use super::super::host::HostTools;
use super::super::nerdctl::{Nerdctl, Way};
use super::super::script::Backend;
use super::super::survey::{Absence, Means};
use super::super::tool::{Call, find, plain};

/// Where its programs are, in the user's own folder.
const PROGRAMS: &str = ".rd/bin";
/// Where Docker's engine listens (<https://github.com/rancher-sandbox/rancher-desktop/issues/8898>).
const SOCKET: &str = ".rd/docker.sock";

/// What runs in the machine.
#[derive(Debug, PartialEq, Eq)]
enum Inside {
    Docker,
    Containerd,
}

/// Asks Rancher Desktop what runs in its machine, and that what it is.
pub(in super::super) fn rancher_desktop(tools: &HostTools) -> Result<Means, Absence> {
    let mut folders = tools.folders().to_vec();
    folders.extend(tools.at_home(PROGRAMS));
    let install = "install Rancher Desktop: https://docs.rancherdesktop.io/getting-started/installation/";
    let program = find("rdctl", &folders).map_err(|why| Absence::nowhere(&why, install))?;
    let env = tools.environment();
    let call = Call::new(&program, ["list-settings"]).with_env(&env);
    let start = "start it: `rdctl start`";
    let said = call.answer(tools.patience()).map_err(|error| Absence::dead(&error, Some(start)))?;
    match read_settings(&said.stdout).map_err(|why| Absence::dead(&call.unusable(why), None))? {
        Inside::Docker => {
            let client = client(&folders)?;
            let home = || Absence::dead(&"HOME is not set", Some("set HOME"));
            let socket = Socket(tools.at_home(SOCKET).ok_or_else(home)?);
            Docker::at(Backend::RancherDesktop, client, tools, socket, start).map(Means::Docker)
        }
        Inside::Containerd => {
            // As its own `nerdctl` does it: `rdctl shell` takes everything that follows as a command for the machine, where
            // containerd is root's.
            let way =
                Way::through(program, &["shell", "sudo", "--preserve-env=CONTAINERD_ADDRESS", "nerdctl"]);
            Nerdctl::at(Backend::RancherDesktop, way, tools, start).map(Means::Nerdctl)
        }
    }
}

fn client(folders: &[PathBuf]) -> Result<PathBuf, Absence> {
    let remedy = "let Rancher Desktop put its programs into ~/.rd/bin, or install the `docker` client";
    find("docker", folders).map_err(|why| Absence::dead(&format!("docker: {why}"), Some(remedy)))
}

/// Reads `rdctl list-settings`. Since its fifth form the engine has a place of its own
/// (<https://github.com/rancher-sandbox/rancher-desktop/issues/5241>, older: issue 3053 there).
fn read_settings(bytes: &[u8]) -> Result<Inside, String> {
    let settings: Value =
        serde_json::from_slice(bytes).map_err(|error| format!("it is not JSON: {error}"))?;
    let named =
        settings.pointer("/containerEngine/name").or_else(|| settings.pointer("/kubernetes/containerEngine"));
    match named.and_then(Value::as_str).ok_or("it names no engine")? {
        "moby" | "docker" => Ok(Inside::Docker),
        "containerd" => Ok(Inside::Containerd),
        other => Err(format!("it runs {}, and not moby or containerd", plain(other.as_bytes()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOBY: &[u8] = include_bytes!("../recorded/rdctl-settings-moby.json");
    const OLDER: &[u8] = include_bytes!("../recorded/rdctl-settings-4-moby.json");

    #[test]
    fn the_engine_is_read_from_the_settings_of_old_and_new() {
        assert_eq!(read_settings(MOBY), Ok(Inside::Docker));
        assert_eq!(read_settings(OLDER), Ok(Inside::Docker));
        let text = String::from_utf8_lossy(MOBY).replace("\"moby\"", "\"containerd\"");
        assert_eq!(read_settings(text.as_bytes()), Ok(Inside::Containerd));
    }

    #[test]
    fn what_cannot_be_believed_is_no_engine() {
        for bytes in [&b""[..], b"[]", b"{}", b"{\"containerEngine\": {\"name\": 7}}", b"\xff\xfe"] {
            assert!(read_settings(bytes).is_err(), "{}", String::from_utf8_lossy(bytes));
        }
        let error = read_settings(b"{\"containerEngine\": {\"name\": \"a\\u0007b\"}}").unwrap_err();
        assert!(!error.contains('\u{7}'), "{error}");
    }
}
