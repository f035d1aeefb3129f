//! The image config, read strictly. Its values stay what they are, data from a stranger: the policy and the
//! runner decide what of it counts.

use std::collections::BTreeMap;

use perry_sandbox_reference::{Digest, Platform};
use serde_json::Value;
use thiserror::Error;

use crate::json::{JsonError, MAX_DEPTH, Object, parse_strict};
use crate::limits::{MAX_ANNOTATIONS, MAX_LAYERS};

/// Most environment variables, arguments, volumes or ports that are read.
const MAX_ITEMS: usize = 4096;

/// What an image asks for when it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageConfig {
    /// The platform that it was built for.
    pub platform: Platform,
    /// `User`: a name or number, with an optional group, or empty.
    pub user: Option<String>,
    /// `Env`: `NAME=value`, unchecked.
    pub env: Vec<String>,
    /// `Entrypoint`.
    pub entrypoint: Vec<String>,
    /// `Cmd`.
    pub cmd: Vec<String>,
    /// `WorkingDir`.
    pub working_dir: Option<String>,
    /// `StopSignal`.
    pub stop_signal: Option<String>,
    /// `Labels`.
    pub labels: BTreeMap<String, String>,
    /// `ExposedPorts`, e.g. `80/tcp`.
    pub exposed_ports: Vec<String>,
    /// `Volumes`.
    pub volumes: Vec<String>,
    /// `OnBuild`: never acted upon.
    pub on_build: Vec<String>,
    /// When the image says it was made, unchecked.
    pub created: Option<String>,
    /// The digest of each layer after decompression, lowest first.
    pub diff_ids: Vec<Digest>,
}

/// Why some bytes are not an image config.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Not strict JSON, or a field has the wrong type.
    #[error("the image config is refused: {0}")]
    Json(#[from] JsonError),
    /// The platform is missing or not one.
    #[error("the image config's platform is not usable: {0}")]
    Platform(#[from] perry_sandbox_reference::PlatformError),
    /// A layer's digest is not one.
    #[error("the image config's list of layers is not usable: {0}")]
    Digest(#[from] perry_sandbox_reference::DigestError),
    /// The root file system is not made of layers.
    #[error("the image config's root file system is not of the type `layers`")]
    NotLayers,
}

impl ImageConfig {
    /// Reads an image config.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ConfigError> {
        let value = parse_strict(bytes, MAX_DEPTH)?;
        let object = Object::new("image config", &value)?;
        let rootfs = Object::new("rootfs", object.required("rootfs")?)?;
        if rootfs.string("type")? != "layers" {
            return Err(ConfigError::NotLayers);
        }
        let diff_ids = rootfs.strings("diff_ids", MAX_LAYERS)?;
        let platform = Platform::new(
            object.string("os")?,
            object.string("architecture")?,
            object.optional_string("variant")?,
        )?;
        let nothing = Value::Object(serde_json::Map::new());
        let run = Object::new("config", object.get("config").unwrap_or(&nothing))?;
        let text = |field| run.optional_string(field).map(|it| it.map(str::to_owned));
        Ok(Self {
            platform,
            user: text("User")?,
            env: run.strings("Env", MAX_ITEMS)?,
            entrypoint: run.strings("Entrypoint", MAX_ITEMS)?,
            cmd: run.strings("Cmd", MAX_ITEMS)?,
            working_dir: text("WorkingDir")?,
            stop_signal: text("StopSignal")?,
            labels: run.string_map("Labels", MAX_ANNOTATIONS)?,
            exposed_ports: keys(&run, "ExposedPorts")?,
            volumes: keys(&run, "Volumes")?,
            on_build: run.strings("OnBuild", MAX_ITEMS)?,
            created: object.optional_string("created")?.map(str::to_owned),
            diff_ids: diff_ids.iter().map(|text| text.parse()).collect::<Result<_, _>>()?,
        })
    }
}

/// The keys of a map whose values mean nothing, as `ExposedPorts` and `Volumes` are written.
fn keys(object: &Object<'_>, field: &'static str) -> Result<Vec<String>, JsonError> {
    let Some(value) = object.get(field) else { return Ok(Vec::new()) };
    let wrong = JsonError::Wrong { object: "config", field, expected: "a map" };
    let map = value.as_object().ok_or(wrong)?;
    if map.len() > MAX_ITEMS {
        return Err(JsonError::TooMany { object: "config", field, limit: MAX_ITEMS });
    }
    Ok(map.keys().cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn config(run: &Value) -> Result<ImageConfig, ConfigError> {
        let value = json!({
            "os": "linux", "architecture": "amd64", "config": run,
            "rootfs": {"type": "layers", "diff_ids": [Digest::of(b"").as_str()]}
        });
        ImageConfig::parse(value.to_string().as_bytes())
    }

    #[test]
    fn a_hostile_config_is_kept_as_data() {
        let read = config(&json!({
            "User": "root:../..", "Env": ["LD_PRELOAD=/evil.so", "not a pair"], "Cmd": null,
            "Entrypoint": ["relative/prog"], "WorkingDir": "/proc/self/fd/7", "Volumes": {"/etc": {}},
            "ExposedPorts": {"80/tcp": {}}, "OnBuild": ["RUN evil"], "Labels": {"a": "b"}
        }))
        .unwrap();
        assert_eq!(read.working_dir.as_deref(), Some("/proc/self/fd/7"));
        assert_eq!((read.env.len(), read.cmd.len()), (2, 0));
        assert_eq!(read.volumes, ["/etc"]);
    }

    #[test]
    fn wrong_types_and_missing_parts_are_refused() {
        for run in [json!({"Env": "A=b"}), json!({"Cmd": [1]}), json!({"User": 0}), json!([])] {
            assert!(config(&run).is_err(), "{run}");
        }
        assert!(ImageConfig::parse(b"{}").is_err());
        assert!(ImageConfig::parse(br#"{"os":"linux","os":"linux"}"#).is_err());
    }
}
