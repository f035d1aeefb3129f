//! What a sandbox shares with others of its project: volumes, and the file that says who is in its networks.

use std::collections::BTreeSet;

use super::files;
use super::settings::Settings;
use super::spec::{SpecError, Steps, text};
use super::steps::{MAX_NETWORKS, MAX_VOLUMES, Slot, Step};
use super::sys::MountAttributes;

/// Where programs look for addresses by name, relative to the root.
pub(super) const HOSTS: &str = "etc/hosts";

/// Whether it sees a file of names: its own, or that of the sandbox that it is beside.
pub(super) fn sees_hosts(settings: &Settings) -> bool {
    !settings.networks.is_empty() || settings.beside.is_some()
}

/// Where something that is not of the image is seen inside, and what.
pub(super) fn places(settings: &Settings) -> impl Iterator<Item = (String, Slot)> {
    let mounts = (0_u8..).zip(&settings.mounts).map(|(number, one)| (one.inside.clone(), Slot::Host(number)));
    let volumes = (0_u8..).zip(&settings.volumes);
    let volumes = volumes.map(|(number, one)| (one.inside.clone(), Slot::Volume(number)));
    let files = files::elsewhere(settings).into_iter();
    let files = files.map(|(number, file)| (file.path.as_str().to_owned(), Slot::File(number)));
    mounts.chain(volumes).chain(files)
}

/// Refuses more than there is room for, and what would cover something else.
pub(super) fn check(settings: &Settings) -> Result<(), SpecError> {
    if settings.volumes.len() > MAX_VOLUMES {
        return Err(SpecError::TooManyVolumes(settings.volumes.len()));
    }
    if settings.networks.len() > MAX_NETWORKS {
        return Err(SpecError::TooManyNetworks(settings.networks.len()));
    }
    let mut seen = BTreeSet::new();
    match places(settings).find(|(path, _)| !seen.insert(path.clone())) {
        Some((path, _)) => Err(SpecError::SamePlace(path)),
        None => Ok(()),
    }
}

/// Volumes as detached mounts, restricted. As root they come from the parent.
pub(super) fn volumes(settings: &Settings, given: bool) -> Steps {
    let mut steps = Vec::new();
    for (number, volume) in (0_u8..).zip(&settings.volumes) {
        let mount = Slot::Volume(number);
        if !given {
            steps.push(Step::OpenHost { path: text(&volume.path)?, into: Slot::Work, same_as: None });
            steps.push(Step::CloneTree { from: Slot::Work, into: mount, recursive: true });
        }
        let attributes = if volume.writable { MountAttributes::Data } else { MountAttributes::ReadOnlyData };
        steps.push(Step::Restrict { mount, attributes, recursive: true });
    }
    Ok(steps)
}

/// The file of names at its place, where there are networks.
pub(super) fn hosts(settings: &Settings) -> Steps {
    if !sees_hosts(settings) {
        return Ok(Vec::new());
    }
    let mount = Slot::Hosts;
    Ok(vec![
        Step::Restrict { mount, attributes: MountAttributes::ReadOnlyData, recursive: false },
        Step::Attach { mount, beneath: Slot::Root, path: text(HOSTS)? },
    ])
}
