//! What a sandbox has on the host while it lives: a record in the folder of live sandboxes, and its cgroups.

use std::io;
use std::path::Path;

use super::cgroup::{Group, Room};
use super::facts::fresh_name;
use super::failure::RunError;
use super::live::{Live, Note, reap};
use super::settings::Bounds;

/// Both are removed when it is dropped; groups that are slow to go stay in the record, for the next start.
#[derive(Debug)]
pub(super) struct Berth {
    live: Option<Live>,
    group: Option<Group>,
}

impl Berth {
    /// Removes what killed runners have left, and makes room for one more sandbox.
    pub(super) fn take(folder: &Path, room: &Room, bounds: &Bounds) -> Result<Self, RunError> {
        // What others left does not stop this run and is tried again by the next one; a sandbox that still runs does.
        let left = reap(folder).unwrap_or_default().running;
        if !left.is_empty() {
            return Err(RunError::StillRunning(left.join("; ")));
        }
        let name = fresh_name();
        let group = room.plan(&name);
        if bounds.memory_exact && group.is_none() {
            return Err(RunError::Limits(io::ErrorKind::Unsupported.into()));
        }
        // Recorded before it is made. What cannot be made leaves nothing by itself.
        let live = Some(Live::record(folder, &name, group.as_ref()).map_err(RunError::Live)?);
        if let Some(group) = &group {
            group.make(bounds).map_err(RunError::Limits)?;
        }
        Ok(Self { live, group })
    }

    /// The cgroups, where there are any.
    pub(super) const fn group(&self) -> Option<&Group> {
        self.group.as_ref()
    }

    /// For whoever learns first that the sandbox has started.
    pub(super) fn note(&self) -> Result<Note, RunError> {
        let gone = || io::Error::from(io::ErrorKind::NotFound);
        self.live.as_ref().ok_or_else(gone).and_then(Live::note).map_err(RunError::Live)
    }
}

impl Drop for Berth {
    fn drop(&mut self) {
        let gone = self.group.as_ref().is_none_or(Group::remove);
        if let Some(live) = self.live.take().filter(|_| !gone) {
            // The record stays for the next start; the lock goes with this process.
            live.leave();
        }
    }
}
