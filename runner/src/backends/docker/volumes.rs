//! Volumes of a Docker engine on this host in which nothing is executed.
//!
//! The engine cannot be told nosuid, nodev and noexec for a volume. Its own driver mounts whatever a volume's options name,
//! though, with every flag in them, and its runtime keeps the flags of what it binds. So a volume of ours is a mount of its own:
//! an overlay of one folder with data over an empty one. Both lie in the folder that the engine has for the volume and removes
//! with it.
//!
//! Told to make a mount read-only, the runtime takes its other flags away. So whoever only reads gets a view instead: a volume
//! without a name, of the same data, that its options make read-only, and that goes with its sandbox.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::super::stock::StockName;

/// The driver that mounts what options name.
pub(in super::super) const DRIVER: &str = "local";
/// Where the engine mounts what a volume is.
const MOUNTPOINT: &str = "_data";
/// What is seen inside.
const DATA: &str = "data";
/// What the kernel needs beside it: an empty folder below, and one to prepare changes in.
const BESIDE: [(&str, u32); 2] = [("lower", 0o755), ("work", 0o700)];
/// What no volume is without.
const FLAGS: &str = "nosuid,nodev,noexec";

/// Where an engine keeps its volumes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Volumes(PathBuf);

/// What the engine has for one of them: a folder, that only root comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct VolumePlace(PathBuf);

impl Volumes {
    /// Of an engine with this folder.
    ///
    /// SECURITY: options have no way to write these characters, so a path with one could take flags away.
    pub(in super::super) fn of(root: &Path) -> Option<Self> {
        let text = root.to_str()?;
        let is_said = |char: char| !char.is_control() && !",:\\\"".contains(char);
        (root.is_absolute() && text.chars().all(is_said)).then(|| Self(root.join("volumes")))
    }

    /// The place of the volume with this name.
    pub(in super::super) fn place(&self, name: &StockName) -> VolumePlace {
        VolumePlace(self.0.join(name.as_str()))
    }
}

impl VolumePlace {
    /// The folder with what is seen inside.
    pub(in super::super) fn data(&self) -> PathBuf {
        self.0.join(DATA)
    }

    /// The driver's options of the volume.
    pub(in super::super) fn options(&self) -> BTreeMap<String, String> {
        let at = self.0.display();
        options(
            "overlay",
            "overlay",
            format!("lowerdir={at}/lower,upperdir={at}/{DATA},workdir={at}/work,{FLAGS}"),
        )
    }

    /// The driver's options of a view, by which nothing is changed.
    pub(in super::super) fn view(&self) -> BTreeMap<String, String> {
        bound(&self.data())
    }

    /// Whether a volume is made so, and here.
    pub(in super::super) fn holds(
        &self,
        driver: Option<&str>,
        found: &BTreeMap<String, String>,
        mountpoint: Option<&str>,
    ) -> bool {
        let here = self.0.join(MOUNTPOINT);
        driver == Some(DRIVER) && *found == self.options() && mountpoint.map(Path::new) == Some(&here)
    }

    /// Makes the folders that are not there yet. The engine has made the one that they are in.
    pub(in super::super) fn furnish(&self) -> io::Result<()> {
        for (name, mode) in BESIDE.into_iter().chain([(DATA, 0o755)]) {
            let folder = self.0.join(name);
            match DirBuilder::new().mode(mode).create(&folder) {
                // Whatever the caller's umask is: users of sandboxes look into each other's files by what those allow.
                Ok(()) => fs::set_permissions(&folder, Permissions::from_mode(mode))?,
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                Err(_) => {}
            }
        }
        Ok(())
    }
}

/// The driver's options of a folder that is bound to be read. Without `ro` the driver would leave the other flags out.
pub(in super::super) fn bound(folder: &Path) -> BTreeMap<String, String> {
    options("none", &folder.display().to_string(), format!("bind,ro,{FLAGS}"))
}

fn options(kind: &str, device: &str, rest: String) -> BTreeMap<String, String> {
    let all = [("type", kind.to_owned()), ("device", device.to_owned()), ("o", rest)];
    all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(root: &Path) -> VolumePlace {
        Volumes::of(root).unwrap().place(&"rows".parse().unwrap())
    }

    #[test]
    fn a_volume_is_held_by_its_options_and_by_nothing_less() {
        let place = place(Path::new("/var/lib/docker"));
        let (good, at) = (place.options(), Some("/var/lib/docker/volumes/rows/_data"));
        assert!(good["o"].ends_with("/rows/work,nosuid,nodev,noexec"), "{good:?}");
        assert!(place.holds(Some("local"), &good, at));
        assert!(!place.holds(Some("other"), &good, at) && !place.holds(None, &good, at));
        assert!(!place.holds(Some("local"), &good, Some("/var/lib/docker/volumes/row/_data")));
        assert!(!place.holds(Some("local"), &BTreeMap::new(), at));
        for (name, value) in &good {
            let mut other = good.clone();
            other.insert(name.clone(), value.replace(",noexec", "") + if name == "o" { "" } else { "2" });
            assert!(!place.holds(Some("local"), &other, at), "{other:?}");
        }
        assert_eq!(place.view()["o"], "bind,ro,nosuid,nodev,noexec");
    }

    #[test]
    fn a_path_that_options_cannot_say_has_no_volumes() {
        for root in ["/a,exec", "/a:b", "/a\\b", "/a\"b", "/a\nb", "a"] {
            assert!(Volumes::of(Path::new(root)).is_none(), "{root}");
        }
    }

    #[test]
    fn folders_are_made_once_and_what_is_in_them_stays() {
        let scratch = tempfile::tempdir().unwrap();
        let place = place(scratch.path());
        assert!(place.furnish().is_err(), "the engine has made no volume");
        fs::create_dir_all(&place.0).unwrap();
        place.furnish().unwrap();
        fs::write(place.data().join("file"), "kept").unwrap();
        place.furnish().unwrap();
        assert_eq!(fs::read_to_string(place.data().join("file")).unwrap(), "kept");
        let mode = |name: &str| fs::metadata(place.0.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("work"), mode("data"), mode("lower")), (0o700, 0o755, 0o755));
    }
}
