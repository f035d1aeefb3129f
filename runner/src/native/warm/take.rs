//! From a call to the sandbox that takes it.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::call::{Call, Key, Tree, split};
use super::held::Released;
use super::pool::{Order, Pool};
use crate::native::cgroup::Group;
use crate::native::failure::RunError;
use crate::native::run::{Place, before};
use crate::native::settings::{RootFolder, Settings};
use crate::native::spec::{Ground, Spec};
use crate::native::start::StartError;

/// How many sandboxes of one kind are kept ready.
#[derive(Debug)]
pub(crate) struct Warmth {
    /// How many.
    pub(crate) count: usize,
    /// Keeps the image's tree on disk.
    pub(crate) lock: OwnedFd,
}

/// Lets a ready sandbox take the call, if there is one for it, and has others made for the calls that follow.
pub(crate) fn release(
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
    let Some((shape, call)) = split(spec) else { return Ok(None) };
    let tree = Tree::of(root).map_err(|errno| StartError::Root(errno.to_string()))?;
    let key = Arc::new(Key { shape, bounds: settings.limits, tree, live: place.live.to_owned() });
    let pool = launcher.pool();
    let released = take(pool, (&key, &call), place)?;
    // A copy that cannot be made is one ready sandbox less.
    if let Ok(order) = Order::new(&key, root, warmth, place.room) {
        pool.top_up(order);
    }
    Ok(released)
}

/// The first that is not dead.
fn take(pool: &Pool, (key, call): (&Key, &Call), place: &Place<'_>) -> Result<Option<Released>, RunError> {
    while let Some(held) = pool.take(key) {
        before(place)?;
        let released = held.release(call);
        if released.is_some() {
            return Ok(released);
        }
    }
    Ok(None)
}

/// Whether a sandbox can be made before its call is known. Values of secrets come with the call; folders, devices and
/// terminals of the host are looked at when a program starts that is to see them.
fn can_wait(settings: &Settings) -> bool {
    let Settings { mounts, volumes, networks, beside, devices, secrets, files, terminal, .. } = settings;
    let shares_nothing = volumes.is_empty() && networks.is_empty() && beside.is_none();
    shares_nothing
        && mounts.is_empty()
        && devices.is_empty()
        && secrets.is_empty()
        && files.is_empty()
        && !terminal
}
