//! What the host and the image say before the steps are made.

use std::ffi::CString;
use std::fs::File;
use std::os::fd::{AsFd as _, BorrowedFd};

use nix::sys::resource::{Resource, getrlimit};
use thiserror::Error;

use super::ids::Ids;
use super::landlock;
use super::secrets;
use super::settings::{RootFolder, Settings};
use super::shared;
use super::spec::{Ground, NEEDED, RESOLVER};
use super::sys::{Errno, open_beneath};

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
            no_hosts: false,
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
        let mounts = shared::places(settings).map(|(path, _)| path.trim_start_matches('/'));
        let mounts = mounts.filter(|path| !path.starts_with("tmp/"));
        let mut missing = Vec::new();
        let secrets = (!settings.secrets.is_empty()).then_some(secrets::FOLDER);
        let is_networked = !settings.networks.is_empty();
        let hosts = is_networked.then_some(shared::HOSTS_FOLDER);
        for path in NEEDED.into_iter().chain(mounts).chain(secrets).chain(hosts) {
            note_missing(root.folder.as_fd(), path, &mut missing)?;
        }
        Ok(Self {
            ids: Ids::of_this_process(),
            root: root.path.to_str().ok_or(RootError::Path)?.to_owned(),
            missing,
            resolver: !settings.egress.is_empty() && has_resolver(root.folder.as_fd())?,
            no_hosts: is_networked && lacks_hosts(root.folder.as_fd())?,
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

/// Whether the image has nothing where the sandbox's own list of hosts is shown. A file is covered; anything else is refused.
fn lacks_hosts(root: BorrowedFd<'_>) -> Result<bool, RootError> {
    let path = || shared::HOSTS.to_owned();
    let unreadable = |errno: &dyn ToString| RootError::Unreadable { path: path(), errno: errno.to_string() };
    let name = CString::new(shared::HOSTS).map_err(|error| unreadable(&error))?;
    match open_beneath(root, &name, libc::O_PATH | libc::O_NOFOLLOW) {
        Ok(file) => {
            let kind = File::from(file).metadata().map_err(|error| unreadable(&error))?.file_type();
            if kind.is_file() { Ok(false) } else { Err(RootError::NoFile(path())) }
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
