//! Layers as honest programs write them, and the tree that they make.

use std::os::unix::fs::MetadataExt as _;

use perry_sandbox_testkit::layout::Compression;
use perry_sandbox_testkit::tarball::Tarball;

use crate::bench::{Bench, is_there, read};

fn tar() -> Tarball {
    Tarball::new()
}

#[test]
fn every_packing_gives_the_same_tree() {
    let layers = [tar().dir("d").file("d/a", b"1").symlink("l", "d/a"), tar().file("d/b", b"2")];
    for how in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let bench = Bench::new();
        let rootfs = bench.unpack_packed(&layers, how).unwrap();
        assert_eq!((read(&rootfs, "d/a"), read(&rootfs, "d/b")), ("1".to_owned(), "2".to_owned()));
        assert_eq!(std::fs::read_link(rootfs.path().join("l")).unwrap().to_str(), Some("d/a"));
    }
}

#[test]
fn upper_layers_replace_hide_and_add() {
    let lower =
        tar().file("a", b"old").file("gone", b"x").file("d/x", b"x").file("d/y", b"y").file("t/f", b"f");
    let middle = tar().file("a", b"new").empty(".wh.gone").empty("d/.wh.x").file("e/z", b"z").dir("t/f2");
    let upper = tar().file("e/w", b"w").file("t", b"a file now").empty(".wh.t2");
    let bench = Bench::new();
    let rootfs = bench.unpack(&[lower, middle, upper]).unwrap();
    assert_eq!((read(&rootfs, "a"), read(&rootfs, "t")), ("new".to_owned(), "a file now".to_owned()));
    assert_eq!(
        (read(&rootfs, "e/z"), read(&rootfs, "e/w"), read(&rootfs, "d/y")),
        ("z".into(), "w".into(), "y".into())
    );
    for gone in ["gone", "d/x", ".wh.gone", "d/.wh.x"] {
        assert!(!is_there(&rootfs.path().join(gone)), "{gone}");
    }
}

#[test]
fn an_opaque_directory_hides_what_is_below_but_not_its_own() {
    let upper = tar().file("d/new", b"").empty("d/.wh..wh..opq").file("d/sub/kept", b"");
    let bench = Bench::new();
    let rootfs = bench.unpack(&[tar().file("d/old", b"").file("d/sub/old", b""), upper]).unwrap();
    assert!(is_there(&rootfs.path().join("d/new")) && is_there(&rootfs.path().join("d/sub/kept")));
    assert!(!is_there(&rootfs.path().join("d/old")) && !is_there(&rootfs.path().join("d/sub/old")));
}

#[test]
fn a_whiteout_hides_the_lower_entry_and_not_its_own_layer_s() {
    let upper = tar().file("a", b"new").empty(".wh.a").empty("never/was/.wh.there");
    let bench = Bench::new();
    let rootfs = bench.unpack(&[tar().file("a/deep/tree", b"old"), upper]).unwrap();
    assert_eq!(read(&rootfs, "a"), "new");
    assert!(!is_there(&rootfs.path().join("never")));
}

#[test]
fn whiteouts_that_are_hard_links_and_aufs_leftovers_are_understood() {
    let upper = tar()
        .empty(".wh.a")
        .hard_link(".wh.b", ".wh.a")
        .empty(".wh..wh.aufs")
        .dir(".wh..wh.plnk")
        .file(".wh..wh.plnk/1.2", b"x");
    let bench = Bench::new();
    let rootfs = bench.unpack(&[tar().file("a", b"").file("b", b"").file("c", b""), upper]).unwrap();
    assert!(!is_there(&rootfs.path().join("a")) && !is_there(&rootfs.path().join("b")));
    let left: Vec<_> = std::fs::read_dir(rootfs.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_str().unwrap().starts_with(".wh.")), "{left:?}");
}

#[test]
fn hard_links_share_a_file_within_and_across_layers() {
    let lower = tar().file("d/a", b"content").hard_link("b", "d/a");
    let upper = tar().hard_link("c", "d/a").hard_link("b", "./d/a");
    let bench = Bench::new();
    let rootfs = bench.unpack(&[lower, upper]).unwrap();
    let inode = |name: &str| rootfs.path().join(name).metadata().unwrap().ino();
    assert_eq!((inode("b"), inode("c")), (inode("d/a"), inode("d/a")));
}

#[test]
fn a_real_directory_entry_takes_the_place_of_a_lower_link() {
    let upper = tar().dir("a").file("a/x", b"inside");
    let bench = Bench::new();
    let rootfs = bench.unpack(&[tar().symlink("a", "/etc"), upper]).unwrap();
    assert!(rootfs.path().join("a").symlink_metadata().unwrap().is_dir());
    assert_eq!(read(&rootfs, "a/x"), "inside");
}

#[test]
fn directories_that_keep_their_owner_out_are_filled_all_the_same() {
    let lower = tar().dir_mode("closed", 0).file("closed/a", b"").dir_mode("read", 0o555).file("read/b", b"");
    let upper = tar().file("read/c", b"").dir_mode("closed/inner", 0o111).file_mode("closed/inner/d", b"", 0);
    let bench = Bench::new();
    let rootfs = bench.unpack(&[lower, upper]).unwrap();
    let mode = |name: &str| rootfs.path().join(name).metadata().unwrap().mode() & 0o7777;
    assert_eq!((mode("closed"), mode("read")), (0, 0o555));
    // And such a tree can be removed again.
    drop(rootfs);
    let image = bench.store.list().unwrap().remove(0);
    bench.store.remove(&image).unwrap();
    assert_eq!(bench.store.prune().unwrap().rootfs.len(), 1);
    assert_eq!(std::fs::read_dir(bench.store.root().join("rootfs")).unwrap().count(), 0);
}

#[test]
fn modes_times_and_the_root_s_own_entry_are_kept() {
    let layer = tar().dir_mode("./", 0o711).file_mode("f", b"", 0o640).dir_mode("d", 0o750);
    let bench = Bench::new();
    let rootfs = bench.unpack(&[layer]).unwrap();
    let look = |name: &str| rootfs.path().join(name).symlink_metadata().unwrap();
    assert_eq!(look(".").mode() & 0o7777, 0o711);
    assert_eq!((look("f").mode() & 0o7777, look("d").mode() & 0o7777), (0o640, 0o750));
    assert_eq!((look("f").mtime(), look("d").mtime()), (1_700_000_000, 1_700_000_000));
    assert_eq!((look("tmp").mode() & 0o7777, look("proc").mode() & 0o7777), (0o1777, 0o755));
}

#[test]
fn owners_are_kept_for_root_and_ignored_for_others() {
    let layer = tar().owner(1000, 50).file("f", b"").dir("d").symlink("l", "f");
    let bench = Bench::new();
    let rootfs = bench.unpack(&[layer]).unwrap();
    let own = std::fs::metadata("/proc/self").unwrap();
    let expected = if own.uid() == 0 { (1000, 50) } else { (own.uid(), own.gid()) };
    for name in ["f", "d", "l"] {
        let found = rootfs.path().join(name).symlink_metadata().unwrap();
        assert_eq!((found.uid(), found.gid()), expected, "{name}");
    }
}

#[test]
fn long_names_large_files_and_sparse_files_arrive_whole() {
    let long = format!("{}/{}", "d".repeat(200), "f".repeat(200));
    let target = "t".repeat(300);
    let big: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let layer = tar()
        .file(&long, b"long")
        .symlink("l", &target)
        .file("big", &big)
        .sparse("s", 1_000_004, 1_000_000, b"tail");
    let bench = Bench::new();
    let rootfs = bench.unpack(&[layer]).unwrap();
    assert_eq!(read(&rootfs, &long), "long");
    assert_eq!(std::fs::read_link(rootfs.path().join("l")).unwrap().to_str(), Some(target.as_str()));
    assert!(std::fs::read(rootfs.path().join("big")).unwrap() == big);
    let sparse = std::fs::read(rootfs.path().join("s")).unwrap();
    assert_eq!((sparse.len(), &sparse[1_000_000..]), (1_000_004, b"tail".as_slice()));
    assert!(sparse[..1_000_000].iter().all(|byte| *byte == 0));
}

#[test]
fn many_layers_end_in_the_right_order() {
    let layers: Vec<_> = (0..100)
        .map(|at| tar().file("last", at.to_string().as_bytes()).file(&format!("f{at}"), b""))
        .collect();
    let bench = Bench::new();
    let rootfs = bench.unpack(&layers).unwrap();
    assert_eq!(read(&rootfs, "last"), "99");
    assert!((0..100).all(|at| is_there(&rootfs.path().join(format!("f{at}")))));
}
