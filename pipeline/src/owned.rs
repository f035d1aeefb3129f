//! Whether nobody but root and the user can put another file at a path: every folder on the way is looked at, and every
//! link, as ssh does with keys.
//!
//! SECURITY: who can write to a folder can rename what is in it. A policy that only its owner can write to, below a folder
//! that others can write to, is theirs.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;

use crate::files::FileError;

/// How many links one path may have, as in the kernel.
const MOST_LINKS: usize = 40;

/// Looks at every folder and link from the root down to what the path names, and at that itself.
///
/// # Errors
/// [`FileError::Writable`] names the first that others could change; [`FileError::Io`] what cannot be looked at.
pub(crate) fn refuse_others(path: &Path, uid: u32) -> Result<(), FileError> {
    let failed = |source| FileError::Io { path: path.to_owned(), source };
    let mut left = parts(&std::path::absolute(path).map_err(failed)?);
    let mut here = PathBuf::from("/");
    let mut links = 0;
    refuse_writable(&here, &here.symlink_metadata().map_err(failed)?, uid)?;
    while let Some(part) = left.pop_front() {
        if part == ".." {
            here.pop();
            continue;
        }
        let next = here.join(&part);
        let found = next.symlink_metadata().map_err(failed)?;
        if !found.is_symlink() {
            refuse_writable(&next, &found, uid)?;
            here = next;
            continue;
        }
        // Its mode says nothing; whose it is does, in a folder where each may make links of their own.
        refuse_owner(&next, &found, uid)?;
        links = usize::saturating_add(links, 1);
        if links > MOST_LINKS {
            return Err(failed(Errno::ELOOP.into()));
        }
        let target = next.read_link().map_err(failed)?;
        if target.is_absolute() {
            here = PathBuf::from("/");
        }
        let mut rest = parts(&target);
        rest.append(&mut left);
        left = rest;
    }
    Ok(())
}

fn parts(path: &Path) -> VecDeque<OsString> {
    let named = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    named.collect()
}

fn refuse_owner(path: &Path, metadata: &Metadata, uid: u32) -> Result<(), FileError> {
    if metadata.uid() == 0 || metadata.uid() == uid {
        return Ok(());
    }
    Err(FileError::Writable { path: path.to_owned(), who: "another user, its owner" })
}

/// Group and others must not write, unless the group is root's or a sticky folder protects its entries; the owner must be
/// root or the user.
pub(crate) fn refuse_writable(path: &Path, metadata: &Metadata, uid: u32) -> Result<(), FileError> {
    refuse_owner(path, metadata, uid)?;
    let mode = metadata.mode();
    let sticky = metadata.is_dir() && mode & 0o1000 != 0;
    let refuse = |who| Err(FileError::Writable { path: path.to_owned(), who });
    if mode & 0o002 != 0 && !sticky {
        return refuse("everybody");
    }
    if mode & 0o020 != 0 && metadata.gid() != 0 && !sticky {
        return refuse("its group");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    /// `above/sub/policy.toml`, with this mode of `above`, and a link to it in a folder of that mode.
    fn tree(mode: u32) -> (tempfile::TempDir, [PathBuf; 3]) {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("above/sub")).unwrap();
        fs::create_dir_all(at("links")).unwrap();
        fs::write(at("above/sub/policy.toml"), "").unwrap();
        symlink("../above/sub/policy.toml", at("links/policy.toml")).unwrap();
        for name in ["above", "links"] {
            fs::set_permissions(at(name), Permissions::from_mode(mode)).unwrap();
        }
        let paths = ["above/sub/policy.toml", "above/sub/../sub/policy.toml", "links/policy.toml"].map(at);
        (folder, paths)
    }

    fn own() -> u32 {
        nix::unistd::geteuid().as_raw()
    }

    #[test]
    fn a_folder_anywhere_above_that_others_can_write_to_is_refused() {
        let (_kept, paths) = tree(0o755);
        for path in &paths {
            refuse_others(path, own()).unwrap();
        }
        let (_kept, paths) = tree(0o777);
        for path in &paths {
            let refused = refuse_others(path, own()).unwrap_err();
            assert!(matches!(&refused, FileError::Writable { who: "everybody", .. }), "{refused}");
        }
    }

    #[test]
    fn a_link_is_followed_to_where_it_leads_and_not_for_ever() {
        let (kept, paths) = tree(0o755);
        let round = kept.path().join("round");
        symlink("round", &round).unwrap();
        assert!(matches!(refuse_others(&round, own()), Err(FileError::Io { .. })));
        fs::set_permissions(kept.path().join("above/sub"), Permissions::from_mode(0o777)).unwrap();
        assert!(refuse_others(&paths[2], own()).is_err());
    }

    #[test]
    fn a_link_or_folder_of_another_user_is_refused() {
        let (kept, paths) = tree(0o755);
        if !nix::unistd::geteuid().is_root() {
            assert!(refuse_others(&paths[0], own().saturating_add(1)).is_err());
            return;
        }
        std::os::unix::fs::lchown(kept.path().join("links/policy.toml"), Some(1337), None).unwrap();
        assert!(refuse_others(&paths[2], 0).is_err());
        refuse_others(&paths[2], 1337).unwrap();
        std::os::unix::fs::chown(kept.path().join("above"), Some(1337), None).unwrap();
        assert!(refuse_others(&paths[0], 0).is_err());
    }

    #[test]
    fn what_lies_in_a_sticky_folder_is_its_owners() {
        let (_kept, paths) = tree(0o1777);
        refuse_others(&paths[0], own()).unwrap();
    }
}
