use std::ffi::OsString;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::Mode;

use super::error::CopyError;
use super::tree::{Copy, Node, Place};

/// The most that one copy takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyBounds {
    /// Files, folders and links.
    pub entries: u64,
    /// Folders in folders.
    pub depth: u32,
    /// Bytes of all files as they are read: one with holes counts as if it had none, one with several names once for each.
    pub bytes: u64,
}

impl Default for CopyBounds {
    fn default() -> Self {
        Self { entries: 1_000_000, depth: 100, bytes: 64 << 30 }
    }
}

/// The files that a running sandbox sees. It is not kept from ending.
#[derive(Debug)]
pub struct SandboxFiles {
    root: OwnedFd,
}

impl SandboxFiles {
    /// Below the root folder of a sandbox's process.
    pub(in super::super) const fn below(root: OwnedFd) -> Self {
        Self { root }
    }

    /// Copies something of the sandbox to the host: into a folder that is there, else to that name. A path that ends in `/.`
    /// stands for what is in a folder.
    ///
    /// # Errors
    /// It is not there, or not all of it can be read or written. Nothing is written outside of `to`.
    pub fn copy_out(&self, from: &Path, to: &Path, bounds: CopyBounds) -> Result<(), CopyError> {
        let node = Node::of(self.open(from, OFlag::O_NOFOLLOW)?, from.to_owned())?;
        let (folder, name) = if to.is_dir() { (to.to_owned(), None) } else { split(to)? };
        let opened = File::open(&folder).map_err(CopyError::io("open", &folder))?;
        let place = Place::ours(opened, folder);
        copy((&node, from), (&place, name), bounds)
    }

    /// Copies something of the host into the sandbox, as [`SandboxFiles::copy_out`] does the other way. It is written with the
    /// rights of the folder's owner, and is that owner's.
    ///
    /// # Errors
    /// It is not there, or cannot be read; or the sandbox has a read-only root there.
    pub fn copy_in(&self, from: &Path, to: &Path, bounds: CopyBounds) -> Result<(), CopyError> {
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let opened = open(from, flags, Mode::empty()).map_err(CopyError::io("open", from))?;
        let node = Node::of(opened, from.to_owned())?;
        let (found, folder, name) = if let Ok(found) = self.open(to, OFlag::O_DIRECTORY) {
            (found, to.to_owned(), None)
        } else {
            let (folder, name) = split(to)?;
            (self.open(&folder, OFlag::O_DIRECTORY)?, folder, name)
        };
        let place = Place::its_owners(again(&found, &folder)?, folder)?;
        copy((&node, from), (&place, name), bounds)
    }

    /// SECURITY: a link of the sandbox begins at its own root and never leaves it, and none of the kernel's own links
    /// (`/proc/self/root`) is followed.
    fn open(&self, path: &Path, more: OFlag) -> Result<OwnedFd, CopyError> {
        if !path.is_absolute() {
            return Err(CopyError::Path(path.to_owned()));
        }
        let inside = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS;
        let how = OpenHow::new().flags(OFlag::O_PATH | OFlag::O_CLOEXEC | more).resolve(inside);
        openat2(&self.root, path, how).map_err(CopyError::io("open", path))
    }
}

/// The same folder, to be worked in.
fn again(folder: &OwnedFd, path: &Path) -> Result<File, CopyError> {
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_BENEATH);
    openat2(folder, Path::new("."), how).map(File::from).map_err(CopyError::io("open", path))
}

/// To this name; where there is none, into the folder under its own name, or what is in it where that is meant.
fn copy(
    (node, from): (&Node, &Path),
    (place, name): (&Place, Option<OsString>),
    bounds: CopyBounds,
) -> Result<(), CopyError> {
    let mut copy = Copy::within(bounds);
    let contents = from.as_os_str().as_encoded_bytes().ends_with(b"/.") && node.metadata.is_dir();
    match name {
        Some(name) => copy.copy(node, place, &name, 0),
        None if contents => copy.contents(node, place, 0),
        None => {
            let own = from.file_name().ok_or_else(|| CopyError::Path(from.to_owned()))?;
            copy.copy(node, place, own, 0)
        }
    }
}

/// The folder that something is to be made in, and its name there.
fn split(path: &Path) -> Result<(PathBuf, Option<OsString>), CopyError> {
    let Some(Component::Normal(name)) = path.components().next_back() else {
        return Err(CopyError::Path(path.to_owned()));
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    Ok((folder.unwrap_or(Path::new(".")).to_owned(), Some(name.to_owned())))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};

    use super::*;

    /// A folder that stands for a sandbox's root, and one of the host beside it.
    struct World {
        dir: tempfile::TempDir,
        files: SandboxFiles,
    }

    impl World {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            for folder in ["inside/tmp", "outside"] {
                fs::create_dir_all(dir.path().join(folder)).unwrap();
            }
            fs::write(dir.path().join("secret"), "of the host").unwrap();
            let files = SandboxFiles::below(File::open(dir.path().join("inside")).unwrap().into());
            Self { dir, files }
        }

        fn inside(&self, path: &str) -> PathBuf {
            self.dir.path().join("inside").join(path)
        }

        fn outside(&self, path: &str) -> PathBuf {
            self.dir.path().join("outside").join(path)
        }

        fn out(&self, from: &str, to: &str) -> Result<(), CopyError> {
            self.files.copy_out(Path::new(from), &self.outside(to), CopyBounds::default())
        }

        fn give(&self, from: &str, to: &str) -> Result<(), CopyError> {
            self.files.copy_in(&self.outside(from), Path::new(to), CopyBounds::default())
        }
    }

    #[test]
    fn a_tree_comes_out_as_it_is_and_goes_in_again() {
        let world = World::new();
        fs::create_dir_all(world.inside("tmp/a/b")).unwrap();
        fs::write(world.inside("tmp/a/b/file"), "text").unwrap();
        fs::set_permissions(world.inside("tmp/a/b/file"), fs::Permissions::from_mode(0o4755)).unwrap();
        symlink("../nowhere", world.inside("tmp/a/link")).unwrap();
        world.out("/tmp/a", "new").unwrap();
        world.out("/tmp/a", "").unwrap();
        world.out("/tmp/a/.", "new").unwrap();
        for folder in ["new", "a"] {
            assert_eq!(fs::read_to_string(world.outside(folder).join("b/file")).unwrap(), "text");
            let mode = fs::metadata(world.outside(folder).join("b/file")).unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, 0o755, "no other's rights");
            assert_eq!(fs::read_link(world.outside(folder).join("link")).unwrap(), Path::new("../nowhere"));
        }
        assert!(!world.outside("new/a").exists(), "`/.` is what is in it");
        world.give("new/b/file", "/tmp/again").unwrap();
        world.give("new", "/tmp").unwrap();
        assert_eq!(fs::read_to_string(world.inside("tmp/again")).unwrap(), "text");
        assert_eq!(fs::read_to_string(world.inside("tmp/new/b/file")).unwrap(), "text");
    }

    #[test]
    fn no_link_of_a_sandbox_leads_to_the_host() {
        let world = World::new();
        symlink(world.dir.path().join("secret"), world.inside("absolute")).unwrap();
        symlink("../../../../secret", world.inside("tmp/relative")).unwrap();
        symlink("/..", world.inside("up")).unwrap();
        symlink("/proc/self/root", world.inside("magic")).unwrap();
        for path in
            ["/up/secret", "/magic/etc/hostname", "/tmp/../../secret", "/absolute/.", "/tmp/relative/."]
        {
            assert!(world.out(path, "got").is_err(), "{path}");
        }
        world.out("/absolute", "got").unwrap();
        assert!(world.outside("got").is_symlink(), "a link is a link");
        symlink(world.outside(""), world.inside("escape")).unwrap();
        fs::write(world.outside("mine"), "mine").unwrap();
        assert!(world.give("mine", "/escape/theirs").is_err());
        assert!(!world.outside("theirs").exists());
    }

    #[test]
    fn nothing_is_written_through_what_is_there() {
        let world = World::new();
        fs::write(world.inside("tmp/file"), "new").unwrap();
        fs::create_dir_all(world.inside("tmp/folder")).unwrap();
        fs::write(world.inside("tmp/folder/file"), "new").unwrap();
        symlink(world.dir.path().join("secret"), world.outside("file")).unwrap();
        symlink(world.dir.path(), world.outside("folder")).unwrap();
        world.out("/tmp/file", "").unwrap();
        assert_eq!(fs::read_to_string(world.outside("file")).unwrap(), "new", "the link is gone");
        assert_eq!(fs::read_to_string(world.dir.path().join("secret")).unwrap(), "of the host");
        assert!(world.out("/tmp/folder", "").is_err(), "a link is no folder to write in");
        assert!(!world.dir.path().join("file").exists());
        let hard = world.outside("hard");
        fs::hard_link(world.dir.path().join("secret"), &hard).unwrap();
        fs::rename(world.inside("tmp/file"), world.inside("tmp/hard")).unwrap();
        world.out("/tmp/hard", "").unwrap();
        assert_eq!(fs::read_to_string(world.dir.path().join("secret")).unwrap(), "of the host");
    }

    #[test]
    fn what_is_no_file_and_what_is_too_much_is_refused() {
        let world = World::new();
        nix::unistd::mkfifo(&world.inside("tmp/pipe"), Mode::S_IRWXU).unwrap();
        assert!(fs::metadata(world.inside("tmp/pipe")).unwrap().file_type().is_fifo());
        assert!(matches!(world.out("/tmp/pipe", "x"), Err(CopyError::Kind(_))));
        assert!(matches!(world.out("relative", "x"), Err(CopyError::Path(_))));
        let deep = "d/".repeat(110);
        fs::create_dir_all(world.inside("tmp").join(deep)).unwrap();
        assert!(matches!(world.out("/tmp/d", "x"), Err(CopyError::TooMuch { .. })));
        fs::create_dir(world.inside("many")).unwrap();
        for number in 0..20 {
            fs::write(world.inside(&format!("many/{number}")), "").unwrap();
        }
        let few = CopyBounds { entries: 10, ..CopyBounds::default() };
        let many = world.files.copy_out(Path::new("/many"), &world.outside("many"), few);
        assert!(matches!(many, Err(CopyError::TooMuch { .. })));
        assert_eq!(fs::read_dir(world.outside("many")).unwrap().count(), 0, "seen before one is copied");
    }

    #[test]
    fn holes_and_hard_links_count_as_the_bytes_that_they_become() {
        let world = World::new();
        fs::create_dir(world.inside("tmp/a")).unwrap();
        let file = File::create(world.inside("tmp/a/1")).unwrap();
        file.set_len(1 << 20).unwrap();
        for name in ["2", "3"] {
            fs::hard_link(world.inside("tmp/a/1"), world.inside("tmp/a").join(name)).unwrap();
        }
        let copied = |bytes, to| {
            let bounds = CopyBounds { bytes, ..CopyBounds::default() };
            world.files.copy_out(Path::new("/tmp/a"), &world.outside(to), bounds)
        };
        copied(3 << 20, "all").unwrap();
        assert!(matches!(copied((3 << 20) - 1, "less"), Err(CopyError::TooMuch { .. })));
        let names = fs::read_dir(world.outside("less")).unwrap().flatten().map(|entry| entry.file_name());
        let names: Vec<_> = names.collect();
        assert!(names.len() == 2 && names.iter().all(|name| name.len() == 1), "{names:?}");
        file.set_len(1 << 40).unwrap();
        let vast = world.out("/tmp/a/1", "vast");
        assert!(matches!(vast, Err(CopyError::TooMuch { .. })) && !world.outside("vast").exists());
    }
}
