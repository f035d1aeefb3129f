//! What the host and the image say before the steps are made.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::fs::File;
use std::os::fd::{AsFd as _, BorrowedFd};

use nix::sys::resource::{Resource, getrlimit};
use thiserror::Error;

use super::failure::remedy_of_folder;
use super::files;
use super::ids::Ids;
use super::landlock;
use super::rooms;
use super::settings::{RootFolder, Settings};
use super::shared;
use super::spec::{Ground, NEEDED, RESOLVER};
use super::sys::{Errno, open_beneath, open_source};

/// Why an image's tree cannot be a root.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RootError {
    /// A folder that must be mounted on is a link.
    #[error(
        "the image has a symbolic link on the way to /{0}: nothing is mounted through links of an image; use an image with a folder there"
    )]
    Link(String),
    /// A folder that must be mounted on is something else.
    #[error("the image has a file where /{0} must be a folder: use an image without it")]
    NoFolder(String),
    /// A file that must be mounted on is something else.
    #[error("the image has something else where /{0} must be a file: use an image without it")]
    NoFile(String),
    /// What the host has there cannot be shown.
    #[error("cannot mount {path} of the host: {errno}{remedy}")]
    Source {
        /// Which path.
        path: String,
        /// What the kernel said.
        errno: String,
        /// What would help.
        remedy: &'static str,
    },
    /// Something of the host that is not mounted.
    #[error("{0} of the host is neither a folder nor a file: sockets, pipes and devices are not mounted")]
    Special(String),
    /// It cannot be looked at.
    #[error("cannot look at /{path} of the image: {errno}")]
    Unreadable {
        /// Which folder.
        path: String,
        /// What the kernel said.
        errno: String,
    },
    /// The root's path is not text.
    #[error("the path of the image's root folder is not UTF-8: keep the store in another folder")]
    Path,
}

impl Ground {
    /// What a program that joins a sandbox needs to know: its root and mounts are the sandbox's.
    pub(crate) fn of_this_process(cgroup: bool) -> Self {
        Self {
            ids: Ids::of_this_process(),
            root: String::new(),
            missing: Vec::new(),
            resolver: false,
            files: BTreeSet::new(),
            missing_files: Vec::new(),
            cgroup: cgroup.then_some(0),
            landlock: landlock::abi(),
            hard_limits: hard_limits(),
        }
    }

    /// Looks at the image's root and at this process.
    pub(crate) fn survey(
        settings: &Settings,
        root: &RootFolder,
        cgroup: Option<u8>,
    ) -> Result<Self, RootError> {
        let image = root.folder.as_fd();
        let single = single_files(settings)?;
        let places = shared::places(settings).map(|(path, _)| path.trim_start_matches('/').to_owned());
        let own = NEEDED.into_iter().chain(files::has_secrets(settings).then_some(files::FOLDER));
        let own = own.chain(rooms::places(settings)).map(str::to_owned);
        let folders = places.filter(|path| !single.contains(path)).chain(own);
        let mut missing = Vec::new();
        for path in folders.filter(|path| !is_in_tmp(path)) {
            note_missing(image, &path, &mut missing)?;
        }
        let mut missing_files = Vec::new();
        for path in single.iter().filter(|path| !is_in_tmp(path)) {
            if let Some((folder, _)) = path.rsplit_once('/') {
                note_missing(image, folder, &mut missing)?;
            }
            if lacks_file(image, path)? {
                missing_files.push(path.clone());
            }
        }
        Ok(Self {
            ids: Ids::of_this_process(),
            root: root.path.to_str().ok_or(RootError::Path)?.to_owned(),
            missing,
            resolver: !settings.egress.is_empty() && has_resolver(image)?,
            files: single,
            missing_files,
            cgroup,
            landlock: landlock::abi(),
            hard_limits: hard_limits(),
        })
    }
}

/// Whether the image has a file there that can be read. A link needs nothing: what it leads to is in the image, and nobody
/// answers there.
fn has_resolver(root: BorrowedFd<'_>) -> Result<bool, RootError> {
    let unreadable =
        |errno: &dyn ToString| RootError::Unreadable { path: RESOLVER.to_owned(), errno: errno.to_string() };
    let name = CString::new(RESOLVER).map_err(|error| unreadable(&error))?;
    match open_beneath(root, &name, libc::O_RDONLY | libc::O_NOFOLLOW | libc::O_NONBLOCK) {
        Ok(file) => File::from(file).metadata().map(|is| is.is_file()).map_err(|error| unreadable(&error)),
        // Nor does one that this user may not read: the sandbox may not either.
        Err(Errno(libc::ENOENT | libc::ENOTDIR | libc::ELOOP | libc::EACCES | libc::ENXIO)) => Ok(false),
        Err(errno) => Err(unreadable(&errno)),
    }
}

/// Below our own /tmp nothing of the image is seen.
fn is_in_tmp(path: &str) -> bool {
    path.starts_with("tmp/")
}

/// Where single files are shown, relative to the root: those that are given, the list of hosts, and those of the host.
fn single_files(settings: &Settings) -> Result<BTreeSet<String>, RootError> {
    let given = files::elsewhere(settings).into_iter();
    let mut files: BTreeSet<String> =
        given.map(|(_, file)| file.path.as_str().trim_start_matches('/').to_owned()).collect();
    if shared::sees_hosts(settings) {
        files.insert(shared::HOSTS.to_owned());
    }
    for mount in &settings.mounts {
        if is_file(&mount.path)? {
            files.insert(mount.inside.trim_start_matches('/').to_owned());
        }
    }
    Ok(files)
}

/// Whether a path of the host is a file. Nothing but files and folders is mounted: whoever has a socket has what answers there.
fn is_file(path: &str) -> Result<bool, RootError> {
    let failed = |errno: Errno| RootError::Source {
        path: path.to_owned(),
        errno: errno.to_string(),
        remedy: remedy_of_folder(errno),
    };
    let name = CString::new(path).map_err(|_| failed(Errno(libc::EINVAL)))?;
    let found = File::from(open_source(&name).map_err(failed)?).metadata();
    let kind = found.map_err(|error| failed(Errno(error.raw_os_error().unwrap_or(libc::EIO))))?.file_type();
    if kind.is_file() || kind.is_dir() {
        Ok(kind.is_file())
    } else {
        Err(RootError::Special(path.to_owned()))
    }
}

/// Whether the image has nothing where a single file is shown. A file is covered; anything else is refused.
fn lacks_file(root: BorrowedFd<'_>, path: &str) -> Result<bool, RootError> {
    let path = || path.to_owned();
    let unreadable = |errno: &dyn ToString| RootError::Unreadable { path: path(), errno: errno.to_string() };
    let name = CString::new(path()).map_err(|error| unreadable(&error))?;
    match open_beneath(root, &name, libc::O_PATH | libc::O_NOFOLLOW) {
        Ok(file) => {
            let kind = File::from(file).metadata().map_err(|error| unreadable(&error))?.file_type();
            match kind {
                kind if kind.is_file() => Ok(false),
                kind if kind.is_symlink() => Err(RootError::Link(path())),
                _ => Err(RootError::NoFile(path())),
            }
        }
        Err(Errno(libc::ENOENT)) => Ok(true),
        Err(Errno(libc::ELOOP)) => Err(RootError::Link(path())),
        Err(errno) => Err(unreadable(&errno)),
    }
}

/// Adds `path` and each of its parents that the image lacks, the shallow ones first.
fn note_missing(root: BorrowedFd<'_>, path: &str, missing: &mut Vec<String>) -> Result<(), RootError> {
    let mut at = String::new();
    for part in path.split('/') {
        if !at.is_empty() {
            at.push('/');
        }
        at.push_str(part);
        if missing.contains(&at) {
            continue;
        }
        let unreadable =
            |errno: &dyn ToString| RootError::Unreadable { path: at.clone(), errno: errno.to_string() };
        let name = CString::new(at.as_str()).map_err(|error| unreadable(&error))?;
        match open_beneath(root, &name, libc::O_PATH | libc::O_DIRECTORY) {
            Ok(_) => {}
            Err(Errno(libc::ENOENT)) => missing.push(at.clone()),
            Err(Errno(libc::ELOOP)) => return Err(RootError::Link(at)),
            // A link that is the last part shows as "not a folder", as nothing is followed.
            Err(Errno(libc::ENOTDIR)) => {
                let link = open_beneath(root, &name, libc::O_RDONLY | libc::O_NOFOLLOW).err();
                let is_link = link == Some(Errno(libc::ELOOP));
                return Err(if is_link { RootError::Link(at) } else { RootError::NoFolder(at) });
            }
            Err(errno) => return Err(unreadable(&errno)),
        }
    }
    Ok(())
}

fn hard_limits() -> Vec<(u32, u64)> {
    let all = [
        (libc::RLIMIT_CORE, Resource::RLIMIT_CORE),
        (libc::RLIMIT_MEMLOCK, Resource::RLIMIT_MEMLOCK),
        (libc::RLIMIT_MSGQUEUE, Resource::RLIMIT_MSGQUEUE),
        (libc::RLIMIT_SIGPENDING, Resource::RLIMIT_SIGPENDING),
        (libc::RLIMIT_FSIZE, Resource::RLIMIT_FSIZE),
        (libc::RLIMIT_DATA, Resource::RLIMIT_DATA),
        (libc::RLIMIT_NPROC, Resource::RLIMIT_NPROC),
        (libc::RLIMIT_NOFILE, Resource::RLIMIT_NOFILE),
        (libc::RLIMIT_CPU, Resource::RLIMIT_CPU),
    ];
    // A limit that cannot be read is left out: then the wanted value is set, or the step fails.
    all.into_iter().filter_map(|(number, name)| Some((number, getrlimit(name).ok()?.1))).collect()
}
