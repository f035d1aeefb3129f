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

use nix::mount::{MsFlags, mount};

/// podman's own place for them.
const FOLDER: &str = "/run/netns";

/// Makes that folder's mount a shared one, as podman itself does for sandboxes without ids of their own.
///
/// # Errors
/// The kernel or the machine does not let us: podman works all the same, and leaves what is above.
pub(in super::super) fn share() -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o755).create(FOLDER)?;
    let folder = File::open(FOLDER)?;
    // One mount over another would hide what is mounted below in between.
    folder.lock()?;
    if is_shared(&fs::read_to_string("/proc/self/mountinfo")?, Path::new(FOLDER)) {
        return Ok(());
    }
    let none = None::<&str>;
    mount(Some(FOLDER), FOLDER, none, MsFlags::MS_BIND | MsFlags::MS_REC, none)?;
    Ok(mount(none, FOLDER, none, MsFlags::MS_SHARED | MsFlags::MS_REC, none)?)
}

/// Whether the mount that a folder is on is a shared one (`proc_pid_mountinfo(5)`): the last of the longest paths that lead to it.
fn is_shared(mounts: &str, folder: &Path) -> bool {
    let found = mounts.lines().filter_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        let point = Path::new(fields.nth(4)?);
        let is_shared =
            fields.skip(1).take_while(|field| *field != "-").any(|field| field.starts_with("shared:"));
        folder.starts_with(point).then_some((point.as_os_str().len(), is_shared))
    });
    found.max_by_key(|(length, _)| *length).is_some_and(|(_, is_shared)| is_shared)
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
        let shared = |lines: &[&str]| is_shared(&lines.concat(), Path::new(FOLDER));
        assert!(shared(&[shared_root]) && shared(&[root, own]) && shared(&[root, private, own]));
        assert!(!shared(&[root]) && !shared(&[root, other, below]) && !shared(&[shared_root, private]));
        assert!(!shared(&[""]) && !shared(&["27 1"]));
    }
}
