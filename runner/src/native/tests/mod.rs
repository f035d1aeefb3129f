//! Real sandboxes, started from settings, as root and as an ordinary user.

mod attacks;
mod bombs;
mod changed;
mod datagrams;
mod defences;
mod devices;
mod egress;
mod faults;
mod landlock;
mod leftovers;
mod mounts;
mod needs;
mod networks;
mod places;
mod publish;
mod recording;
mod rootfs;
mod secrets;
mod streams;
mod system;
mod traps;
mod volumes;
mod warm;
mod warm_ends;

pub(super) use rootfs::bounds;
pub(crate) use rootfs::{busybox, settings as settings_of_a_sandbox};

use std::fs::File;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use perry_sandbox_policy::MountAccess;

use super::cgroup::Room;
use super::failure::RunError;
use super::run::{Finished, Place, run};
use super::settings::{HostFolder, RootFolder, Settings};
use super::spec::{Ground, Spec};
use crate::io::{Commands, Streams};

/// Sandboxes compare what is on the host before and after: one at a time.
static ONE: Mutex<()> = Mutex::new(());

pub(super) fn alone() -> MutexGuard<'static, ()> {
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn root_folder(path: &Path) -> RootFolder {
    let path = path.canonicalize().unwrap();
    RootFolder { folder: File::open(&path).unwrap().into(), path }
}

pub(super) fn without_cgroups() -> Room {
    Room::Nowhere { why: "a test".to_owned(), remedy: String::new() }
}

/// Settings of a sandbox in a busybox root.
pub(super) fn settings_of(argv: &[&str]) -> Settings {
    rootfs::settings(argv)
}

/// The steps of a sandbox in a busybox root.
pub(super) fn spec_of(argv: &[&str]) -> Spec {
    attacks::spec_of(&rootfs::settings(argv))
}

/// Runs in a busybox root, without cgroups.
pub(super) fn sandbox(settings: &Settings) -> Result<Finished, RunError> {
    sandbox_with(settings, Streams::captured(), None)
}

pub(super) fn sandbox_with(
    settings: &Settings,
    streams: Streams,
    commands: Option<&Commands>,
) -> Result<Finished, RunError> {
    let root = busybox();
    sandbox_in(root.path(), settings, streams, commands)
}

pub(super) fn sandbox_in(
    root: &Path,
    settings: &Settings,
    streams: Streams,
    commands: Option<&Commands>,
) -> Result<Finished, RunError> {
    let live = tempfile::tempdir().unwrap();
    run(settings, &root_folder(root), streams, commands, &place(&without_cgroups(), live.path()))
}

/// Where a run is that nobody watches, records, or gives secrets to.
pub(super) fn place<'a>(room: &'a Room, live: &'a Path) -> Place<'a> {
    Place {
        room,
        live,
        window: (24, 80),
        launcher: None,
        warmth: None,
        secrets: None,
        observer: None,
        recorder: None,
        publisher: None,
        before: None,
    }
}
