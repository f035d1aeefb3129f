//! Where podman keeps the network namespaces of root's sandboxes.
//!
//! Of a sandbox with ids of its own podman starts the monitor in a mount namespace of its own, and mounts the sandbox's network
//! namespace afterwards, outside. The monitor's command that cleans up sees that mount only where the folder's mount is shared;
//! else it takes the network for gone, and leaves file and namespace for good. systemd makes all mounts shared; in a container or
//! a small machine none is.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::unistd::geteuid;

/// podman's own place for them.
const FOLDER: &str = "/run/netns";

/// Makes that folder's mount a shared one, as podman itself does for sandboxes without ids of their own. It stays.
///
/// # Errors
/// The kernel or the machine does not let us, or another is at it: podman works all the same, and leaves what is above.
pub(in super::super) fn share() -> io::Result<()> {
    let mounts = || fs::read_to_string("/proc/self/mountinfo");
    let folder = Path::new(FOLDER);
    if !geteuid().is_root() || standing(&mounts()?, folder) != Standing::Private {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o755).create(folder)?;
    // One mount over another would hide what is mounted below in between. Anybody may hold this lock, so it is not waited for.
    let lock = File::open(folder)?;
    lock.try_lock().map_err(io::Error::from)?;
    if standing(&mounts()?, folder) != Standing::Private {
        return Ok(());
    }
    let none = None::<&str>;
    match mount(none, folder, none, MsFlags::MS_SHARED, none) {
        // It is no mount of its own.
        Err(Errno::EINVAL) => {
            mount(Some(folder), folder, none, MsFlags::MS_BIND, none)?;
            Ok(mount(none, folder, none, MsFlags::MS_SHARED, none)?)
        }
        done => Ok(done?),
    }
}

/// What the mount that a folder is on is like.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    Private,
    Shared,
    /// Private, with mounts below it: another over it would keep those from being taken away.
    InUse,
}

/// By `proc_pid_mountinfo(5)`. A folder is on the last of the mounts with the longest path that leads to it.
fn standing(mounts: &str, folder: &Path) -> Standing {
    let points = mounts.lines().filter_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        let point = Path::new(fields.nth(4)?);
        let mut tags = fields.skip(1).take_while(|field| *field != "-");
        Some((point, tags.any(|tag| tag.starts_with("shared:"))))
    });
    let (below, above): (Vec<_>, Vec<_>) =
        points.partition(|(point, _)| *point != folder && point.starts_with(folder));
    let on = above.into_iter().filter(|(point, _)| folder.starts_with(point));
    let is_shared = on.max_by_key(|(point, _)| point.as_os_str().len()).is_some_and(|(_, shared)| shared);
    match (is_shared, below.is_empty()) {
        (true, _) => Standing::Shared,
        (false, true) => Standing::Private,
        (false, false) => Standing::InUse,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_that_counts_is_the_one_that_the_folder_is_on() {
        let root = "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n";
        let shared_root = "27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n";
        let own = "43 27 254:0 /run/netns /run/netns rw,relatime shared:4 - ext4 /dev/vda rw\n";
        let private = "43 27 254:0 /run/netns /run/netns rw,relatime - ext4 /dev/vda shared:4\n";
        let other = "50 27 0:5 / /run/netns-other rw shared:9 - tmpfs none rw\n";
        let below = "51 27 0:4 net:[1] /run/netns/a rw shared:9 - nsfs nsfs rw\n";
        let standing = |lines: &[&str]| standing(&lines.concat(), Path::new(FOLDER));
        for lines in [&[shared_root][..], &[root, own], &[root, private, own], &[root, own, below]] {
            assert_eq!(standing(lines), Standing::Shared, "{lines:?}");
        }
        for lines in [&[root][..], &[root, other], &[shared_root, private], &[""], &["27 1"]] {
            assert_eq!(standing(lines), Standing::Private, "{lines:?}");
        }
        assert_eq!(standing(&[root, below]), Standing::InUse);
    }
}
