//! Named volumes: folders of the data folder that outlive every sandbox.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, lchown};
use std::path::{Path, PathBuf};

use perry_sandbox_policy::VolumeName;

use super::error::ProjectError;
use super::label::{DRAFT, FILE, Label};
use super::locked::Locked;
use super::yard::Yard;
use crate::backends::stock::{NewVolume, StockKind, StockName, Volume};
use crate::native::{Ids, VolumeFolder};

/// What is seen inside.
const DATA: &str = "data";

/// The volumes of a data folder.
pub(super) fn yard(data: &Path) -> Yard {
    Yard::new(data.join("volumes"), StockKind::Volume)
}

fn shown(yard: &Yard, name: StockName, label: Label) -> Volume {
    let mountpoint = Some(yard.folder(&name).join(DATA).display().to_string());
    Volume { name, labels: label.labels, mountpoint, created: Some(label.created.to_string()) }
}

pub(super) fn list(yard: &Yard) -> Result<Vec<Volume>, ProjectError> {
    Ok(yard.all()?.into_iter().map(|(name, label)| shown(yard, name, label)).collect())
}

pub(super) fn inspect(yard: &Yard, name: &StockName) -> Result<Volume, ProjectError> {
    Ok(shown(yard, name.clone(), yard.one(name)?.0))
}

/// Makes one, empty. The first sandbox that may write to it gives it its owner.
pub(super) fn create(yard: &Yard, new: &NewVolume) -> Result<Volume, ProjectError> {
    let _lock = yard.lock()?;
    let folder = yard.begin(&new.name, clear)?;
    let data = folder.join(DATA);
    let made = DirBuilder::new().mode(0o755).create(&data);
    // Whatever the caller's umask is: users of sandboxes look into each other's files by what those allow.
    let made = made.and_then(|()| fs::set_permissions(&data, Permissions::from_mode(0o755)));
    made.map_err(ProjectError::io("make", &data))?;
    let labels = new.labels.with_ours(StockKind::Volume, &new.name);
    let label = Label::new(labels);
    label.write(&folder)?;
    Ok(shown(yard, new.name.clone(), label))
}

/// Removes what a killed process has begun. Nobody has written to that: what has data in it and no label is not touched.
fn clear(left: &Path) -> Result<(), ProjectError> {
    let gone = |answer: io::Result<()>| match answer {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    let removed = gone(fs::remove_dir(left.join(DATA)))
        .and_then(|()| gone(fs::remove_file(left.join(DRAFT))))
        .and_then(|()| fs::remove_dir(left));
    removed.map_err(ProjectError::io("remove what is left of", left))
}

/// Removes one with all that is in it; the label goes last, so that what cannot be removed is still listed.
/// Where a project is named it must be of that.
pub(super) fn remove(yard: &Yard, project: Option<&str>, name: &StockName) -> Result<(), ProjectError> {
    let _lock = yard.lock()?;
    yard.forget_begun(name, clear)?;
    let (_, file) = yard.one_of(project, name)?;
    if file.try_lock().is_err() {
        let (kind, name, by) = (StockKind::Volume, name.to_string(), "a sandbox that runs".to_owned());
        return Err(ProjectError::InUse { kind, name, by });
    }
    let folder = yard.folder(name);
    for path in [folder.join(DATA), folder] {
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(ProjectError::io("remove", &path)(error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The folder that a service of this project sees.
pub(super) fn folder_of(yard: &Yard, project: &str, volume: &VolumeName) -> Result<PathBuf, ProjectError> {
    let (name, _) = match volume.external() {
        Some(name) => yard.named(None, name)?,
        None => yard.named(Some(project), &format!("{project}_{volume}"))?,
    };
    let data = yard.folder(&name).join(DATA);
    // Links on the way to the data folder are followed here, once; whoever mounts it follows none.
    let root = yard.root().canonicalize().map_err(ProjectError::io("find", yard.root()))?;
    data.strip_prefix(yard.root()).map_or(Ok(data.clone()), |below| Ok(root.join(below)))
}

/// Volumes that a sandbox uses: nobody removes them before this is dropped.
#[derive(Debug)]
pub(crate) struct VolumeUse {
    _locks: Vec<Locked>,
}

/// Keeps the volumes of a sandbox of this user (user and group inside), and gives new ones to that user.
pub(crate) fn hold(volumes: &[VolumeFolder], user: (u32, u32)) -> Result<VolumeUse, ProjectError> {
    let each = volumes.iter().map(|volume| hold_one(volume, user));
    Ok(VolumeUse { _locks: each.collect::<Result<_, _>>()? })
}

fn hold_one(volume: &VolumeFolder, (uid, gid): (u32, u32)) -> Result<Locked, ProjectError> {
    let data = Path::new(&volume.path);
    let folder = data.parent().unwrap_or(data);
    let name = || folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let gone = || ProjectError::Missing { kind: StockKind::Volume, name: name() };
    let (_, file) = Label::read(folder)?.ok_or_else(gone)?;
    file.try_lock_shared().map_err(|_| gone())?;
    let file = Locked::new(file);
    let label = folder.join(FILE);
    if file.metadata().map_err(ProjectError::io("read", &label))?.nlink() == 0 {
        return Err(gone());
    }
    if volume.writable && Ids::of_this_process() == Ids::Range {
        give(data, (Ids::outside(uid), Ids::outside(gid))).map_err(ProjectError::io("give away", data))?;
    }
    Ok(file)
}

/// A new volume is root's, who is nobody in a sandbox. One that is given stays whose it is.
fn give(data: &Path, (uid, gid): (u32, u32)) -> io::Result<()> {
    let found = fs::symlink_metadata(data)?;
    if found.is_dir() && found.uid() == 0 && fs::read_dir(data)?.next().is_none() {
        lchown(data, Some(uid), Some(gid))?;
    }
    Ok(())
}
