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
pub(crate) struct Berth {
    live: Live,
    group: Option<Group>,
}

impl Berth {
    /// Makes room for one more sandbox.
    pub(crate) fn take(folder: &Path, room: &Room, bounds: &Bounds) -> Result<Self, RunError> {
        let name = fresh_name();
        let group = room.plan(&name);
        if bounds.memory_exact && group.is_none() {
            return Err(RunError::Limits(io::ErrorKind::Unsupported.into()));
        }
        // Recorded before it is made. What cannot be made leaves nothing by itself.
        let live = Live::record(folder, &name, group.as_ref()).map_err(RunError::Live)?;
        if let Some(group) = &group {
            group.make(bounds).map_err(RunError::Limits)?;
        }
        Ok(Self { live, group })
    }

    /// The cgroups, where there are any.
    pub(crate) const fn group(&self) -> Option<&Group> {
        self.group.as_ref()
    }

    /// For whoever learns first that the sandbox has started.
    pub(super) fn note(&self) -> Result<Note, RunError> {
        self.live.note().map_err(RunError::Live)
    }
}

impl Drop for Berth {
    fn drop(&mut self) {
        if self.group.as_ref().is_some_and(|group| !group.remove()) {
            // The record stays, without its lock, for the next start.
            self.live.leave();
        }
    }
}

/// Removes what killed runners have left. Nothing is started beside a sandbox that runs on without its runner.
pub(super) fn clear(folder: &Path) -> Result<(), RunError> {
    // What is only left does not stop a run and is tried again by the next one.
    let running = reap(folder).unwrap_or_default().running;
    if running.is_empty() { Ok(()) } else { Err(RunError::StillRunning(running.join("; "))) }
}
