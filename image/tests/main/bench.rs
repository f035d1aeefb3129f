//! The bench that the tests of this crate stand on: a store of its own, and images made on the spot.

use std::path::{Path, PathBuf};

use perry_sandbox_image::limits::UnpackLimits;
use perry_sandbox_image::reference::Platform;
use perry_sandbox_image::{Memory, ResolvedImage, Rootfs, Silent, Store, StoreError, Wanted, resolve};
use perry_sandbox_testkit::layout::{Compression, Content, image};
use perry_sandbox_testkit::tarball::Tarball;
use tempfile::TempDir;

/// A folder with a store in it, and a file beside it that no image may touch.
pub(crate) struct Bench {
    pub(crate) dir: TempDir,
    pub(crate) store: Store,
}

pub(crate) const CANARY: &str = "untouched";

impl Bench {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("store")).unwrap();
        std::fs::write(dir.path().join("canary"), CANARY).unwrap();
        Self { dir, store }
    }

    pub(crate) fn with(limits: UnpackLimits) -> Self {
        let Self { dir, store } = Self::new();
        Self { dir, store: store.with_limits(limits) }
    }

    pub(crate) fn canary(&self) -> PathBuf {
        self.dir.path().join("canary")
    }

    /// Pulls and unpacks an image of these layers.
    pub(crate) fn unpack(&self, layers: &[Tarball]) -> Result<Rootfs, StoreError> {
        self.unpack_packed(layers, Compression::Gzip)
    }

    pub(crate) fn unpack_packed(&self, layers: &[Tarball], how: Compression) -> Result<Rootfs, StoreError> {
        let layers: Vec<_> = layers.iter().map(|tar| (tar.clone().build(), how)).collect();
        self.unpack_content(&image(&layers).0)
    }

    pub(crate) fn unpack_content(&self, content: &Content) -> Result<Rootfs, StoreError> {
        let (memory, found) = found(content);
        self.store.pull(&memory, &found, "test:v1", &Silent)?;
        self.store.rootfs(&found, &Silent)
    }

    /// The layers must be refused, with these words, and leave nothing behind.
    #[track_caller]
    pub(crate) fn refuses(&self, layers: &[Tarball], words: &str) {
        let error = self.unpack(layers).expect_err("the layers are refused");
        self.check_refused(&error, words);
    }

    #[track_caller]
    pub(crate) fn check_refused(&self, error: &StoreError, words: &str) {
        let text = error.to_string();
        assert!(text.contains(words), "expected `{words}` in: {text}");
        assert_eq!(std::fs::read_to_string(self.canary()).unwrap(), CANARY);
        let names = |folder: &str| {
            let list = std::fs::read_dir(self.store.root().join(folder)).unwrap();
            list.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(names("tmp"), Vec::<String>::new());
        assert!(
            names("rootfs").iter().all(|name| name.strip_suffix(".lock").is_some()),
            "{:?}",
            names("rootfs")
        );
        let outside = std::fs::read_dir(self.dir.path()).unwrap().count();
        assert_eq!(outside, 2, "something was written beside the store");
    }
}

pub(crate) fn found(content: &Content) -> (Memory, ResolvedImage) {
    let memory = content.memory(None);
    let found = resolve(&memory, &Wanted::Tag("v1".to_owned()), &Platform::host()).unwrap();
    (memory, found)
}

pub(crate) fn read(rootfs: &Rootfs, path: &str) -> String {
    std::fs::read_to_string(rootfs.path().join(path)).unwrap()
}

pub(crate) fn is_there(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}
