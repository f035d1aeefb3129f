//! What an engine says of itself: Docker's answer to `GET /info`, which nerdctl gives in the same words.

use std::collections::BTreeSet;
use std::path::PathBuf;

use nix::sys::utsname::uname;
use perry_sandbox_policy::{Control, ControlTable};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::table::{self, by, nobody};

/// What it says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Info {
    version: String,
    pub(in super::super) architecture: String,
    pub(in super::super) traits: BTreeSet<Trait>,
    /// Where it keeps everything, where it says so.
    #[serde(default)]
    pub(super) root: Option<PathBuf>,
}

/// What an engine has, or is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(in super::super) enum Trait {
    Memory,
    Cpu,
    Pids,
    Seccomp,
    /// It belongs to an ordinary user.
    Rootless,
    /// It maps users to others of the host.
    OwnIds,
    /// It runs on another kernel than we do: in a machine, whatever its socket says.
    Elsewhere,
    /// It has a small init.
    Init,
}

impl Info {
    /// Its version, for people.
    pub(in super::super) fn version(&self) -> String {
        table::version(&self.version, self.traits.contains(&Trait::Rootless))
    }

    /// Enters what only some engines can hold: `filter` is who holds the plan's filter, and `why` what is said where one cannot.
    pub(in super::super) fn count(&self, table: &mut ControlTable, filter: &str, why: &str) {
        let counted = [
            (Control::MemoryExact, Trait::Memory, "cgroup memory limit, without swap"),
            (Control::Cpu, Trait::Cpu, "cgroup cpu quota"),
            (Control::Pids, Trait::Pids, "cgroup pids limit"),
            (Control::Seccomp, Trait::Seccomp, filter),
        ];
        for (control, needed, who) in counted {
            let has = self.traits.contains(&needed);
            table.set(control, if has { by(who) } else { nobody(why, Some(table::OTHER)) });
        }
    }
}

/// The kernel's release, as engines say it.
pub(in super::super) fn kernel() -> String {
    uname().map(|name| name.release().to_string_lossy().into_owned()).unwrap_or_default()
}

/// Reads the answer to `GET /info`; `kernel` is the release of our own.
pub(in super::super) fn read_info(bytes: &[u8], kernel: &str) -> Result<Info, String> {
    let info: Value = serde_json::from_slice(bytes).map_err(|error| format!("it is not JSON: {error}"))?;
    let text =
        |name: &str| info.get(name).and_then(Value::as_str).ok_or_else(|| format!("it has no `{name}`"));
    if text("OSType")? != "linux" {
        return Err("its containers are not Linux's".to_owned());
    }
    let status = info.get("DriverStatus").map(Value::to_string).unwrap_or_default();
    if status.contains("io.containerd.snapshotter") {
        return Err("it keeps images in containerd's store, where an image has no id of its own content; turn the feature `containerd-snapshotter` off".to_owned());
    }
    let version = text("ServerVersion")?;
    let fits = |char: char| char.is_ascii_alphanumeric() || "._+~-".contains(char);
    if version.is_empty() || version.len() > 64 || !version.chars().all(fits) {
        return Err("its version is not a word".to_owned());
    }
    let options = info.get("SecurityOptions").and_then(Value::as_array);
    let has = |name: &str| {
        let wanted = format!("name={name}");
        let mut words = options.into_iter().flatten().filter_map(Value::as_str);
        words.any(|option| option.split(',').any(|part| part == wanted))
    };
    let truth = |name: &str| info.get(name).and_then(Value::as_bool) == Some(true);
    // Of one that is not there it says `N/A`.
    let init = info.pointer("/InitCommit/ID").and_then(Value::as_str);
    let has_init = init.is_some_and(|commit| commit != "N/A");
    let traits = [
        (truth("MemoryLimit"), Trait::Memory),
        (truth("CpuCfsQuota"), Trait::Cpu),
        (truth("PidsLimit"), Trait::Pids),
        (has_init, Trait::Init),
        (has("seccomp"), Trait::Seccomp),
        (has("rootless"), Trait::Rootless),
        (has("userns"), Trait::OwnIds),
        (kernel.is_empty() || text("KernelVersion") != Ok(kernel), Trait::Elsewhere),
    ];
    Ok(Info {
        version: version.to_owned(),
        architecture: match text("Architecture")? {
            "x86_64" => "amd64".to_owned(),
            "aarch64" => "arm64".to_owned(),
            other => other.chars().take(32).collect(),
        },
        traits: traits.into_iter().filter_map(|(has, it)| has.then_some(it)).collect(),
        root: text("DockerRootDir").ok().map(PathBuf::from),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &[u8] = include_bytes!("../recorded/docker-20.10.24-info.json");

    /// What the recorded engine ran on.
    const KERNEL: &str = "6.18.44-fc-v657";

    fn info(change: impl FnOnce(&mut Value)) -> Result<Info, String> {
        let mut info: Value = serde_json::from_slice(INFO).unwrap();
        change(&mut info);
        read_info(info.to_string().as_bytes(), KERNEL)
    }

    #[test]
    fn what_the_engine_says_of_itself_is_read() {
        let info = info(|_| ()).unwrap();
        assert_eq!((info.version.as_str(), info.architecture.as_str()), ("20.10.24+dfsg1", "amd64"));
        let traits = [Trait::Memory, Trait::Cpu, Trait::Pids, Trait::Seccomp, Trait::Init];
        assert_eq!(info.traits, traits.into());
        assert!(read_info(INFO, "5.10.0").unwrap().traits.contains(&Trait::Elsewhere));
        assert!(read_info(INFO, "").unwrap().traits.contains(&Trait::Elsewhere));
    }

    #[test]
    fn an_engine_that_cannot_run_by_content_or_is_no_linux_is_none() {
        let store = serde_json::json!([["driver-type", "io.containerd.snapshotter.v1"]]);
        assert!(info(|info| info["DriverStatus"] = store).is_err());
        assert!(info(|info| info["OSType"] = "windows".into()).is_err());
        assert!(info(|info| info["ServerVersion"] = "x\u{1b}[2J".into()).is_err());
        assert!(read_info(b"{}", KERNEL).is_err() && read_info(b"", KERNEL).is_err());
    }
}
