//! What podman says of itself: its answer to `info`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What it says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Info {
    pub(super) version: String,
    pub(super) rootless: bool,
    pub(super) seccomp: bool,
    pub(super) architecture: String,
    pub(super) runtime: PathBuf,
    pub(super) cgroup_manager: String,
    pub(super) controllers: Vec<String>,
    pub(super) driver: String,
    /// Whether its networks are netavark's.
    pub(super) netavark: bool,
    /// What it has written down of its images, and of their layers.
    pub(super) images: PathBuf,
    pub(super) layers: PathBuf,
}

/// Whether that is what podman says of itself.
pub(in super::super) fn understands(bytes: &[u8]) -> bool {
    read_info(bytes).is_ok()
}

/// Reads `podman info --format json`.
pub(super) fn read_info(bytes: &[u8]) -> Result<Info, String> {
    let info: Value = serde_json::from_slice(bytes).map_err(|error| format!("it is not JSON: {error}"))?;
    let at = |path: &str| info.pointer(path).ok_or_else(|| format!("it has no `{path}`"));
    let text =
        |path: &str| at(path)?.as_str().map(str::to_owned).ok_or_else(|| format!("`{path}` is not text"));
    let truth = |path: &str| at(path)?.as_bool().ok_or_else(|| format!("`{path}` is neither true nor false"));
    if truth("/host/serviceIsRemote")? {
        return Err("it is a client of another machine".to_owned());
    }
    let absolute = |path: &str| {
        let found = PathBuf::from(text(path)?);
        if found.is_absolute() { Ok(found) } else { Err(format!("`{path}` is not an absolute path")) }
    };
    let plain = |path: &str| {
        let found = text(path)?;
        let fits = |char: char| char.is_ascii_alphanumeric() || "._+~-".contains(char);
        if (1..=64).contains(&found.len()) && found.chars().all(fits) && !found.starts_with('-') {
            Ok(found)
        } else {
            Err(format!("`{path}` is not a word"))
        }
    };
    let controllers = info.pointer("/host/cgroupControllers").and_then(Value::as_array);
    let controllers = controllers.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
    let driver = plain("/store/graphDriverName")?;
    let root = absolute("/store/graphRoot")?;
    let images = root.join(format!("{driver}-images/images.json"));
    let layers = root.join(format!("{driver}-layers/layers.json"));
    Ok(Info {
        version: plain("/version/Version")?,
        rootless: truth("/host/security/rootless")?,
        seccomp: truth("/host/security/seccompEnabled")?,
        architecture: plain("/host/arch")?,
        runtime: absolute("/host/ociRuntime/path")?,
        cgroup_manager: plain("/host/cgroupManager")?,
        controllers: controllers.collect(),
        driver,
        netavark: text("/host/networkBackend").is_ok_and(|name| name == "netavark"),
        images,
        layers,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &[u8] = include_bytes!("../recorded/podman-4.3.1-info-root.json");

    fn info(change: impl FnOnce(&mut Value)) -> Result<Info, String> {
        let mut info: Value = serde_json::from_slice(INFO).unwrap();
        change(&mut info);
        read_info(info.to_string().as_bytes())
    }

    #[test]
    fn what_podman_says_of_itself_is_read() {
        let info = info(|_| ()).unwrap();
        assert_eq!((info.version.as_str(), info.rootless, info.seccomp), ("4.3.1", false, true));
        assert!(info.controllers.iter().any(|name| name == "memory"));
        assert!(info.images.ends_with("overlay-images/images.json"), "{info:?}");
    }

    #[test]
    fn what_cannot_be_believed_is_no_podman() {
        assert!(read_info(b"").is_err() && read_info(b"[]").is_err());
        assert!(info(|info| info["host"]["serviceIsRemote"] = true.into()).is_err());
        assert!(info(|info| info["host"]["cgroupManager"] = "--privileged".into()).is_err());
        assert!(info(|info| info["host"]["ociRuntime"]["path"] = "runc".into()).is_err());
        assert!(info(|info| info["version"]["Version"] = "4\u{1b}[31m".into()).is_err());
    }
}
