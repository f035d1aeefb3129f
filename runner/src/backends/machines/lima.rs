//! Lima: containerd in the first machine that runs. Not run on the real thing.

use serde_json::Value;

use super::super::host::HostTools;
use super::super::nerdctl::{Nerdctl, Way};
use super::super::script::Backend;
use super::super::survey::Absence;
use super::super::tool::{Call, find};

/// The most machines that are looked at.
const MOST: usize = 1000;
/// The longest name of one.
const LONGEST: usize = 64;

/// Finds a machine that runs, and asks its containerd what it is.
pub(in super::super) fn lima(tools: &HostTools) -> Result<Nerdctl, Absence> {
    let install = "install Lima: https://lima-vm.io/docs/installation/";
    let program = find("limactl", tools.folders()).map_err(|why| Absence::nowhere(&why, install))?;
    let env = tools.environment();
    let call = Call::new(&program, ["list", "--json"]).with_env(&env);
    let start = "start a machine: `limactl start`";
    let said = call.answer(tools.patience()).map_err(|error| Absence::dead(&error, Some(start)))?;
    let name = read_list(&said.stdout).map_err(|why| Absence::dead(&call.unusable(why), None))?;
    let name = name.ok_or_else(|| Absence::dead(&"none of its machines runs", Some(start)))?;
    // Its words are quoted for the machine's shell by limactl itself (cmd/limactl/shell.go).
    Nerdctl::at(Backend::Lima, Way::through(program, &["shell", &name, "nerdctl"]), tools, start)
}

/// Reads `limactl list --json`, which is one object a line; gives the name of the first machine that runs.
fn read_list(bytes: &[u8]) -> Result<Option<String>, String> {
    let machines = serde_json::Deserializer::from_slice(bytes).into_iter::<Value>();
    for machine in machines.take(MOST) {
        let machine = machine.map_err(|error| format!("it is not JSON: {error}"))?;
        let text = |name: &str| machine.get(name).and_then(Value::as_str);
        let (Some(name), Some(status)) = (text("name"), text("status")) else {
            return Err("a machine has no name or no status".to_owned());
        };
        if status == "Running" {
            // SECURITY: it becomes an argument.
            let fits = |char: char| char.is_ascii_alphanumeric() || "._-".contains(char);
            let is_name =
                (1..=LONGEST).contains(&name.len()) && !name.starts_with('-') && name.chars().all(fits);
            return if is_name {
                Ok(Some(name.to_owned()))
            } else {
                Err("a machine's name is no word".to_owned())
            };
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &[u8] = include_bytes!("../recorded/limactl-list.json");

    #[test]
    fn the_first_machine_that_runs_is_taken() {
        assert_eq!(read_list(LIST), Ok(Some("docker".to_owned())));
        assert_eq!(read_list(b""), Ok(None), "there is no machine");
        let stopped = String::from_utf8_lossy(LIST).replace("Running", "Stopped");
        assert_eq!(read_list(stopped.as_bytes()), Ok(None));
    }

    #[test]
    fn what_cannot_be_believed_is_no_machine() {
        let named = |name: &str| serde_json::json!({ "name": name, "status": "Running" }).to_string();
        for name in ["", "--privileged", "a b", "a;reboot", "a\u{1b}[2J", "$(id)", &"x".repeat(65)] {
            assert!(read_list(named(name).as_bytes()).is_err(), "{name}");
        }
        for bytes in [&b"{}"[..], b"garbage", b"{\"name\":\"a\"}", b"[[[[", b"\xff"] {
            assert!(read_list(bytes).is_err(), "{}", String::from_utf8_lossy(bytes));
        }
        let many = "{\"name\":\"a\",\"status\":\"Stopped\"}\n".repeat(30_000);
        assert_eq!(read_list(many.as_bytes()), Ok(None));
    }
}
