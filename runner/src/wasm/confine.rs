//! What the process takes from itself before it looks at the module.

use std::fs::{File, Permissions};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};

use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::statvfs::fstatvfs;
use nix::unistd::{setsid, write};
use perry_sandbox_policy::MountAccess;

use super::answer::Failure;
use super::order::WasmOrder;
use crate::native::{
    Errno, HostFolder, Ids, MountAttributes, Step, clone_host, clone_tree, leave_host, new_tmpfs,
    open_beneath, restrict_self, set_attributes, set_attributes_below, show_folder, show_image,
};

/// What the module will see, as detached mounts: they are attached nowhere, and go with the process.
#[derive(Debug)]
pub(super) struct Trees {
    /// The image, read-only.
    pub(super) image: OwnedFd,
    /// `/tmp`.
    pub(super) tmp: OwnedFd,
    /// The plan's host folders, in its order.
    pub(super) folders: Vec<OwnedFd>,
    /// `/run/secrets`, where the plan gives some.
    pub(super) secrets: Option<OwnedFd>,
}

/// What the process may use for itself beside the module's memory: the compiler, stacks, and the heap of wasmtime.
const ROOM_OF_RUNTIME: u64 = 32 << 20;

/// Descriptors that the process has for itself.
const OWN_DESCRIPTORS: u64 = 16;

/// Makes the namespaces, and in them what the module will see.
///
/// An ordinary user makes mounts in an own user namespace only. Root makes them as root, and becomes a user that owns
/// nothing on the host; the files of image and folders are shown with such owners.
pub(super) fn enter(
    order: &WasmOrder,
    ids: Ids,
    image: BorrowedFd<'_>,
    secrets: &[OwnedFd],
) -> Result<Trees, Failure> {
    let apart = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWCGROUP;
    let user = (order.uid, order.gid);
    let image = if ids == Ids::Range {
        // The folder's mount is in the namespace of the runner, which is still that of this process.
        let tree = clone_tree(image).map_err(Failure::setup("cannot clone the image's root folder"))?;
        show_image(tree.as_fd(), user)
            .map_err(Failure::setup("cannot map the owners of the image's files"))?;
        tree
    } else {
        unshare(apart | CloneFlags::CLONE_NEWUSER).map_err(Failure::setup("cannot make a user namespace"))?;
        let own = i32::try_from(std::process::id()).unwrap_or(0);
        ids.write(own, user).map_err(Failure::setup("cannot map the user of the process"))?;
        clone_same(&order.root, image).map_err(Failure::setup("cannot clone the image's root folder"))?
    };
    set_attributes(image.as_fd(), MountAttributes::ReadOnlyData)
        .map_err(Failure::setup("cannot make the image's root folder read-only"))?;
    let folders = order.mounts.iter().map(|mount| {
        folder(mount, ids, user).map_err(Failure::setup(&format!("cannot give {}", mount.path)))
    });
    let folders = folders.collect::<Result<_, _>>()?;
    let tmp = tmpfs(order.tmp, "1777").map_err(Failure::setup("cannot make a /tmp"))?;
    let secrets = put_secrets(order, ids, secrets).map_err(Failure::setup("cannot give the secrets"))?;
    if ids == Ids::Range {
        unshare(apart).map_err(Failure::setup("cannot make namespaces"))?;
    }
    Ok(Trees { image, tmp, folders, secrets })
}

/// SECURITY: what is found at the path must be the very folder that the runner looked at. Its own descriptor lies in
/// another mount namespace, and cannot be cloned here.
fn clone_same(path: &str, known: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let host = File::open("/")?;
    let path = std::ffi::CString::new(path).map_err(|_| io::ErrorKind::InvalidInput)?;
    let found = open_beneath(host.as_fd(), &path, libc::O_PATH | libc::O_DIRECTORY)?;
    let identity = |folder: BorrowedFd<'_>| -> io::Result<(u64, u64)> {
        let status = File::from(folder.try_clone_to_owned()?).metadata()?;
        Ok((status.dev(), status.ino()))
    };
    if identity(found.as_fd())? != identity(known)? {
        return Err(Errno(libc::ESTALE).into());
    }
    Ok(clone_tree(found.as_fd())?)
}

fn folder(mount: &HostFolder, ids: Ids, user: (u32, u32)) -> io::Result<OwnedFd> {
    let tree = clone_host(&mount.path)?;
    let attributes = if mount.access == MountAccess::Write {
        MountAttributes::Data
    } else {
        MountAttributes::ReadOnlyData
    };
    set_attributes_below(tree.as_fd(), attributes)?;
    if ids == Ids::Range {
        show_folder(tree.as_fd(), user)?;
    }
    Ok(tree)
}

fn tmpfs(size: u64, mode: &str) -> io::Result<OwnedFd> {
    // The kernel's memory for files is not limited by the size.
    let inodes = size.div_euclid(4096).saturating_add(64);
    let text = |value: String| std::ffi::CString::new(value).map_err(|_| io::ErrorKind::InvalidInput);
    let (size, inodes, mode) = (text(size.to_string())?, text(inodes.to_string())?, text(mode.to_owned())?);
    let options = [(c"size", Some(&*size)), (c"nr_inodes", Some(&*inodes)), (c"mode", Some(&*mode))];
    Ok(new_tmpfs(&options, MountAttributes::Data)?)
}

/// Files of the plan's user alone, in a file system that nobody can write any more.
fn put_secrets(order: &WasmOrder, ids: Ids, values: &[OwnedFd]) -> io::Result<Option<OwnedFd>> {
    if order.secrets.is_empty() {
        return Ok(None);
    }
    let count = u64::try_from(order.secrets.len()).unwrap_or(u64::MAX);
    // Room for so many of the longest.
    let room = tmpfs(count.saturating_mul(1 << 20), "755")?;
    let (uid, gid) = outside(order, ids);
    for (name, value) in order.secrets.iter().zip(values) {
        let path = format!("/proc/self/fd/{}/{name}", room.as_raw_fd());
        let mut file = File::options().write(true).create_new(true).open(path)?;
        let mut value = File::open(format!("/proc/self/fd/{}", value.as_raw_fd()))?;
        io::copy(&mut value, &mut file)?;
        file.set_permissions(Permissions::from_mode(0o400))?;
        fchown(&file, Some(uid), Some(gid))?;
    }
    set_attributes(room.as_fd(), MountAttributes::ReadOnlyData)?;
    Ok(Some(room))
}

/// The plan's user, as this process calls it.
const fn outside(order: &WasmOrder, ids: Ids) -> (u32, u32) {
    match ids {
        Ids::Range => (Ids::outside(order.uid), Ids::outside(order.gid)),
        Ids::Single { .. } => (order.uid, order.gid),
    }
}

/// Leaves everything that the process has not opened: its root is an empty folder that cannot be written.
pub(super) fn leave() -> Result<(), Failure> {
    let options = [(c"size", Some(c"4096")), (c"nr_inodes", Some(c"2")), (c"mode", Some(c"555"))];
    let empty = new_tmpfs(&options, MountAttributes::ReadOnlyData);
    let left = empty.and_then(|empty| leave_host(empty.as_fd()));
    left.map_err(Failure::setup("cannot leave the host's files"))
}

/// Gives up every right, and takes on the limits.
pub(super) fn give_up(order: &WasmOrder, ids: Ids) -> Result<(), Failure> {
    let (uid, gid) = outside(order, ids);
    setsid().map_err(Failure::setup("cannot leave the session"))?;
    let mut steps = vec![
        Step::NewKeyring,
        Step::DropBounding { keep: 0 },
        Step::LockSecureBits,
        Step::Become { uid, gid, drop_groups: ids == Ids::Range },
        Step::Caps { keep: 0 },
        Step::Umask { mask: 0o022 },
        Step::NotDumpable,
        Step::NoNewPrivileges,
    ];
    steps.extend(limits(order));
    for step in steps {
        restrict_self(&step).map_err(Failure::setup(&format!("cannot {step}")))?;
    }
    Ok(())
}

fn limits(order: &WasmOrder) -> Vec<Step> {
    let bounds = &order.limits;
    let seconds = bounds.wall.as_secs().saturating_mul(u64::from(bounds.milli_cpu)).div_ceil(1000).max(1);
    let wanted = [
        (libc::RLIMIT_CORE, Resource::RLIMIT_CORE, 0),
        (libc::RLIMIT_MEMLOCK, Resource::RLIMIT_MEMLOCK, 0),
        (libc::RLIMIT_MSGQUEUE, Resource::RLIMIT_MSGQUEUE, 0),
        (libc::RLIMIT_FSIZE, Resource::RLIMIT_FSIZE, bounds.disk),
        (libc::RLIMIT_DATA, Resource::RLIMIT_DATA, bounds.memory.saturating_add(ROOM_OF_RUNTIME)),
        // The watcher ends the process earlier; this holds if that is ever stuck.
        (libc::RLIMIT_CPU, Resource::RLIMIT_CPU, seconds.saturating_add(1)),
        (
            libc::RLIMIT_NOFILE,
            Resource::RLIMIT_NOFILE,
            u64::from(bounds.open_files).saturating_add(OWN_DESCRIPTORS),
        ),
    ];
    let limit = |(resource, name, wanted): (u32, Resource, u64)| {
        // Nobody can go above the caller's own hard limit.
        let value = getrlimit(name).map_or(wanted, |(_, hard)| hard.min(wanted));
        Step::Limit { resource, soft: value, hard: value }
    };
    wanted.into_iter().map(limit).collect()
}

/// A file of /proc that says how much memory the process has; it stays open when /proc is gone.
pub(super) fn memory_of_this_process() -> Result<File, Failure> {
    File::open("/proc/self/statm").map_err(Failure::setup("cannot open /proc/self/statm"))
}

/// Joins the cgroups that the caller has made.
pub(super) fn join(groups: &[OwnedFd]) -> Result<(), Failure> {
    groups.iter().try_for_each(|group| {
        // Whoever writes this is meant.
        write(group, b"0").map(drop).map_err(Failure::setup("cannot join a cgroup"))
    })
}

/// A name by which the standard library opens what a descriptor refers to, as long as /proc is there.
pub(super) fn name_of(descriptor: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", descriptor.as_raw_fd())
}

/// Whether a file system has no room left, for bytes or for files.
pub(super) fn is_full(tree: &OwnedFd) -> bool {
    fstatvfs(tree).is_ok_and(|room| room.blocks_free() == 0 || room.files_free() == 0)
}
