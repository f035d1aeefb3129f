//! Files that are given: a tmpfs of their own, filled before the program starts and read-only then. Secrets are below
//! `/run/secrets`; what is wanted elsewhere is shown there file by file.

use std::ffi::CString;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;

use nix::sys::memfd::{MFdFlags, memfd_create};
use perry_sandbox_policy::{FileSource, GivenFile, User, given_files};

use super::failure::RunError;
use super::ids::Ids;
use super::settings::Settings;
use super::spec::{Ground, SpecError, Steps, text, tmpfs};
use super::start::StartError;
use super::steps::{MAX_FILES, Slot, Step};
use super::sys::{Errno, MountAttributes, new_tmpfs, tmpfs_knows};
use crate::secret::{SecretError, Secrets};

/// Where secrets are, relative to the root.
pub(super) const FOLDER: &str = "run/secrets";
/// Where these are in the file system.
const SECRETS: &str = "secrets";
/// Where the others are.
const ELSEWHERE: &str = "elsewhere";

/// All files of these settings, in order of place.
pub(super) fn all(settings: &Settings) -> Vec<GivenFile> {
    let user = User { uid: settings.uid, gid: settings.gid };
    let files: Vec<GivenFile> = settings.files.iter().map(|file| file.given_to(user)).collect();
    given_files(&settings.secrets, &files, user)
}

/// Room for so many of the longest, and for three folders.
fn size(settings: &Settings) -> (String, String) {
    let count = all(settings).len();
    (format!("{count}m"), count.saturating_add(3).to_string())
}

/// The file system, where the child makes it.
pub(super) fn room(settings: &Settings, ground: &Ground) -> Steps {
    let count = all(settings).len();
    if count > MAX_FILES {
        return Err(SpecError::TooManyFiles(count));
    }
    // As root the parent makes it: only the host's root may say that it is never swapped.
    if count == 0 || ground.ids == Ids::Range {
        return Ok(Vec::new());
    }
    let (size, inodes) = size(settings);
    let options = [("size", size), ("nr_inodes", inodes), ("mode", "755".to_owned())];
    Ok(vec![tmpfs(Slot::Files, MountAttributes::Data, &options)?])
}

/// Fills the file system. It is attached nowhere: parts of it are shown, which cannot be written.
pub(super) fn fill(settings: &Settings) -> Steps {
    let files = all(settings);
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let folder = |path: &str| -> Result<Step, SpecError> {
        Ok(Step::MakeFolder { beneath: Slot::Files, path: text(path)?, mode: 0o755 })
    };
    let mut steps = vec![folder(SECRETS)?, folder(ELSEWHERE)?];
    for (number, file) in (0_u8..).zip(&files) {
        let shown = match &file.source {
            FileSource::Secret(name) => format!("the secret {name}"),
            FileSource::Config { name, .. } => format!("the config {name}"),
        };
        steps.push(Step::GiveFile {
            value: Slot::File(number),
            shown: text(shown)?,
            name: text(place(number, file))?,
            user: (file.owner.uid, file.owner.gid),
            mode: file.mode.bits(),
        });
    }
    Ok(steps)
}

/// Shows the secrets that are where secrets are.
pub(super) fn show_secrets(settings: &Settings) -> Steps {
    if !has_secrets(settings) {
        return Ok(Vec::new());
    }
    Ok(vec![part(SECRETS, FOLDER)?])
}

/// Whether any file is below `/run/secrets`.
pub(super) fn has_secrets(settings: &Settings) -> bool {
    all(settings).iter().any(|file| file.path.in_secrets().is_some())
}

/// The files that are shown one by one: their numbers, and where.
pub(super) fn elsewhere(settings: &Settings) -> Vec<(u8, GivenFile)> {
    let files = (0_u8..).zip(all(settings));
    files.filter(|(_, file)| file.path.in_secrets().is_none()).collect()
}

/// Shows one of them.
pub(super) fn show(number: u8, path: &str) -> Result<Step, SpecError> {
    part(&format!("{ELSEWHERE}/{number}"), path)
}

fn part(part: &str, path: &str) -> Result<Step, SpecError> {
    let attributes = MountAttributes::ReadOnlyData;
    let (part, path) = (text(part)?, text(path)?);
    Ok(Step::AttachPart { mount: Slot::Files, part, beneath: Slot::Root, path, attributes })
}

/// Where a file is in the file system.
fn place(number: u8, file: &GivenFile) -> String {
    match file.path.in_secrets() {
        Some(name) => format!("{SECRETS}/{name}"),
        None => format!("{ELSEWHERE}/{number}"),
    }
}

/// What the child gets for them: what is in each, and as root the file system.
pub(super) fn given(
    settings: &Settings,
    secrets: Option<&Secrets>,
) -> Result<Vec<(Slot, OwnedFd)>, RunError> {
    let files = all(settings);
    let mut given = Vec::new();
    for (number, file) in (0_u8..).zip(&files) {
        let value = match &file.source {
            FileSource::Secret(name) => {
                let missing = || SecretError::Missing(vec![name.clone()]);
                let value = secrets.and_then(|secrets| secrets.descriptor(name)).ok_or_else(missing)?;
                value.try_clone_to_owned()
            }
            FileSource::Config { content, .. } => in_memory(content.bytes()),
        };
        given.push((Slot::File(number), value.map_err(StartError::Channel)?));
    }
    if !files.is_empty() && Ids::of_this_process() == Ids::Range {
        let made = host_room(settings).map_err(|errno| StartError::Channel(errno.into()))?;
        given.push((Slot::Files, made));
    }
    Ok(given)
}

fn in_memory(bytes: &[u8]) -> std::io::Result<OwnedFd> {
    let mut file = File::from(memfd_create(c"config", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(bytes)?;
    Ok(file.into())
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

/// Who holds that only the sandbox's user reads secrets.
pub(super) fn enforcer() -> String {
    format!("{}, files of the sandbox's user alone", enforcer_of_files())
}

/// Who holds that nobody changes or executes what is given.
pub(super) fn enforcer_of_files() -> &'static str {
    if Ids::of_this_process() == Ids::Range && tmpfs_knows(c"noswap") {
        "tmpfs of its own (read-only, nosuid, nodev, noexec, noswap)"
    } else {
        "tmpfs of its own (read-only, nosuid, nodev, noexec)"
    }
}
