//! The mount family and `openat2`, by descriptor: no path is ever resolved twice.
#![expect(
    unsafe_code,
    reason = "the kernel is reached by raw system calls: nothing else is safe between clone and exec"
)]
#![expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "registers: descriptors travel as machine words, as the kernel's ABI says"
)]

use core::ffi::{CStr, c_int};
use core::mem::size_of;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

use serde::{Deserialize, Serialize};

use super::call::{Errno, NONE, Result, close, exclusive, fd, int, shared, sys, text};

const AT_FDCWD: RawFd = libc::AT_FDCWD;
const EMPTY_PATH: i64 = libc::AT_EMPTY_PATH as i64;
/// `OPEN_TREE_CLONE`, `OPEN_TREE_CLOEXEC`, `AT_RECURSIVE` of linux/mount.h and linux/fcntl.h.
const OPEN_TREE_CLONE: i64 = 1;
const OPEN_TREE_CLOEXEC: i64 = libc::O_CLOEXEC as i64;
const AT_RECURSIVE: i64 = 0x8000;

/// How strictly a path is resolved beneath a folder; symbolic links are never followed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Beneath {
    /// Mounts below the folder may be entered (our own /proc and /dev are mounts).
    AnyMount,
    /// Only the file system of the folder itself.
    SameMount,
}

/// Opens a path beneath a folder that is its root; refuses symbolic links anywhere on the way.
pub(super) fn open_in(dir: RawFd, path: &CStr, flags: c_int, mode: u32, within: Beneath) -> Result<RawFd> {
    let strict = libc::RESOLVE_NO_SYMLINKS | libc::RESOLVE_NO_MAGICLINKS;
    let resolve = match within {
        Beneath::AnyMount => libc::RESOLVE_IN_ROOT | strict,
        Beneath::SameMount => libc::RESOLVE_IN_ROOT | libc::RESOLVE_NO_XDEV | strict,
    };
    open_how(dir, path, flags, mode, resolve)
}

/// Opens a folder of the image as the program would see it: links are followed, inside the root only.
pub(super) fn open_following(dir: RawFd, path: &CStr, flags: c_int) -> Result<RawFd> {
    open_how(dir, path, flags, 0, libc::RESOLVE_IN_ROOT | libc::RESOLVE_NO_MAGICLINKS)
}

/// Opens a path of the host without following any link.
pub(super) fn open_host(path: &CStr) -> Result<RawFd> {
    open_how(AT_FDCWD, path, libc::O_PATH, 0, libc::RESOLVE_NO_SYMLINKS | libc::RESOLVE_NO_MAGICLINKS)
}

fn open_how(dir: RawFd, path: &CStr, flags: c_int, mode: u32, resolve: u64) -> Result<RawFd> {
    let how: [u64; 3] = [(flags | libc::O_CLOEXEC) as u64, u64::from(mode), resolve];
    let size = int(size_of::<[u64; 3]>() as i64);
    // JUSTIFICATION: the C library has no wrapper.
    // SAFETY: `how` has the layout of `struct open_how` (three 64-bit words), as the size says; `path` is a C string.
    unsafe { sys(libc::SYS_openat2, [fd(dir), text(path), shared(&how), size, NONE]) }.map(|n| n as RawFd)
}

/// [`open_in`] for the parent: a descriptor that is closed again.
pub(crate) fn open_beneath(dir: BorrowedFd<'_>, path: &CStr, flags: c_int) -> Result<OwnedFd> {
    open_in(dir.as_raw_fd(), path, flags, 0, Beneath::AnyMount).map(own)
}

/// Opens a file of an image to read it: links are followed, inside the root only, and a pipe is not waited for.
pub(crate) fn open_inside(root: BorrowedFd<'_>, path: &CStr) -> Result<OwnedFd> {
    open_following(root.as_raw_fd(), path, libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY).map(own)
}

fn own(descriptor: RawFd) -> OwnedFd {
    // JUSTIFICATION: the kernel has just made this descriptor; somebody must own it.
    // SAFETY: it is new, so nobody else closes it.
    unsafe { OwnedFd::from_raw_fd(descriptor) }
}

/// Flags of a mount that can only be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum MountAttributes {
    /// `nosuid`, `nodev`.
    Plain,
    /// `ro`, `nosuid`, `nodev`.
    ReadOnly,
    /// `nosuid`, `nodev`, `noexec`.
    Data,
    /// `ro`, `nosuid`, `nodev`, `noexec`.
    ReadOnlyData,
    /// `ro`, `nosuid`, `noexec`: a single device node.
    Device,
    /// `nosuid`, `noexec`: the sandbox's own terminals, and where nodes of devices are made.
    Terminals,
    /// Nothing: how a test takes these defences out.
    #[cfg(test)]
    Bare,
}

impl MountAttributes {
    /// `MOUNT_ATTR_*` of linux/mount.h.
    const fn bits(self) -> u64 {
        const RDONLY: u64 = 1;
        const NOSUID: u64 = 2;
        const NODEV: u64 = 4;
        const NOEXEC: u64 = 8;
        match self {
            Self::Plain => NOSUID | NODEV,
            Self::ReadOnly => RDONLY | NOSUID | NODEV,
            Self::Data => NOSUID | NODEV | NOEXEC,
            Self::ReadOnlyData => RDONLY | NOSUID | NODEV | NOEXEC,
            Self::Device => RDONLY | NOSUID | NOEXEC,
            Self::Terminals => NOSUID | NOEXEC,
            #[cfg(test)]
            Self::Bare => 0,
        }
    }
}

/// `struct mount_attr`: set, clear, propagation, user namespace.
fn mount_setattr(tree: RawFd, path: &CStr, flags: i64, attributes: [u64; 4]) -> Result<()> {
    let size = int(size_of::<[u64; 4]>() as i64);
    // JUSTIFICATION: the C library has no wrapper.
    // SAFETY: `attributes` has the layout of `struct mount_attr` (four 64-bit words), as the size says.
    unsafe { sys(libc::SYS_mount_setattr, [fd(tree), text(path), int(flags), shared(&attributes), size]) }
        .map(drop)
}

/// Adds flags to a mount, and with `recursive` to all below it.
///
/// SECURITY: and cuts its tie to the mounts that it was cloned from. The clone of a shared mount, which every mount of a host
/// with systemd is, would show what the host mounts there later, without these flags.
pub(super) fn add_attributes(tree: RawFd, attributes: MountAttributes, recursive: bool) -> Result<()> {
    let flags = EMPTY_PATH | if recursive { AT_RECURSIVE } else { 0 };
    mount_setattr(tree, c"", flags, [attributes.bits(), 0, libc::MS_PRIVATE, 0])
}

/// [`add_attributes`] for the parent.
pub(crate) fn set_attributes(tree: BorrowedFd<'_>, attributes: MountAttributes) -> Result<()> {
    add_attributes(tree.as_raw_fd(), attributes, false)
}

/// [`set_attributes`] for a mount with all below it.
#[cfg(feature = "wasm")]
pub(crate) fn set_attributes_below(tree: BorrowedFd<'_>, attributes: MountAttributes) -> Result<()> {
    add_attributes(tree.as_raw_fd(), attributes, true)
}

/// Makes a detached mount the root of this process, which has a mount namespace of its own. Of the host's files it keeps
/// what it has open.
#[cfg(feature = "wasm")]
pub(crate) fn leave_host(root: BorrowedFd<'_>) -> Result<()> {
    make_private()?;
    // As for a sandbox: never on "/" itself.
    let place = own(open_host(c"/proc")?);
    move_onto(root.as_raw_fd(), place.as_raw_fd())?;
    super::call::plain(super::call::Plain::Fchdir, [i64::from(root.as_raw_fd()), 0, 0])?;
    pivot_here()
}

/// Shows the files of a detached mount with the ids of a user namespace.
pub(crate) fn map_tree(tree: BorrowedFd<'_>, user_namespace: BorrowedFd<'_>) -> Result<()> {
    map(tree, user_namespace, EMPTY_PATH)
}

/// [`map_tree`] for a mount with all below it: all of them or none.
pub(crate) fn map_trees(tree: BorrowedFd<'_>, user_namespace: BorrowedFd<'_>) -> Result<()> {
    map(tree, user_namespace, EMPTY_PATH | AT_RECURSIVE)
}

fn map(tree: BorrowedFd<'_>, user_namespace: BorrowedFd<'_>, flags: i64) -> Result<()> {
    const IDMAP: u64 = 0x0010_0000;
    let namespace = u64::try_from(user_namespace.as_raw_fd()).map_err(|_| Errno(libc::EBADF))?;
    mount_setattr(tree.as_raw_fd(), c"", flags, [IDMAP, 0, 0, namespace])
}

/// User and group of what a descriptor refers to.
pub(crate) fn owner_of(descriptor: BorrowedFd<'_>) -> Result<(u32, u32)> {
    let status = status_of(descriptor.as_raw_fd())?;
    Ok((status.stx_uid, status.stx_gid))
}

/// Cuts the tie between the mounts of this namespace and those of the host.
pub(super) fn make_private() -> Result<()> {
    mount_setattr(AT_FDCWD, c"/", AT_RECURSIVE, [0, 0, libc::MS_PRIVATE, 0])
}

/// Clones the mount at a descriptor; the clone is attached nowhere.
pub(super) fn open_tree(dir: RawFd, path: &CStr, recursive: bool) -> Result<RawFd> {
    let flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | EMPTY_PATH | if recursive { AT_RECURSIVE } else { 0 };
    // JUSTIFICATION: the C library has no wrapper.
    // SAFETY: `path` is a C string.
    unsafe { sys(libc::SYS_open_tree, [fd(dir), text(path), int(flags), NONE, NONE]) }.map(|n| n as RawFd)
}

/// [`open_tree`] for the parent.
pub(crate) fn clone_tree(dir: BorrowedFd<'_>) -> Result<OwnedFd> {
    open_tree(dir.as_raw_fd(), c"", false).map(own)
}

/// Opens what the host has at a path, to look at it, following no link.
pub(crate) fn open_source(path: &CStr) -> Result<OwnedFd> {
    open_host(path).map(own)
}

/// Clones a host folder or file with all mounts below it, following no link on the way.
pub(crate) fn clone_host(path: &str) -> Result<OwnedFd> {
    let path = std::ffi::CString::new(path).map_err(|_| Errno(libc::EINVAL))?;
    let folder = own(open_host(&path)?);
    open_tree(folder.as_raw_fd(), c"", true).map(own)
}

/// Attaches a detached mount on what another descriptor refers to.
pub(super) fn move_onto(tree: RawFd, target: RawFd) -> Result<()> {
    /// `MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH`.
    const BY_DESCRIPTOR: i64 = 0x04 | 0x40;
    // JUSTIFICATION: the C library has no wrapper.
    // SAFETY: both paths are C strings.
    unsafe { sys(libc::SYS_move_mount, [fd(tree), text(c""), fd(target), text(c""), int(BY_DESCRIPTOR)]) }
        .map(drop)
}

pub(super) fn fsopen(kind: &CStr) -> Result<RawFd> {
    // JUSTIFICATION: the C library has no wrapper.
    // SAFETY: `kind` is a C string; the flag is FSOPEN_CLOEXEC.
    unsafe { sys(libc::SYS_fsopen, [text(kind), int(1), NONE, NONE, NONE]) }.map(|n| n as RawFd)
}

/// Sets one option of a file system that is being made; without a value it is a flag.
pub(super) fn fsconfig(filesystem: RawFd, key: &CStr, value: Option<&CStr>) -> Result<()> {
    const SET_FLAG: i64 = 0;
    const SET_STRING: i64 = 1;
    let (command, value) = value.map_or((SET_FLAG, NONE), |value| (SET_STRING, text(value)));
    // JUSTIFICATION: the C library has no wrapper.
    // SAFETY: key and value are C strings; a flag takes a null value.
    unsafe { sys(libc::SYS_fsconfig, [fd(filesystem), int(command), text(key), value, NONE]) }.map(drop)
}

/// Makes the file system and a detached mount of it.
pub(super) fn fsmount(filesystem: RawFd, attributes: MountAttributes) -> Result<RawFd> {
    const CREATE: i64 = 6;
    // JUSTIFICATION: the C library has no wrapper.
    // SAFETY: FSCONFIG_CMD_CREATE takes null key and value.
    unsafe { sys(libc::SYS_fsconfig, [fd(filesystem), int(CREATE), NONE, NONE, NONE]) }?;
    // JUSTIFICATION: the C library has no wrapper.
    // SAFETY: takes numbers only; the flag is FSMOUNT_CLOEXEC.
    unsafe { sys(libc::SYS_fsmount, [fd(filesystem), int(1), int(attributes.bits() as i64), NONE, NONE]) }
        .map(|n| n as RawFd)
}

/// Makes a tmpfs for the parent, as a detached mount.
pub(crate) fn new_tmpfs(options: &[(&CStr, Option<&CStr>)], attributes: MountAttributes) -> Result<OwnedFd> {
    let filesystem = own(fsopen(c"tmpfs")?);
    for (key, value) in options {
        fsconfig(filesystem.as_raw_fd(), key, *value)?;
    }
    fsmount(filesystem.as_raw_fd(), attributes).map(own)
}

/// Makes the node of a character device for one user (user and group).
pub(crate) fn make_device(
    dir: BorrowedFd<'_>,
    name: &CStr,
    (major, minor): (u32, u32),
    (uid, gid): (u32, u32),
) -> Result<()> {
    let (mode, device) = (i64::from(libc::S_IFCHR | 0o600), libc::makedev(major, minor) as i64);
    // JUSTIFICATION: nix has these calls behind paths or other features; here they stand beside the other calls on mounts.
    // SAFETY: `name` is a C string.
    unsafe { sys(libc::SYS_mknodat, [fd(dir.as_raw_fd()), text(name), int(mode), int(device), NONE]) }?;
    let (uid, gid) = (int(i64::from(uid)), int(i64::from(gid)));
    let no_link = int(i64::from(libc::AT_SYMLINK_NOFOLLOW));
    // JUSTIFICATION: as above.
    // SAFETY: `name` is a C string.
    unsafe { sys(libc::SYS_fchownat, [fd(dir.as_raw_fd()), text(name), uid, gid, no_link]) }.map(drop)
}

/// Major and minor number of a character device of the host; nothing where there is something else.
pub(crate) fn device_at(path: &CStr) -> Result<Option<(u32, u32)>> {
    let node = own(open_host(path)?);
    Ok(kind_of(node.as_raw_fd())?.device)
}

/// Whether the parent may make a tmpfs with this flag.
pub(crate) fn tmpfs_knows(flag: &CStr) -> bool {
    let filesystem = fsopen(c"tmpfs").map(own);
    filesystem.is_ok_and(|filesystem| fsconfig(filesystem.as_raw_fd(), flag, None).is_ok())
}

/// Makes the current folder the root and drops the old one with everything below it.
pub(super) fn pivot_here() -> Result<()> {
    // JUSTIFICATION: the C library has no wrapper.
    // SAFETY: both paths are C strings.
    unsafe { sys(libc::SYS_pivot_root, [text(c"."), text(c"."), NONE, NONE, NONE]) }?;
    let detach = i64::from(libc::MNT_DETACH);
    // JUSTIFICATION: raw, to stay clear of the C library between clone and exec.
    // SAFETY: the path is a C string. The old root lies on top of the new one at ".".
    unsafe { sys(libc::SYS_umount2, [text(c"."), int(detach), NONE, NONE, NONE]) }?;
    // JUSTIFICATION: raw, to stay clear of the C library between clone and exec.
    // SAFETY: the path is a C string.
    unsafe { sys(libc::SYS_chdir, [text(c"/"), NONE, NONE, NONE, NONE]) }?;
    // SECURITY: nothing may be left on top of the new root: ".." would lead there. Looked at, not assumed.
    let (root, above) = (open_host(c"/")?, open_host(c"..")?);
    let same = mount_of(root)? == mount_of(above)? && identity(root)? == identity(above)?;
    close(root);
    close(above);
    if same { Ok(()) } else { Err(Errno(libc::EXDEV)) }
}

/// The number of the mount that a descriptor lies in.
fn mount_of(descriptor: RawFd) -> Result<u64> {
    Ok(status_of(descriptor)?.stx_mnt_id)
}

pub(super) fn make_folder(dir: RawFd, path: &CStr, mode: u32) -> Result<()> {
    // JUSTIFICATION: raw, to stay clear of the C library between clone and exec.
    // SAFETY: `path` is a C string.
    unsafe { sys(libc::SYS_mkdirat, [fd(dir), text(path), int(i64::from(mode)), NONE, NONE]) }.map(drop)
}

pub(super) fn make_link(dir: RawFd, path: &CStr, target: &CStr) -> Result<()> {
    // JUSTIFICATION: raw, to stay clear of the C library between clone and exec.
    // SAFETY: both are C strings.
    unsafe { sys(libc::SYS_symlinkat, [text(target), fd(dir), text(path), NONE, NONE]) }.map(drop)
}

/// What a descriptor refers to.
pub(super) struct Kind {
    pub(super) folder: bool,
    /// Major and minor number, for a character device.
    pub(super) device: Option<(u32, u32)>,
}

pub(super) fn kind_of(descriptor: RawFd) -> Result<Kind> {
    let status = status_of(descriptor)?;
    let format = u32::from(status.stx_mode) & libc::S_IFMT;
    Ok(Kind {
        folder: format == libc::S_IFDIR,
        device: (format == libc::S_IFCHR).then_some((status.stx_rdev_major, status.stx_rdev_minor)),
    })
}

/// Device and inode number: equal for two descriptors of the same file.
pub(super) fn identity(descriptor: RawFd) -> Result<(u32, u32, u64)> {
    let status = status_of(descriptor)?;
    Ok((status.stx_dev_major, status.stx_dev_minor, status.stx_ino))
}

fn status_of(descriptor: RawFd) -> Result<libc::statx> {
    // JUSTIFICATION: the type has private padding and no constructor.
    // SAFETY: every field of the type is valid when zero.
    let mut status: libc::statx = unsafe { core::mem::zeroed() };
    let mask = libc::STATX_TYPE | libc::STATX_INO | libc::STATX_UID | libc::STATX_GID | libc::STATX_MNT_ID;
    let mask = int(i64::from(mask));
    // JUSTIFICATION: raw, to stay clear of the C library between clone and exec.
    // SAFETY: the last argument is a `struct statx` to fill in; the path is a C string.
    unsafe {
        sys(libc::SYS_statx, [fd(descriptor), text(c""), int(EMPTY_PATH), mask, exclusive(&mut status)])
    }?;
    Ok(status)
}

/// Whether a descriptor lies in a real procfs.
pub(super) fn is_procfs(descriptor: RawFd) -> Result<bool> {
    // JUSTIFICATION: the type has private padding and no constructor.
    // SAFETY: every field of the type is valid when zero.
    let mut status: libc::statfs = unsafe { core::mem::zeroed() };
    // JUSTIFICATION: raw, to stay clear of the C library between clone and exec.
    // SAFETY: the second argument is a `struct statfs` to fill in.
    unsafe { sys(libc::SYS_fstatfs, [fd(descriptor), exclusive(&mut status), NONE, NONE, NONE]) }?;
    Ok(status.f_type as i64 == libc::PROC_SUPER_MAGIC)
}
