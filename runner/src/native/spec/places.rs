//! Where inside the plan's folders, volumes and files are seen, and where none of them may be.

use perry_sandbox_policy::MountAccess;

use super::super::files;
use super::super::settings::Settings;
use super::super::shared;
use super::super::steps::{Slot, Step};
use super::{Ground, SpecError, Steps, text};

/// The plan's host folders, volumes and files at their places, the shallow ones first: one may lie inside another.
pub(super) fn all_places(settings: &Settings, ground: &Ground) -> Steps {
    let mut mounts: Vec<_> = shared::places(settings).collect();
    mounts.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut steps = Vec::new();
    for (path, mount) in mounts {
        let path = relative(&path);
        // Below our own /tmp nothing of the image is seen: the place is made there.
        if path.starts_with("tmp/") {
            let is_file = ground.files.contains(path);
            for folder in chain(path).skip(1).filter(|folder| !is_file || *folder != path) {
                steps.push(Step::MakeFolder { beneath: Slot::Scratch, path: text(folder)?, mode: 0o755 });
            }
            if is_file {
                steps.push(Step::MakeFile { beneath: Slot::Scratch, path: text(path)?, mode: 0o644 });
            }
        }
        steps.push(if let Slot::File(number) = mount {
            files::show(number, path)?
        } else {
            Step::Attach { mount, beneath: Slot::Root, path: text(path)? }
        });
    }
    Ok(steps)
}

/// A relative path and its parents, the shallow ones first.
pub(crate) fn chain(path: &str) -> impl Iterator<Item = &str> {
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    ends.filter_map(|end| path.get(..end))
}

/// SECURITY: a working folder under /proc can be a leaked descriptor (CVE-2024-21626), and a mount there would cover a mask.
pub(super) fn check_folder(path: &str) -> Result<(), SpecError> {
    let inside = relative(path);
    let normal = path == "/" || inside.split('/').all(|part| !matches!(part, "" | "." | ".."));
    let own = ["proc", "sys", "dev"].iter().any(|own| inside.split('/').next() == Some(*own));
    if path.starts_with('/') && normal && !own { Ok(()) } else { Err(SpecError::Folder(path.to_owned())) }
}

fn relative(path: &str) -> &str {
    path.strip_prefix('/').unwrap_or(path)
}

/// A path is the other, or below it, by whole components.
fn is_below(path: &str, root: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// SECURITY: one mount of a folder may be written and another executed; then so could what was written.
pub(super) fn check_write_or_execute(settings: &Settings) -> Result<(), SpecError> {
    let with = |access| settings.mounts.iter().filter(move |mount| mount.access == access);
    let folders = with(MountAccess::Write).map(|mount| &mount.path);
    // Whoever writes to a volume that is only read here is another sandbox.
    let written: Vec<_> = folders.chain(settings.volumes.iter().map(|volume| &volume.path)).collect();
    for exec in with(MountAccess::Execute) {
        let both = |path: &&&String| is_below(path, &exec.path) || is_below(&exec.path, path);
        if let Some(write) = written.iter().find(both) {
            return Err(SpecError::WriteAndExecute { exec: exec.path.clone(), write: (*write).clone() });
        }
    }
    Ok(())
}
