//! Sandboxes that are ready before they are called: a call passes arguments and environment, and the program starts.
//!
//! Everything is done ahead but the last two steps, the filter and exec: namespaces, mounts, limits, cgroups, privileges. Until
//! then nothing but our own steps has run inside. Each takes one call and is gone after it.
//!
//! SECURITY: a call goes through every gate as without a pool. It takes a sandbox only where the steps that its plan asks
//! for at that moment are, one by one, those that were done; anything else is launched anew.

mod call;
mod held;
mod pool;

use std::fs;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

use self::call::{Key, Tree};
use self::held::Released;
use self::pool::Order;
use super::cgroup::Group;
use super::failure::RunError;
use super::run::{Place, before};
use super::settings::{RootFolder, Settings};
use super::spec::{Ground, Spec, own_room};

pub(super) use pool::Pool;

/// How many sandboxes of one kind are kept ready.
#[derive(Debug)]
pub(crate) struct Warmth {
    /// How many.
    pub(crate) count: usize,
    /// Keeps the image's tree on disk.
    pub(crate) lock: OwnedFd,
}

/// Lets a ready sandbox take the call, if there is one for it, and has others made for the calls that follow.
pub(super) fn release(
    settings: &Settings,
    root: &RootFolder,
    place: &Place<'_>,
) -> Result<Option<Released>, RunError> {
    let (Some(launcher), Some(warmth), None) = (place.launcher, place.warmth, place.recorder) else {
        return Ok(None);
    };
    if !can_wait(settings) {
        return Ok(None);
    }
    let joined = place.room.plan("").as_ref().map(Group::joined);
    let spec = Spec::assemble(settings, &Ground::survey(settings, root, joined)?)?;
    let Some((shape, call)) = call::split(spec) else { return Ok(None) };
    let tree = Tree::of(root).map_err(RunError::Live)?;
    let key = Arc::new(Key { shape, bounds: settings.limits, tree, live: place.live.to_owned() });
    let pool = launcher.pool();
    let mut held = pool.take(&key);
    // A copy that cannot be made is one ready sandbox less.
    if let Ok(order) = Order::new(&key, root, warmth, (place.room, own_room(settings).is_some())) {
        pool.top_up(order);
    }
    if held.is_some() {
        before(place)?;
    }
    while let Some(ready) = held {
        match ready.release(&call) {
            Some(released) => return Ok(Some(released)),
            None => held = pool.take(&key),
        }
    }
    Ok(None)
}

/// Whether a sandbox can be made before its call is known. Values of secrets come with the call; folders, devices and
/// terminals of the host are looked at when a program starts that is to see them.
fn can_wait(settings: &Settings) -> bool {
    let Settings { mounts, devices, secrets, terminal, .. } = settings;
    mounts.is_empty() && devices.is_empty() && secrets.is_empty() && !terminal
}

impl Tree {
    fn of(root: &RootFolder) -> io::Result<Self> {
        let found = fs::File::from(root.folder.as_fd().try_clone_to_owned()?).metadata()?;
        Ok(Self { device: found.dev(), inode: found.ino() })
    }
}
