//! The file systems that are made, the host's folders that are shown, and the root that is put together of them.

use std::collections::BTreeSet;

use perry_sandbox_policy::MountAccess;

use super::super::ids::Ids;
use super::super::rooms;
use super::super::settings::{HostFolder, Settings};
use super::super::shared;
use super::super::steps::{Slot, Step};
use super::super::sys::MountAttributes;
use super::places::chain;
use super::{Ground, SpecError, Steps, text};

pub(crate) fn tmpfs(
    into: Slot,
    attributes: MountAttributes,
    options: &[(&str, String)],
) -> Result<Step, SpecError> {
    let options = options.iter().map(|(key, value)| Ok((text(*key)?, Some(text(value)?))));
    let options = options.collect::<Result<_, SpecError>>()?;
    Ok(Step::NewFilesystem { kind: text("tmpfs")?, options, attributes, into })
}

/// How many files fit into so many bytes: one for each 4 KiB, and a few more for small sandboxes.
fn inodes(bytes: u64) -> String {
    bytes.div_euclid(4096).saturating_add(64).to_string()
}

/// Made first, while the child is still nobody in its namespace: as root, these then belong to the host's root, and
/// their mount options do not show which range of ids the sandbox has.
pub(super) fn filesystems(settings: &Settings, ground: &Ground) -> Steps {
    let size = |bytes: u64| ("size", bytes.to_string());
    let mode = |mode: &str| ("mode", mode.to_owned());
    // As root the folder belongs to nobody inside, and is read-only before the program starts. Without the sticky bit:
    // the kernel refuses to open another's file for writing in a sticky folder that all may write to.
    let dev = if ground.ids == Ids::Range { "777" } else { "755" };
    let small = |bytes: u64| ("nr_inodes", inodes(bytes));
    let mut steps = vec![
        tmpfs(Slot::Dev, MountAttributes::Data, &[size(65_536), small(0), mode(dev)])?,
        tmpfs(
            Slot::Empty,
            MountAttributes::ReadOnlyData,
            &[size(4096), ("nr_inodes", "2".to_owned()), mode("555")],
        )?,
    ];
    for (slot, room) in rooms::all(settings) {
        // The kernel's memory for files is not limited by the size.
        let options = [size(room), small(room.min(settings.limits.memory)), mode("1777")];
        steps.push(tmpfs(slot, MountAttributes::Plain, &options)?);
        steps.push(Step::ShowRoom { mount: slot });
    }
    Ok(steps)
}

/// Where the layers of the root are put together. Without room of its own a writable root shares that of /tmp and
/// /dev/shm, so that the sum of all is bounded.
pub(crate) fn stage(settings: &Settings) -> Slot {
    if rooms::own_room(settings).is_some() { Slot::Stage } else { Slot::Scratch }
}

/// The host's folders as detached mounts, restricted. As root they come from the parent.
pub(super) fn host_trees(settings: &Settings, ground: &Ground) -> Steps {
    let root = Slot::Image;
    let mut steps = Vec::new();
    let given = matches!(ground.ids, Ids::Range);
    if given {
        steps.push(Step::TakeRoot { into: root });
    } else {
        let path = text(&ground.root)?;
        steps.push(Step::OpenHost { path, into: Slot::Work, same_as: Some(Slot::RootFolder) });
        steps.push(Step::CloneTree { from: Slot::Work, into: root, recursive: false });
    }
    steps.push(Step::Restrict { mount: root, attributes: MountAttributes::ReadOnly, recursive: false });
    for (number, mount) in (0_u8..).zip(&settings.mounts) {
        let slot = Slot::Host(number);
        if !given {
            steps.push(Step::OpenHost { path: text(&mount.path)?, into: Slot::Work, same_as: None });
            steps.push(Step::CloneTree { from: Slot::Work, into: slot, recursive: true });
        }
        steps.push(Step::Restrict { mount: slot, attributes: attributes_of(mount), recursive: true });
    }
    steps.extend(shared::volumes(settings, given)?);
    Ok(steps)
}

/// Programs come from the signed image. Of a folder of the host they are executed only where the policy says so, and
/// never where the sandbox can write.
fn attributes_of(mount: &HostFolder) -> MountAttributes {
    match mount.access {
        MountAccess::Execute => MountAttributes::ReadOnly,
        MountAccess::Write => MountAttributes::Data,
        MountAccess::Read => MountAttributes::ReadOnlyData,
    }
}

/// The root is always an overlay: the image, and below it the folders that it lacks; above it what is written, where
/// that is allowed.
///
/// SECURITY: the image mounted as it is would show its path on the host, and with it the user's name, in
/// /proc/self/mountinfo.
pub(super) fn root(settings: &Settings, ground: &Ground) -> Steps {
    let (uid, gid, drop_groups) = match ground.ids {
        Ids::Range => (0, 0, true),
        Ids::Single { .. } => (settings.uid, settings.gid, false),
    };
    let stage = stage(settings);
    let mut steps =
        vec![Step::Become { uid, gid, drop_groups }, Step::DieWithParent, Step::CoverHost { mount: stage }];
    let folder = |path: String| -> Result<Step, SpecError> {
        Ok(Step::MakeFolder { beneath: stage, path: text(path)?, mode: 0o755 })
    };
    let mut folders = vec!["image", "added", "root"];
    let mut options = vec![(text("lowerdir")?, Some(text("image:added")?)), (text("userxattr")?, None)];
    let mut attributes = MountAttributes::ReadOnly;
    if settings.ephemeral.is_some() {
        folders.extend(["upper", "work"]);
        options.push((text("upperdir")?, Some(text("upper")?)));
        options.push((text("workdir")?, Some(text("work")?)));
        attributes = MountAttributes::Plain;
    }
    for name in folders {
        steps.push(folder(name.to_owned())?);
    }
    // Where the image has the folder as well, what is in both is seen.
    let around = ground.missing_files.iter().filter_map(|path| Some(path.rsplit_once('/')?.0));
    let missing = ground.missing.iter().map(String::as_str).chain(around);
    for path in missing.flat_map(chain).collect::<BTreeSet<_>>() {
        steps.push(folder(format!("added/{path}"))?);
    }
    for path in &ground.missing_files {
        let path = text(format!("added/{path}"))?;
        steps.push(Step::MakeFile { beneath: stage, path, mode: 0o644 });
    }
    steps.push(Step::Attach { mount: Slot::Image, beneath: stage, path: text("image")? });
    // Relative names: a path of the host in the mount's options would be seen inside.
    steps.push(Step::Enter { folder: stage });
    steps.push(Step::NewFilesystem { kind: text("overlay")?, options, attributes, into: Slot::Root });
    steps.push(Step::Attach { mount: Slot::Root, beneath: stage, path: text("root")? });
    Ok(steps)
}
