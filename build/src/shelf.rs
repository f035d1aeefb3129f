use std::fs::{self, DirBuilder, File};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use perry_sandbox_policy::ServiceName;
use perry_sandbox_reference::Digest;
use tempfile::TempDir;

use crate::BuildsError;

/// The file that says which image of a service was built last.
const CURRENT: &str = "current";
/// More than it has.
const MOST: u64 = 256;
/// Images of a service that are kept: older ones may still run, and be started again.
const KEPT: usize = 8;

/// Where images are that were built here: a layout each, by service and digest.
#[derive(Debug, Clone)]
pub struct Builds {
    folder: PathBuf,
}

/// An image that was built here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltImage {
    /// For which service.
    pub service: ServiceName,
    /// Its digest.
    pub digest: Digest,
}

impl Builds {
    /// Those below the data folder.
    pub fn below(data_dir: &Path) -> Self {
        Self { folder: data_dir.join("builds") }
    }

    fn of(&self, service: &ServiceName) -> PathBuf {
        self.folder.join(service.project()).join(service.name())
    }

    /// The image of a service that was built last, by its digest, as an image is named; nothing if none was built.
    ///
    /// # Errors
    /// What is kept cannot be read.
    pub fn current(&self, service: &ServiceName) -> Result<Option<String>, BuildsError> {
        let folder = self.of(service);
        let path = folder.join(CURRENT);
        let mut text = String::new();
        match File::open(&path).and_then(|file| file.take(MOST).read_to_string(&mut text)) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(BuildsError::io(&path)(error)),
        }
        let digest: Digest = text.trim().parse().map_err(|_| BuildsError::Record(path))?;
        Ok(Some(format!("oci:{}@{digest}", folder.join(layout(&digest)).display())))
    }

    /// The image of this name, if it was built here.
    pub fn find(&self, image: &str) -> Option<BuiltImage> {
        let (path, digest) = image.strip_prefix("oci:")?.rsplit_once('@')?;
        let rest = Path::new(path).strip_prefix(&self.folder).ok()?.to_str()?;
        let (service, layout_of) = rest.rsplit_once('/')?;
        let built = BuiltImage { service: service.parse().ok()?, digest: digest.parse().ok()? };
        (layout(&built.digest) == layout_of).then_some(built)
    }

    /// Removes an image; if it was built last, then none was.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove(&self, built: &BuiltImage) -> Result<(), BuildsError> {
        let folder = self.of(&built.service);
        let (current, tree) = (folder.join(CURRENT), folder.join(layout(&built.digest)));
        let is_last = fs::read_to_string(&current).is_ok_and(|text| text.trim() == built.digest.as_str());
        let forgotten = if is_last { fs::remove_file(&current) } else { Ok(()) };
        match forgotten.and_then(|()| fs::remove_dir_all(&tree)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(BuildsError::io(&tree)(error)),
            _ => Ok(()),
        }
    }

    /// A folder for one build, which goes with what is left in it.
    pub(crate) fn workplace(&self) -> Result<TempDir, BuildsError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)
            .map_err(BuildsError::io(&self.folder))?;
        let place = tempfile::Builder::new().prefix(".work.").tempdir_in(&self.folder);
        place.map_err(BuildsError::io(&self.folder))
    }

    /// Takes a layout in as the one that was built last.
    pub(crate) fn take(
        &self,
        service: &ServiceName,
        digest: &Digest,
        from: &Path,
    ) -> Result<(), BuildsError> {
        let folder = self.of(service);
        let to = folder.join(layout(digest));
        fs::create_dir_all(&folder).map_err(BuildsError::io(&folder))?;
        // One of the same digest may be signed by a key that is gone.
        if let Err(error) = fs::remove_dir_all(&to)
            && error.kind() != ErrorKind::NotFound
        {
            return Err(BuildsError::io(&to)(error));
        }
        fs::rename(from, &to).map_err(BuildsError::io(&to))?;
        let (early, current) = (folder.join(".current"), folder.join(CURRENT));
        fs::write(&early, format!("{digest}\n")).map_err(BuildsError::io(&early))?;
        fs::rename(&early, &current).map_err(BuildsError::io(&current))?;
        forget_older(&folder, &to).map_err(BuildsError::io(&folder))
    }
}

/// The folder of an image: short, as it stands in what people read beside the whole digest.
fn layout(digest: &Digest) -> String {
    digest.hex().chars().take(12).collect()
}

fn forget_older(folder: &Path, newest: &Path) -> std::io::Result<()> {
    let mut layouts = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let metadata = path.symlink_metadata()?;
        if metadata.is_dir() && path != newest {
            layouts.push((metadata.modified()?, path));
        }
    }
    layouts.sort();
    let surplus = layouts.len().saturating_add(1).saturating_sub(KEPT);
    layouts.into_iter().take(surplus).try_for_each(|(_, path)| fs::remove_dir_all(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_is_found_and_old_ones_go() {
        let dir = tempfile::tempdir().unwrap();
        let (builds, service) = (Builds::below(dir.path()), "shop/web".parse::<ServiceName>().unwrap());
        assert_eq!(builds.current(&service).unwrap(), None);
        for number in 0..12_u8 {
            let place = builds.workplace().unwrap();
            let layout = place.path().join("layout");
            fs::create_dir(&layout).unwrap();
            let digest = Digest::of(&[number]);
            builds.take(&service, &digest, &layout).unwrap();
            let found = builds.current(&service).unwrap().unwrap();
            assert!(found.starts_with("oci:/") && found.ends_with(digest.as_str()), "{found}");
        }
        let kept = fs::read_dir(builds.of(&service))
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().path().is_dir());
        assert_eq!(kept.count(), KEPT);
        assert!(builds.of(&service).join(layout(&Digest::of(&[11]))).is_dir(), "the newest is kept");
        let left = fs::read_dir(&builds.folder).unwrap().count();
        assert_eq!(left, 1, "no workplace is left");
        let last = builds.current(&service).unwrap().unwrap();
        let built = builds.find(&last).unwrap();
        assert_eq!(built, BuiltImage { service: service.clone(), digest: Digest::of(&[11]) });
        let other = last.replace(Digest::of(&[11]).as_str(), Digest::of(&[12]).as_str());
        for name in [other.as_str(), "oci:/elsewhere@sha256:0", &last.replace("shop/web", "shop/../web")] {
            assert_eq!(builds.find(name), None, "{name}");
        }
        builds.remove(&built).unwrap();
        assert_eq!((builds.current(&service).unwrap(), builds.remove(&built).is_ok()), (None, true));
    }

    #[test]
    fn a_record_that_is_none_is_no_image() {
        let dir = tempfile::tempdir().unwrap();
        let (builds, service) = (Builds::below(dir.path()), "shop/web".parse::<ServiceName>().unwrap());
        fs::create_dir_all(builds.of(&service)).unwrap();
        fs::write(builds.of(&service).join(CURRENT), "../../../other").unwrap();
        assert!(matches!(builds.current(&service), Err(BuildsError::Record(_))));
    }
}
