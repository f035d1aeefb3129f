//! Secrets as files: a tmpfs of their own below `/run/secrets`, filled before the program starts and read-only then.

use std::ffi::CString;
use std::os::fd::OwnedFd;

use super::failure::RunError;
use super::ids::Ids;
use super::settings::Settings;
use super::spec::{Ground, SpecError, Steps, text, tmpfs};
use super::start::StartError;
use super::steps::{MAX_SECRETS, Slot, Step};
use super::sys::{Errno, MountAttributes, new_tmpfs, tmpfs_knows};
use crate::secret::{SecretError, Secrets};

/// Where they are, relative to the root.
pub(super) const FOLDER: &str = "run/secrets";

/// Room for so many of the longest.
fn size(settings: &Settings) -> (String, String) {
    let count = settings.secrets.len();
    (format!("{count}m"), count.saturating_add(1).to_string())
}

/// The file system, where the child makes it.
pub(super) fn room(settings: &Settings, ground: &Ground) -> Steps {
    if settings.secrets.len() > MAX_SECRETS {
        return Err(SpecError::TooManySecrets(settings.secrets.len()));
    }
    // As root the parent makes it: only the host's root may say that it is never swapped.
    if settings.secrets.is_empty() || ground.ids == Ids::Range {
        return Ok(Vec::new());
    }
    let (size, inodes) = size(settings);
    let options = [("size", size), ("nr_inodes", inodes), ("mode", "755".to_owned())];
    Ok(vec![tmpfs(Slot::Secrets, MountAttributes::Data, &options)?])
}

/// The files, and the file system at its place.
pub(super) fn files(settings: &Settings) -> Steps {
    if settings.secrets.is_empty() {
        return Ok(Vec::new());
    }
    let user = (settings.uid, settings.gid);
    let mut steps = Vec::new();
    for (number, name) in (0_u8..).zip(&settings.secrets) {
        steps.push(Step::WriteSecret { value: Slot::Secret(number), name: text(name.as_str())?, user });
    }
    let mount = Slot::Secrets;
    steps.push(Step::Restrict { mount, attributes: MountAttributes::ReadOnlyData, recursive: false });
    steps.push(Step::Attach { mount, beneath: Slot::Root, path: text(FOLDER)? });
    Ok(steps)
}

/// What the child gets for them: each value, and as root the file system.
pub(super) fn given(
    settings: &Settings,
    secrets: Option<&Secrets>,
) -> Result<Vec<(Slot, OwnedFd)>, RunError> {
    let mut given = Vec::new();
    for (number, name) in (0_u8..).zip(&settings.secrets) {
        let missing = || SecretError::Missing(vec![name.clone()]);
        let value = secrets.and_then(|secrets| secrets.descriptor(name)).ok_or_else(missing)?;
        given.push((Slot::Secret(number), value.try_clone_to_owned().map_err(StartError::Channel)?));
    }
    if !settings.secrets.is_empty() && Ids::of_this_process() == Ids::Range {
        let made = host_room(settings).map_err(|errno| StartError::Channel(errno.into()))?;
        given.push((Slot::Secrets, made));
    }
    Ok(given)
}

/// Swapped never, where this kernel (6.4) can promise that. Belongs to nobody inside; like /dev it can be written until
/// it is made read-only, before the program starts.
fn host_room(settings: &Settings) -> Result<OwnedFd, Errno> {
    let (size, inodes) = size(settings);
    let invalid = |_| Errno(libc::EINVAL);
    let (size, inodes) = (CString::new(size).map_err(invalid)?, CString::new(inodes).map_err(invalid)?);
    let mut options = vec![(c"size", Some(&*size)), (c"nr_inodes", Some(&*inodes)), (c"mode", Some(c"777"))];
    if tmpfs_knows(c"noswap") {
        options.push((c"noswap", None));
    }
    new_tmpfs(&options, MountAttributes::Data)
}

/// Who holds that only the sandbox's user reads them.
pub(super) fn enforcer() -> &'static str {
    if Ids::of_this_process() == Ids::Range && tmpfs_knows(c"noswap") {
        "tmpfs of its own (read-only, nosuid, nodev, noexec, noswap), files of the sandbox's user alone"
    } else {
        "tmpfs of its own (read-only, nosuid, nodev, noexec), files of the sandbox's user alone"
    }
}
