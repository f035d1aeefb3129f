//! As root: who owns the files of a mounted host folder inside.
//!
//! A sandbox of root has ids that own no file of the host, so it could read what everybody may and write nothing. Where
//! the file system can show other owners (an idmapped mount), the owner and group of the folder itself are the sandbox's
//! user and group, as an ordinary user's files are that user's inside. Everything of anybody else belongs to nobody, and
//! cannot be written at all. Where it cannot, everything belongs to nobody.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};

use super::ids::Ids;
use super::start::{Given, abandon};
use super::steps::{SLOTS, Slot, Step};
use super::sys::{CloneRequest, Errno, Pointers, clone_host, clone_into, map_trees, owner_of};

/// User and group.
type Owner = (u32, u32);

/// Maps the owners of all host folders that can be mapped. The trees are not attached yet.
pub(super) fn map(given: &Given, user: Owner) -> io::Result<()> {
    let mut made: Vec<(Owner, OwnedFd)> = Vec::new();
    for (_, tree) in given.others.iter().filter(|(slot, _)| matches!(slot, Slot::Host(_))) {
        let owner = owner_of(tree.as_fd())?;
        if !made.iter().any(|(known, _)| *known == owner) {
            made.push((owner, namespace(owner, user)?));
        }
        if let Some((_, namespace)) = made.iter().find(|(known, _)| *known == owner) {
            is_mapped(tree.as_fd(), namespace.as_fd())?;
        }
    }
    Ok(())
}

/// Whether the file system could; that it cannot is tighter, not wider.
fn is_mapped(tree: BorrowedFd<'_>, namespace: BorrowedFd<'_>) -> io::Result<bool> {
    match map_trees(tree, namespace) {
        Ok(()) => Ok(true),
        // EPERM: it is mapped already, by whoever mounted it.
        Err(Errno(libc::EINVAL | libc::EOPNOTSUPP | libc::ENOSYS | libc::EPERM)) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// What a run would find, in words.
pub(super) fn describe(path: &str, user: Owner) -> io::Result<String> {
    let tree = clone_host(path)?;
    let owner = owner_of(tree.as_fd())?;
    let mapped = is_mapped(tree.as_fd(), namespace(owner, user)?.as_fd())?;
    let ((uid, gid), (to, group)) = (owner, user);
    Ok(if mapped {
        format!(
            "{path}: what belongs to {uid}:{gid} on the host belongs to {to}:{group} inside (idmapped mount)"
        )
    } else {
        format!("{path}: its file system cannot map owners; everything belongs to nobody inside")
    })
}

/// A user namespace in which `owner` on the disk is `user` of the sandbox. It is held by the descriptor alone.
fn namespace(owner: Owner, user: Owner) -> io::Result<OwnedFd> {
    held(|pid| {
        let ((uid, gid), (to, group)) = (owner, user);
        fs::write(format!("/proc/{pid}/uid_map"), format!("{uid} {} 1\n", Ids::outside(to)))?;
        fs::write(format!("/proc/{pid}/gid_map"), format!("{gid} {} 1\n", Ids::outside(group)))
    })
}

/// Shows a detached mount of a host folder as a sandbox of root sees it, where the file system can.
#[cfg(feature = "wasm")]
pub(crate) fn show_folder(tree: BorrowedFd<'_>, user: Owner) -> io::Result<()> {
    is_mapped(tree, namespace(owner_of(tree)?, user)?.as_fd()).map(drop)
}

/// Shows a detached mount of an image with the ids that its files have in a sandbox of root, where the file system can.
#[cfg(feature = "wasm")]
pub(crate) fn show_image(tree: BorrowedFd<'_>, user: Owner) -> io::Result<()> {
    is_mapped(tree, held(|pid| Ids::Range.write(pid, user))?.as_fd()).map(drop)
}

/// A user namespace with the ids that are written for its only process.
fn held(write: impl FnOnce(i32) -> io::Result<()>) -> io::Result<OwnedFd> {
    let (gate, inner) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
    let mut descriptors = [-1; SLOTS];
    if let Some(place) = descriptors.get_mut(Slot::Gate.index()) {
        *place = inner.as_raw_fd();
    }
    let request = CloneRequest {
        namespaces: u64::try_from(libc::CLONE_NEWUSER).unwrap_or(0),
        cgroup: None,
        // Waits, for as long as it takes to look at it.
        steps: &[Step::AwaitIds],
        pointers: &Pointers::new(&[], &[]),
        descriptors,
    };
    let child = clone_into(&request)?;
    let pid = child.pid;
    let opened = write(pid).and_then(|()| Ok(File::open(format!("/proc/{pid}/ns/user"))?.into()));
    abandon(&child);
    drop(gate);
    opened
}
