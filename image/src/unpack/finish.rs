//! The last steps: the places that the sandbox mounts something on, and what directories look like.

use std::ffi::OsStr;

use nix::sys::stat::{Mode, fchmod, futimens};
use nix::unistd::{Gid, Uid, fchown};

use super::error::UnpackError;
use super::layer::{DirMeta, timespec};
use super::merge::Merged;
use super::path::EntryPath;
use super::tree::{self, Found};

/// Directories that every root file system has, because the sandbox mounts over them while the root itself
/// is read-only.
pub const MOUNT_POINTS: [&str; 6] = ["dev", "etc", "proc", "run", "sys", "tmp"];

/// Makes the mount points, then gives every directory its mode, owner, and time.
pub(crate) fn finish(merged: &mut Merged, owners: bool) -> Result<(), UnpackError> {
    for name in MOUNT_POINTS {
        mount_point(merged, name)?;
    }
    merged.dirs.entry(EntryPath::default()).or_insert(DirMeta::IMPLIED);
    // Children come after their parents in this order, so backwards no directory is closed too early.
    for (path, meta) in merged.dirs.iter().rev() {
        let set = || -> nix::Result<()> {
            let dir = tree::open_dir(&merged.root, path.as_path())?;
            if owners {
                fchown(&dir, Some(Uid::from_raw(meta.uid)), Some(Gid::from_raw(meta.gid)))?;
            }
            fchmod(&dir, Mode::from_bits_truncate(meta.mode))?;
            let time = timespec(meta.mtime);
            futimens(&dir, &time, &time)
        };
        set().map_err(|error| UnpackError::Io { what: path.to_string(), source: tree::io_error(error) })?;
    }
    Ok(())
}

// SECURITY: a link or file where the sandbox mounts its own /proc or /dev redirects writes that the launcher
// believes to go there (CVE-2025-52881, CVE-2025-31133).
fn mount_point(merged: &mut Merged, name: &'static str) -> Result<(), UnpackError> {
    let io = |error| UnpackError::Io { what: format!("/{name}"), source: tree::io_error(error) };
    let file = OsStr::new(name);
    match tree::found(&merged.root, file).map_err(io)? {
        Found::Directory => return Ok(()),
        Found::Symlink => return Err(UnpackError::MountPoint { name, found: "a symbolic link" }),
        Found::Other => return Err(UnpackError::MountPoint { name, found: "a file" }),
        Found::Nothing => {}
    }
    tree::make_dir(&merged.root, file).map_err(io)?;
    let mode = if name == "tmp" { 0o1777 } else { 0o755 };
    let meta = DirMeta { mode, ..DirMeta::IMPLIED };
    merged.dirs.insert(EntryPath::default().join(file), meta);
    Ok(())
}
