//! What is written down of a network or volume, beside it.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::net::Ipv4Addr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::error::ProjectError;
use super::subnet::{Pool, Range};
use crate::backends::stock::PROJECT;

/// The file, and its name before it is whole.
pub(super) const FILE: &str = "label.json";
pub(super) const DRAFT: &str = "label.new";
/// The longest that is read: 64 labels of the longest value.
const LONGEST: u64 = 1 << 20;

/// What one is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Label {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) created: Timestamp,
    /// A network's addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) subnet: Option<String>,
    /// The one of them that no sandbox gets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gateway: Option<Ipv4Addr>,
    /// Those of them that a sandbox gets that asks for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    range: Option<String>,
}

impl Label {
    /// A new one of something without addresses.
    pub(super) fn new(labels: BTreeMap<String, String>) -> Self {
        Self { labels, created: Timestamp::now(), subnet: None, gateway: None, range: None }
    }

    /// A new one of a network.
    pub(super) fn of_network(labels: BTreeMap<String, String>, pool: &Pool) -> Self {
        let subnet = Some(pool.subnet.to_string());
        let range = pool.range.map(|range| range.to_string());
        Self { subnet, gateway: pool.gateway, range, ..Self::new(labels) }
    }

    /// A network's addresses; nothing where it has none, or what is written is none.
    pub(super) fn pool(&self) -> Option<Pool> {
        let subnet = Range::read(self.subnet.as_deref()?)?;
        let range = match &self.range {
            Some(text) => Some(Range::read(text)?),
            None => None,
        };
        Some(Pool { subnet, gateway: self.gateway, range })
    }

    /// Whether it says that it is of this project.
    pub(super) fn is_of(&self, project: &str) -> bool {
        self.labels.get(PROJECT).is_some_and(|named| named == project)
    }

    /// Writes it into the folder that it is about: from then on there is one.
    pub(super) fn write(&self, folder: &Path) -> Result<(), ProjectError> {
        let path = folder.join(FILE);
        let draft = folder.join(DRAFT);
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)
            .and_then(|mut file| {
                file.write_all(&serde_json::to_vec(self)?)?;
                file.sync_all()
            })
            .and_then(|()| fs::rename(&draft, &path));
        written.map_err(ProjectError::io("write", &path))
    }

    /// Reads it, and gives the file that it was read from. Nothing where there is none.
    pub(super) fn read(folder: &Path) -> Result<Option<(Self, File)>, ProjectError> {
        let path = folder.join(FILE);
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let file = match OpenOptions::new().read(true).custom_flags(flags).open(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(ProjectError::io("read", &path))?,
        };
        let mut text = Vec::new();
        (&file).take(LONGEST).read_to_end(&mut text).map_err(ProjectError::io("read", &path))?;
        let label = serde_json::from_slice(&text)
            .map_err(|error| ProjectError::Unreadable { path, why: error.to_string() })?;
        Ok(Some((label, file)))
    }
}
