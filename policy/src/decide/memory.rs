//! How the room that the disk limit gives is shared out among `/tmp`, `/dev/shm` and the folders of memory of a service.

use super::project::in_words;
use crate::denial::{DenyCode, DenyReason, Reasons};
use crate::memory::{MemoryFolder, WantedMemory};
use crate::pattern::is_at_or_below;
use crate::plan::Mount;
use crate::quantity::{ByteSize, Limits};
use crate::request::{Request, Target};
use crate::system::System;

/// The row of all that is said about it.
pub(crate) const ROW: &str = "tmp";
/// The most folders of a service.
const MOST: usize = 8;
/// The least of anything that can be written to.
const LEAST: u64 = 64 << 10;

/// What can be written to, all of it memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Room {
    /// What `/tmp` and `/dev/shm` have together.
    pub(crate) tmp: ByteSize,
    /// What each folder has, in the order of their places.
    pub(crate) folders: Vec<MemoryFolder>,
}

/// Shares it out. What is more than there is, is a reason.
pub(crate) fn room(request: &Request, system: &System, limits: &Limits, reasons: &mut Reasons) -> Room {
    let wanted = &request.project.memory;
    let mut deny = |code: DenyCode, wish: String, found: &str, remedy: &str| {
        reasons.add(DenyReason::new(code, ROW, wish, found, []).remedy(remedy));
    };
    if !wanted.is_empty() && !matches!(request.target, Target::Service(_)) {
        deny(DenyCode::System, "folders of memory".to_owned(), "only services have them", "leave them out");
    }
    if wanted.len() > MOST {
        let wish = format!("{} folders of memory", wanted.len());
        deny(DenyCode::System, wish, "a service has 8 at most", "name a folder that holds several");
    }
    let disk = limits.disk;
    let shared = share(wanted, system.shm, disk);
    if shared.is_none() {
        let sizes = wanted.iter().filter_map(|one| Some(format!("{} in {}", one.size?, one.path)));
        let shm = system.shm.map(|size| format!("{size} in /dev/shm"));
        let sizes: Vec<String> = sizes.chain(shm).collect();
        let count =
            if wanted.is_empty() { String::new() } else { format!("{} folders of memory: ", wanted.len()) };
        let wish = format!("{count}{}", in_words(&sizes));
        let found =
            format!("the disk limit is {disk}, and each folder, /dev/shm and /tmp have 64KiB of it at least");
        deny(DenyCode::Limits, wish, &found, "ask for less, or raise the tier's limit `disk`");
    }
    shared.unwrap_or(Room { tmp: disk, folders: Vec::new() })
}

fn share(wanted: &[WantedMemory], shm: Option<ByteSize>, disk: ByteSize) -> Option<Room> {
    if wanted.is_empty() && shm.is_none() {
        return Some(Room { tmp: disk, folders: Vec::new() });
    }
    let sized = wanted.iter().filter_map(|one| one.size).chain(shm).map(ByteSize::bytes);
    // The kernel rounds up to whole pages.
    let mut sized = sized.map(|size| size.checked_next_multiple_of(4096).filter(|_| size >= LEAST));
    let sized = sized.try_fold(0_u64, |sum, size| sum.checked_add(size?))?;
    let shm = shm.map_or(0, ByteSize::bytes);
    let rest = disk.bytes().checked_sub(sized)?;
    let unsized_ones = u64::try_from(wanted.iter().filter(|one| one.size.is_none()).count()).ok()?;
    // Whole pages: the kernel rounds up.
    let part = rest.checked_div(unsized_ones.checked_add(1)?)? & !4095;
    let tmp = rest.checked_sub(part.checked_mul(unsized_ones)?)?.checked_add(shm)?;
    let part = ByteSize::from_bytes(part).filter(|part| part.bytes() >= LEAST)?;
    let folder = |one: &WantedMemory| MemoryFolder { path: one.path.clone(), size: one.size.unwrap_or(part) };
    let mut folders: Vec<MemoryFolder> = wanted.iter().map(folder).collect();
    folders.sort_by(|a, b| a.path.cmp(&b.path));
    Some(Room { tmp: ByteSize::from_bytes(tmp)?, folders })
}

/// Refuses what would be seen inside of memory, and memory inside of what is seen: nothing is made there for it. Secrets in
/// `/run` are.
pub(crate) fn refuse_nested(request: &Request, mounts: &[Mount], reasons: &mut Reasons) {
    let project = &request.project;
    let mounts = mounts.iter().map(|mount| mount.target.as_str());
    let volumes = project.volumes.iter().map(|volume| volume.path.as_str());
    let files = project.files.iter().filter(|file| file.path.in_secrets().is_none());
    let files = files.map(|file| file.path.as_str());
    let others: Vec<&str> = mounts.chain(volumes).chain(files).collect();
    for (number, one) in project.memory.iter().enumerate() {
        let path = one.path.as_str();
        let before = project.memory.iter().take(number).map(|other| other.path.as_str());
        let nested = |other: &&str| is_at_or_below(other, path) || is_at_or_below(path, other);
        if let Some(other) = others.iter().copied().chain(before).find(nested) {
            let (wish, found) = (format!("memory at {path}"), format!("there is to be something at {other}"));
            let reason = DenyReason::new(DenyCode::Mounts, ROW, wish, found, []);
            reasons.add(reason.remedy("give each a place of its own, none inside of another"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(sizes: &[Option<&str>], shm: Option<&str>) -> Option<Vec<String>> {
        let size = |text: &str| text.parse::<ByteSize>().unwrap();
        let wanted: Vec<WantedMemory> = (0..)
            .zip(sizes)
            .map(|(number, one)| WantedMemory {
                path: format!("/m{number}").parse().unwrap(),
                size: one.map(size),
            })
            .collect();
        let room = share(&wanted, shm.map(size), size("8MiB"))?;
        Some(
            [room.tmp]
                .into_iter()
                .chain(room.folders.iter().map(|one| one.size))
                .map(|s| s.to_string())
                .collect(),
        )
    }

    #[test]
    fn all_together_have_what_the_disk_limit_gives() {
        let all = |sizes: &[Option<&str>], shm| shared(sizes, shm).unwrap().join(" ");
        assert_eq!(all(&[], None), "8MiB");
        assert_eq!(all(&[], Some("6MiB")), "8MiB");
        assert_eq!(all(&[Some("1MiB")], None), "7MiB 1MiB");
        assert_eq!(all(&[None, None, None], None), "2MiB 2MiB 2MiB 2MiB");
        assert_eq!(all(&[Some("2MiB"), None], Some("2MiB")), "4MiB 2MiB 2MiB");
        for (sizes, shm) in [
            (vec![Some("8MiB")], None),
            (vec![Some("9MiB")], None),
            (vec![Some("1KiB")], None),
            (vec![], Some("1KiB")),
            (vec![], Some("8MiB")),
            (vec![Some("16777215TiB"); 2], None),
        ] {
            assert_eq!(shared(&sizes, shm), None, "{sizes:?} {shm:?}");
        }
    }
}
