//! Colima: Docker's engine or containerd in a machine, as its user has chosen. Not run on the real thing.

use std::path::PathBuf;

use serde_json::Value;

use super::super::docker::{Docker, Socket};
use super::super::host::HostTools;
use super::super::nerdctl::{Nerdctl, Way};
use super::super::script::Backend;
use super::super::survey::{Absence, Means};
use super::super::tool::{Call, find, plain};

/// What runs in the machine.
#[derive(Debug, PartialEq, Eq)]
enum Inside {
    Docker(Socket),
    Containerd,
}

/// Asks Colima what runs in its machine, and that what it is.
pub(in super::super) fn colima(tools: &HostTools) -> Result<Means, Absence> {
    let install = "install Colima: https://colima.run/docs/installation/";
    let program = find("colima", tools.folders()).map_err(|why| Absence::nowhere(&why, install))?;
    let env = tools.environment();
    let call = Call::new(&program, ["status", "--json"]).with_env(&env);
    let start = "start it: `colima start`";
    let said = call.answer(tools.patience()).map_err(|error| Absence::dead(&error, Some(start)))?;
    match read_status(&said.stdout).map_err(|why| Absence::dead(&call.unusable(why), None))? {
        Inside::Docker(socket) => {
            let remedy = "install the client of its engine: `brew install docker`";
            let client = find("docker", tools.folders())
                .map_err(|why| Absence::dead(&format!("docker: {why}"), Some(remedy)))?;
            Docker::at(Backend::Colima, client, tools, socket, start).map(Means::Docker)
        }
        Inside::Containerd => {
            // What comes after `--` is nerdctl's, and is run in the machine as root (Colima's cmd/nerdctl.go).
            let way = Way::through(program, &["nerdctl", "--"]);
            Nerdctl::at(Backend::Colima, way, tools, start).map(Means::Nerdctl)
        }
    }
}

/// Reads `colima status --json`, as `statusInfo` of Colima's app/app.go has it.
fn read_status(bytes: &[u8]) -> Result<Inside, String> {
    let status: Value = serde_json::from_slice(bytes).map_err(|error| format!("it is not JSON: {error}"))?;
    let text =
        |name: &str| status.get(name).and_then(Value::as_str).ok_or_else(|| format!("it has no `{name}`"));
    match text("runtime")? {
        "docker" => {
            let path = text("docker_socket")?.strip_prefix("unix://").map(PathBuf::from);
            let path = path.filter(|path| path.is_absolute());
            path.map(|path| Inside::Docker(Socket(path)))
                .ok_or_else(|| "its socket is none of this host".to_owned())
        }
        "containerd" => Ok(Inside::Containerd),
        other => Err(format!("it runs {}, and not docker or containerd", plain(other.as_bytes()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCKER: &[u8] = include_bytes!("../recorded/colima-status-docker.json");
    const CONTAINERD: &[u8] = include_bytes!("../recorded/colima-status-containerd.json");

    #[test]
    fn what_runs_in_the_machine_is_read() {
        let socket = Socket("/Users/me/.colima/default/docker.sock".into());
        assert_eq!(read_status(DOCKER), Ok(Inside::Docker(socket)));
        assert_eq!(read_status(CONTAINERD), Ok(Inside::Containerd));
    }

    #[test]
    fn what_cannot_be_believed_is_no_machine() {
        let hostile: [&[u8]; 8] = [
            b"",
            b"null",
            b"[]",
            b"{\"runtime\": 1}",
            b"{\"runtime\": \"docker\"}",
            b"{\"runtime\": \"docker\", \"docker_socket\": \"tcp://1.2.3.4:2375\"}",
            b"{\"runtime\": \"docker\", \"docker_socket\": \"unix://relative.sock\"}",
            b"\x00\xff{\"runtime\": \"docker\"}",
        ];
        for bytes in hostile {
            assert!(read_status(bytes).is_err(), "{}", String::from_utf8_lossy(bytes));
        }
        let error = read_status(b"{\"runtime\": \"incus\\u001b[2J\"}").unwrap_err();
        assert!(error.contains("incus") && !error.contains('\u{1b}'), "{error}");
    }
}
