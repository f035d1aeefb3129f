//! What can be written to, all of it memory: each is a tmpfs of its own with a bound, which the supervisor looks at.

use perry_sandbox_policy::ByteSize;

use super::files;
use super::settings::Settings;
use super::spec::{SpecError, Steps, text};
use super::steps::{MAX_MEMORY, Slot, Step};
use super::sys::MountAttributes;

/// The folder in each that is shown; the file system's own root belongs to nobody inside.
const SHOWN: &str = "room";
/// The number of `/dev/shm`, behind those of the folders.
const SHM: usize = MAX_MEMORY - 1;

/// Every file system that is made for this, with its bound.
pub(super) fn all(settings: &Settings) -> Vec<(Slot, u64)> {
    let shm = settings.system.shm.map(ByteSize::bytes);
    let scratch = settings.tmp.saturating_sub(shm.unwrap_or(0));
    let folders = (0_u8..).zip(&settings.memory);
    let folders = folders.map(|(number, folder)| (Slot::Memory(number), folder.size.bytes()));
    [(Slot::Scratch, scratch)]
        .into_iter()
        .chain(own_room(settings).map(|room| (Slot::Stage, room)))
        .chain(folders)
        .chain(shm.map(|size| (shm_slot(), size)))
        .collect()
}

/// How much a writable root has for itself, beside what /tmp has.
pub(super) fn own_room(settings: &Settings) -> Option<u64> {
    settings.ephemeral.filter(|room| *room > 0)
}

fn shm_slot() -> Slot {
    Slot::Memory(u8::try_from(SHM).unwrap_or(u8::MAX))
}

/// Refuses more than there is room for.
pub(super) fn check(settings: &Settings) -> Result<(), SpecError> {
    if settings.memory.len() > SHM {
        return Err(SpecError::TooMuchMemory(settings.memory.len()));
    }
    // SECURITY: to the kernel 0 is no bound.
    if all(settings).iter().any(|(_, size)| *size == 0) { Err(SpecError::NoRoom) } else { Ok(()) }
}

/// Where the folders are, relative to the root.
pub(super) fn places(settings: &Settings) -> impl Iterator<Item = &str> {
    settings.memory.iter().map(|folder| folder.path.as_str().trim_start_matches('/'))
}

/// Shows the folders. Secrets are seen in `/run` all the same.
pub(super) fn show(settings: &Settings) -> Steps {
    let mut steps = Vec::new();
    for (number, path) in (0_u8..).zip(places(settings)) {
        let slot = Slot::Memory(number);
        steps.push(folder(slot, SHOWN, 0o1777)?);
        if path == "run" && files::has_secrets(settings) {
            steps.push(folder(slot, &format!("{SHOWN}/secrets"), 0o755)?);
        }
        steps.push(part(slot, SHOWN, (Slot::Root, path))?);
    }
    Ok(steps)
}

/// Shows `/dev/shm`: one of its own, or a part of what `/tmp` has.
pub(super) fn show_shm(settings: &Settings) -> Steps {
    let from = if settings.system.shm.is_some() { shm_slot() } else { Slot::Scratch };
    Ok(vec![
        folder(from, "shm", 0o1777)?,
        folder(Slot::Dev, "shm", 0o1777)?,
        part(from, "shm", (Slot::Dev, "shm"))?,
    ])
}

fn folder(beneath: Slot, path: &str, mode: u32) -> Result<Step, SpecError> {
    Ok(Step::MakeFolder { beneath, path: text(path)?, mode })
}

fn part(mount: Slot, part: &str, (beneath, path): (Slot, &str)) -> Result<Step, SpecError> {
    let (part, path) = (text(part)?, text(path)?);
    Ok(Step::AttachPart { mount, part, beneath, path, attributes: MountAttributes::Data })
}
