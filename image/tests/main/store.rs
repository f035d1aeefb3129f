//! The store: what it keeps, what it gives back, and what it survives.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use perry_sandbox_image::reference::Platform;
use perry_sandbox_image::{Layout, Silent, Store, StoreError, Wanted, resolve};
use perry_sandbox_testkit::layout::{Compression, Content, image};
use perry_sandbox_testkit::tarball::Tarball;

use crate::bench::{Bench, found};

/// Set for a copy of this program that only pulls and unpacks.
const WORK: &str = "PERRY_IMAGE_TEST_WORK";

fn sample() -> Content {
    let filler: Vec<u8> =
        (0..400_000_u32).flat_map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let layer = |at: u32| {
        let files = (0..40).fold(Tarball::new(), |tar, file| {
            tar.file(&format!("l{at}/f{file}"), &filler[file * 1000..file * 1000 + 20_000])
        });
        (files.build(), Compression::Gzip)
    };
    image(&[layer(0), layer(1), layer(2)]).0
}

#[test]
fn a_pulled_image_reads_the_same_from_the_store() {
    let bench = Bench::new();
    let (memory, resolved) = found(&sample());
    let pulled = bench.store.pull(&memory, &resolved, "sample:v1", &Silent).unwrap();
    assert!(pulled.fetched > 0 && pulled.skipped == 0);
    let again = bench.store.pull(&memory, &resolved, "sample:v1", &Silent).unwrap();
    assert_eq!(again.fetched, 0);
    let list = bench.store.list().unwrap();
    assert_eq!(list.len(), 1);
    let stored = bench.store.source(list[0].clone());
    let from_store = resolve(&stored, &Wanted::Only, &Platform::host()).unwrap();
    assert_eq!(from_store.top(), resolved.top());
    assert_eq!(from_store.config(&stored).unwrap(), resolved.config(&memory).unwrap());
    assert!(bench.store.check().unwrap().is_sound());
    for text in ["sample:v1", resolved.top().as_str(), resolved.config_digest().hex().split_at(12).0] {
        assert_eq!(bench.store.find(text).unwrap().len(), 1, "{text}");
    }
    assert_eq!(bench.store.find(resolved.top().hex().split_at(11).0).unwrap().len(), 0);
}

#[test]
fn an_unpacked_image_is_opened_again_without_reading_its_layers() {
    let bench = Bench::new();
    let (memory, resolved) = found(&sample());
    bench.store.pull(&memory, &resolved, "sample:v1", &Silent).unwrap();
    let first = bench.store.rootfs(&resolved, &Silent).unwrap();
    for layer in resolved.layers() {
        let path = bench.store.root().join("blobs/sha256").join(layer.digest.hex());
        std::fs::remove_file(path).unwrap();
    }
    let second = bench.store.rootfs(&resolved, &Silent).unwrap();
    assert_eq!((first.path(), first.chain()), (second.path(), second.chain()));
    let ids = resolved.config(&bench.store.contents()).unwrap().diff_ids;
    assert!(bench.store.unpacked(&ids).unwrap().is_some());
    assert!(bench.store.unpacked(&ids[..1]).unwrap().is_none());
    let report = bench.store.check().unwrap();
    assert_eq!((report.missing.len(), report.is_sound()), (3, false));
}

#[test]
fn a_layer_that_is_tampered_with_at_its_source_is_noticed_though_the_store_s_copy_is_good() {
    let bench = Bench::new();
    let dir = tempfile::tempdir().unwrap();
    sample().write_layout(dir.path());
    let layout = Layout::open(dir.path()).unwrap();
    let resolved = resolve(&layout, &Wanted::Only, &Platform::host()).unwrap();
    let ids = resolved.config(&layout).unwrap().diff_ids;
    let ready = |name: &str| bench.store.ready(&layout, &resolved, name, &ids).unwrap().is_some();
    assert!(!ready("oci:x"));
    bench.store.pull(&layout, &resolved, "oci:x", &Silent).unwrap();
    drop(bench.store.rootfs(&resolved, &Silent).unwrap());
    assert!(ready("oci:x") && !ready("oci:y"));
    let path = dir.path().join("blobs/sha256").join(resolved.layers()[0].digest.hex());
    let honest = std::fs::read(&path).unwrap();
    let mut flipped = honest.clone();
    flipped[20] ^= 1;
    std::fs::write(&path, flipped).unwrap();
    assert!(!ready("oci:x"));
    let error = bench.store.pull(&layout, &resolved, "oci:x", &Silent).unwrap_err();
    assert!(matches!(error, StoreError::Read(perry_sandbox_image::ReadError::Digest { .. })), "{error}");
    // The same bytes in a file of another time are fine again.
    std::fs::write(&path, honest).unwrap();
    assert!(!ready("oci:x"));
    bench.store.pull(&layout, &resolved, "oci:x", &Silent).unwrap();
    assert!(ready("oci:x"));
}

#[test]
fn a_tree_of_another_boot_is_unpacked_again() {
    let bench = Bench::new();
    let (memory, resolved) = found(&sample());
    bench.store.pull(&memory, &resolved, "sample:v1", &Silent).unwrap();
    let rootfs = bench.store.rootfs(&resolved, &Silent).unwrap();
    let (tree, marker) = (rootfs.path().to_owned(), rootfs.path().with_file_name("boot"));
    drop(rootfs);
    // What a crash may leave: a file without its content.
    std::fs::write(tree.join("l0/f1"), b"").unwrap();
    std::fs::write(marker, b"an earlier boot").unwrap();
    let ids = resolved.config(&memory).unwrap().diff_ids;
    assert!(bench.store.unpacked(&ids).unwrap().is_none());
    let rootfs = bench.store.rootfs(&resolved, &Silent).unwrap();
    assert_eq!(rootfs.path().join("l0/f1").metadata().unwrap().len(), 20_000);
    assert_eq!(std::fs::read_dir(bench.store.root().join("tmp")).unwrap().count(), 0);
}

#[test]
fn a_flipped_byte_in_the_store_is_found_and_never_unpacked() {
    let bench = Bench::new();
    let (memory, resolved) = found(&sample());
    bench.store.pull(&memory, &resolved, "sample:v1", &Silent).unwrap();
    let layer = &resolved.layers()[1].digest;
    let path = bench.store.root().join("blobs/sha256").join(layer.hex());
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[1000] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(bench.store.check().unwrap().damaged, std::slice::from_ref(layer));
    assert!(bench.store.rootfs(&resolved, &Silent).is_err());
    assert_eq!(bench.store.remove_damaged().unwrap(), std::slice::from_ref(layer));
    bench.store.pull(&memory, &resolved, "sample:v1", &Silent).unwrap();
    assert!(bench.store.check().unwrap().is_sound());
    assert!(bench.store.rootfs(&resolved, &Silent).is_ok());
}

#[test]
fn prune_keeps_what_is_listed_and_what_is_in_use() {
    let bench = Bench::new();
    let rootfs = bench.unpack_content(&sample()).unwrap();
    assert_eq!(bench.store.prune().unwrap(), perry_sandbox_image::Pruned::default());
    let listed = bench.store.list().unwrap().remove(0);
    bench.store.remove(&listed).unwrap();
    let pruned = bench.store.prune().unwrap();
    assert_eq!((pruned.blobs.len(), pruned.rootfs.len()), (5, 0));
    assert!(rootfs.path().join("l0/f0").exists());
    drop(rootfs);
    // A child of another test may have a copy of its lock until it executes its program.
    let begun = Instant::now();
    while bench.store.prune().unwrap().rootfs.is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it is in use still");
    }
    assert!(bench.store.list().unwrap().is_empty());
}

#[test]
fn a_folder_that_others_can_enter_is_not_used_as_a_store() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    assert!(matches!(Store::open(dir.path()), Err(StoreError::NotOwn { .. })));
    let inside = dir.path().join("new");
    Store::open(&inside).unwrap();
    assert_eq!(inside.metadata().unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_broken_record_hides_no_other_image_and_goes_with_the_next_prune() {
    let bench = Bench::new();
    drop(bench.unpack_content(&sample()).unwrap());
    let broken = bench.store.root().join("images/broken.json");
    std::fs::write(&broken, b"{").unwrap();
    assert_eq!(bench.store.check().unwrap().broken.len(), 1);
    assert_eq!(bench.store.list().unwrap().len(), 1);
    assert_eq!(bench.store.find("test:v1").unwrap().len(), 1);
    let named = bench.store.broken().unwrap();
    assert!(matches!(named.as_slice(), [StoreError::Record { path, .. }] if *path == broken), "{named:?}");
    let pruned = bench.store.prune().unwrap();
    assert_eq!((pruned.records, pruned.blobs.len()), (vec![broken.clone()], 0));
    assert!(!broken.exists() && bench.store.check().unwrap().is_sound());
}

#[test]
fn prune_stops_at_a_record_that_another_version_can_read() {
    let bench = Bench::new();
    drop(bench.unpack_content(&sample()).unwrap());
    let newer = bench.store.root().join("images/newer.json");
    std::fs::write(&newer, br#"{"version": 2, "content": "elsewhere"}"#).unwrap();
    assert_eq!(bench.store.list().unwrap().len(), 1);
    assert!(matches!(bench.store.prune(), Err(StoreError::OtherVersion { .. })));
    assert!(newer.exists());
}

/// What the copies of this program do.
#[test]
fn work_of_a_copy() {
    let Ok(dir) = std::env::var(WORK) else { return };
    let dir = std::path::Path::new(&dir);
    let layout = Layout::open(&dir.join("layout")).unwrap();
    let resolved = resolve(&layout, &Wanted::Only, &Platform::host()).unwrap();
    let store = Store::open(&dir.join("store")).unwrap();
    store.pull(&layout, &resolved, "sample:v1", &Silent).unwrap();
    let rootfs = store.rootfs(&resolved, &Silent).unwrap();
    assert!(rootfs.path().join("l2/f39").exists());
}

fn copy_of_this_program(dir: &std::path::Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "store::work_of_a_copy"]).env(WORK, dir);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

#[test]
fn a_process_killed_at_any_point_leaves_a_store_that_works() {
    let dir = tempfile::tempdir().unwrap();
    sample().write_layout(&dir.path().join("layout"));
    let mut killed = 0;
    for round in 0..40_u64 {
        let mut child = copy_of_this_program(dir.path()).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(1000 + round * 1500));
        killed += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        if round % 5 == 4 {
            let store = Store::open(&dir.path().join("store")).unwrap();
            assert!(store.check().unwrap().is_sound());
        }
        if round % 10 == 9 {
            // Start over, so that later rounds do not find everything done.
            std::fs::remove_dir_all(dir.path().join("store")).unwrap();
        }
    }
    assert!(killed > 5, "only {killed} were killed before they ended");
    assert!(copy_of_this_program(dir.path()).status().unwrap().success());
    let store = Store::open(&dir.path().join("store")).unwrap();
    let report = store.check().unwrap();
    assert!(report.is_sound() && report.abandoned == 0, "{report:?}");
    store.prune().unwrap();
    assert_eq!(std::fs::read_dir(store.root().join("tmp")).unwrap().count(), 0);
}

#[test]
fn several_processes_pull_and_unpack_one_image_at_once() {
    let dir = tempfile::tempdir().unwrap();
    sample().write_layout(&dir.path().join("layout"));
    let children: Vec<_> = (0..6).map(|_| copy_of_this_program(dir.path()).spawn().unwrap()).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let store = Store::open(&dir.path().join("store")).unwrap();
    assert!(store.check().unwrap().is_sound());
    assert_eq!(store.list().unwrap().len(), 1);
    let trees = std::fs::read_dir(store.root().join("rootfs")).unwrap();
    assert_eq!(trees.filter(|it| it.as_ref().unwrap().path().is_dir()).count(), 1);
}
