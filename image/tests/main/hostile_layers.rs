//! Layers that want out, or too much: each is refused, and leaves nothing on disk.

use std::os::unix::fs::MetadataExt as _;

use perry_sandbox_image::limits::UnpackLimits;
use perry_sandbox_image::reference::Digest;
use perry_sandbox_testkit::layout::{Compression, Content, image};
use perry_sandbox_testkit::tarball::Tarball;
use serde_json::json;

use crate::bench::{Bench, is_there, read};

fn tar() -> Tarball {
    Tarball::new()
}

#[test]
fn a_name_with_two_dots_is_refused() {
    let bench = Bench::new();
    bench.refuses(&[tar().file("../../canary", b"evil")], "a `..`");
    bench.refuses(&[tar().file("a/../../../canary", b"evil")], "a `..`");
    bench.refuses(&[tar().dir("a/..")], "a `..`");
}

#[test]
fn an_absolute_name_is_refused() {
    let bench = Bench::new();
    let path = bench.canary();
    bench.refuses(&[tar().file(path.to_str().unwrap(), b"evil")], "absolute");
}

#[test]
fn a_name_with_a_zero_byte_is_refused() {
    let path: &[(&str, &[u8])] = &[("path", b"etc/passwd\0x")];
    Bench::new().refuses(&[tar().extensions(path).file("x", b"evil")], "zero byte");
    let link: &[(&str, &[u8])] = &[("linkpath", b"a\0b")];
    Bench::new().refuses(&[tar().extensions(link).symlink("x", "y")], "zero byte");
}

#[test]
fn overlong_and_overdeep_names_are_refused() {
    let bench = Bench::new();
    bench.refuses(&[tar().file(&"n".repeat(256), b"")], "too long");
    bench.refuses(&[tar().file(&"abc/".repeat(1100), b"")], "too long");
    bench.refuses(&[tar().file(&"d/".repeat(200), b"")], "too many components");
    bench.refuses(&[tar().symlink("l", &"t".repeat(5000))], "too long");
}

#[test]
fn writing_through_a_symlink_of_the_same_layer_is_refused() {
    let bench = Bench::new();
    let outside = bench.dir.path().to_str().unwrap().to_owned();
    bench.refuses(&[tar().symlink("a", &outside).file("a/canary", b"evil")], "symbolic link");
    bench.refuses(&[tar().symlink("a", "../../../../..").file("a/canary", b"evil")], "symbolic link");
    bench.refuses(&[tar().dir("b").symlink("a", "b").file("a/x", b"evil")], "symbolic link");
}

#[test]
fn writing_through_a_chain_of_symlinks_is_refused() {
    let bench = Bench::new();
    let outside = bench.dir.path().to_str().unwrap().to_owned();
    let chain = tar().symlink("c", &outside).symlink("b", "c").symlink("a", "b").file("a/canary", b"evil");
    bench.refuses(&[chain], "symbolic link");
}

#[test]
fn writing_through_a_symlink_of_a_lower_layer_is_refused() {
    let bench = Bench::new();
    let outside = bench.dir.path().to_str().unwrap().to_owned();
    bench.refuses(&[tar().symlink("a", &outside), tar().file("a/canary", b"evil")], "symbolic link");
    bench.refuses(&[tar().dir("d").symlink("d/a", &outside), tar().file("d/a/canary", b"")], "symbolic link");
}

#[test]
fn hiding_through_a_symlink_of_a_lower_layer_is_refused() {
    let bench = Bench::new();
    let outside = bench.dir.path().to_str().unwrap().to_owned();
    bench.refuses(&[tar().symlink("a", &outside), tar().empty("a/.wh.canary")], "symbolic link");
    bench.refuses(&[tar().symlink("a", &outside), tar().empty("a/.wh..wh..opq")], "symbolic link");
}

#[test]
fn a_hard_link_out_of_the_root_is_refused() {
    let bench = Bench::new();
    let path = bench.canary();
    bench.refuses(&[tar().hard_link("x", "../../canary")], "a `..`");
    bench.refuses(&[tar().hard_link("x", path.to_str().unwrap())], "absolute");
    let outside = bench.dir.path().to_str().unwrap().to_owned();
    bench.refuses(&[tar().symlink("a", &outside).hard_link("x", "a/canary")], "symbolic link");
    bench.refuses(&[tar().symlink("a", &outside), tar().hard_link("x", "a/canary")], "symbolic link");
}

#[test]
fn a_hard_link_to_nothing_a_directory_or_itself_is_refused() {
    let bench = Bench::new();
    bench.refuses(&[tar().hard_link("x", "nowhere")], "names no file");
    bench.refuses(&[tar().file("y", b""), tar().hard_link("x", "nowhere")], "names no file");
    bench.refuses(&[tar().dir("d").hard_link("x", "d")], "names no file");
    bench.refuses(&[tar().hard_link("x", "x")], "names no file");
    bench.refuses(&[tar().hard_link("x", "./")], "names no file");
}

#[test]
fn whiteouts_that_name_no_child_are_refused() {
    let bench = Bench::new();
    for name in [".wh..", ".wh...", "a/.wh..", "a/.wh...", ".wh."] {
        bench.refuses(&[tar().file("a/b", b""), tar().empty(name)], "whiteout");
    }
    bench.refuses(&[tar().empty("../.wh..wh..opq")], "a `..`");
    bench.refuses(&[tar().empty("../.wh.canary")], "a `..`");
}

#[test]
fn a_whiteout_that_is_not_an_empty_file_is_refused() {
    let bench = Bench::new();
    bench.refuses(&[tar().dir(".wh.a")], "whiteout");
    bench.refuses(&[tar().symlink(".wh.a", "b")], "whiteout");
    bench.refuses(&[tar().file(".wh.a", b"content")], "whiteout");
    bench.refuses(&[tar().file(".wh.a/b", b"")], "whiteout");
}

#[test]
fn device_nodes_and_pipes_are_refused() {
    let bench = Bench::new();
    bench.refuses(&[tar().entry(b'3', "dev/null", "", 0o666, b"")], "device node");
    bench.refuses(&[tar().entry(b'4', "sda", "", 0o666, b"")], "device node");
    bench.refuses(&[tar().entry(b'3', "overlay-whiteout", "", 0, b"")], "device node");
    bench.refuses(&[tar().entry(b'6', "fifo", "", 0o666, b"")], "named pipe");
    bench.refuses(&[tar().entry(b'V', "volume", "", 0o666, b"")], "kind");
}

#[test]
fn setuid_setgid_and_extended_attributes_never_reach_the_disk() {
    let bench = Bench::new();
    let attributes: &[(&str, &[u8])] = &[
        ("SCHILY.xattr.security.capability", b"\x01\x00\x00\x02\xff\xff\xff\xff"),
        ("SCHILY.xattr.trusted.overlay.opaque", b"y"),
        ("SCHILY.xattr.user.overlay.opaque", b"y"),
        ("SCHILY.xattr.user.note", b"x"),
    ];
    let layer = tar()
        .file_mode("su", b"#!", 0o6755)
        .dir_mode("shared", 0o3777)
        .extensions(attributes)
        .file_mode("cap", b"#!", 0o755);
    let rootfs = bench.unpack(&[layer]).unwrap();
    let mode = |name: &str| rootfs.path().join(name).metadata().unwrap().mode() & 0o7777;
    assert_eq!((mode("su"), mode("shared"), mode("cap")), (0o755, 0o1777, 0o755));
    // Whether an attribute was written cannot be asked without unsafe code; a copy to a place that knows none
    // of them, such as a tar archive with `--xattrs`, shows them.
    let tar = std::process::Command::new("tar")
        .args(["--xattrs", "--xattrs-include=*", "-cf", "-", "-C"])
        .arg(rootfs.path())
        .args(["su", "shared", "cap"])
        .output()
        .unwrap();
    assert!(tar.status.success() && !String::from_utf8_lossy(&tar.stdout).contains("SCHILY.xattr"));
}

#[test]
fn a_gzip_bomb_and_a_zstd_bomb_are_refused() {
    let limits = UnpackLimits { ratio: 100, ratio_grace: 1 << 16, ..UnpackLimits::default() };
    for how in [Compression::Gzip, Compression::Zstd] {
        let bench = Bench::with(limits.clone());
        let error = bench.unpack_packed(&[tar().file("bomb", &vec![0; 2 << 20])], how).unwrap_err();
        bench.check_refused(&error, "bytes for its compressed size");
    }
}

#[test]
fn a_bomb_after_the_end_of_the_archive_is_refused_too() {
    let limits = UnpackLimits { ratio: 100, ratio_grace: 1 << 16, ..UnpackLimits::default() };
    let bench = Bench::with(limits);
    let mut bytes = tar().file("small", b"x").build();
    bytes.extend(vec![0; 2 << 20]);
    let error = bench.unpack_content(&image(&[(bytes, Compression::Gzip)]).0).unwrap_err();
    bench.check_refused(&error, "bytes for its compressed size");
}

#[test]
fn too_many_bytes_over_all_layers_are_refused() {
    let bench = Bench::with(UnpackLimits { bytes: 100_000, ..UnpackLimits::default() });
    let half = tar().file("half", &vec![1; 60_000]);
    bench.refuses(&[half.clone(), half], "more than 100000 bytes");
}

#[test]
fn too_many_entries_over_all_layers_are_refused() {
    let bench = Bench::with(UnpackLimits { entries: 100, ..UnpackLimits::default() });
    let many = |prefix: &str| (0..60).fold(tar(), |tar, at| tar.empty(&format!("{prefix}{at}")));
    bench.refuses(&[many("a"), many("b")], "more than 100 entries");
    let dotted = (0..200).fold(tar(), |tar, _| tar.dir("./"));
    bench.refuses(&[dotted], "more than 100 entries");
}

#[test]
fn a_sparse_giant_is_refused() {
    let bench = Bench::new();
    let end = (1 << 32) - 4;
    bench.refuses(&[tar().sparse("giant", 1 << 32, end, b"tail")], "bytes for its compressed size");
    bench.refuses(&[tar().sparse("lie", 3, 0, b"tail")], "sparse map");
    let bench = Bench::with(UnpackLimits { bytes: 1 << 20, ..UnpackLimits::default() });
    let end = (1 << 30) - 4;
    bench.refuses(&[tar().sparse("giant", 1 << 30, end, b"tail")], "bytes");
}

#[test]
fn too_many_layers_are_refused() {
    let layers: Vec<_> =
        (0..129).map(|at| (tar().empty(&format!("f{at}")).build(), Compression::None)).collect();
    let (content, _) = image(&layers);
    let memory = content.memory(None);
    let wanted = perry_sandbox_image::Wanted::Tag("v1".to_owned());
    let error =
        perry_sandbox_image::resolve(&memory, &wanted, &perry_sandbox_image::reference::Platform::host());
    assert!(error.unwrap_err().to_string().contains("more than 128"));
}

#[test]
fn of_two_entries_with_one_name_the_last_counts() {
    let bench = Bench::new();
    let layer = tar()
        .file("a", b"first")
        .file("a", b"second")
        .symlink("b", "/etc/passwd")
        .file("b", b"not through the link")
        .file("c", b"c")
        .hard_link("d", "c")
        .file("d", b"d alone");
    let rootfs = bench.unpack(&[layer]).unwrap();
    assert_eq!(read(&rootfs, "a"), "second");
    assert_eq!(read(&rootfs, "b"), "not through the link");
    assert_eq!((read(&rootfs, "c"), read(&rootfs, "d")), ("c".to_owned(), "d alone".to_owned()));
}

#[test]
fn a_directory_that_becomes_a_file_in_one_layer_is_refused() {
    let bench = Bench::new();
    bench.refuses(&[tar().dir("a").file("a", b"")], "of this name");
    bench.refuses(&[tar().file("a", b"").dir("a")], "of this name");
    bench.refuses(&[tar().file("a", b"").file("a/b", b"")], "not a directory");
    bench.refuses(&[tar().file("a", b""), tar().file("a/b", b"")], "not a directory");
    bench.refuses(&[tar().file("./", b"x")], "");
}

#[test]
fn names_that_differ_in_case_are_two_files() {
    let bench = Bench::new();
    let rootfs = bench.unpack(&[tar().file("A", b"1").file("a", b"2")]).unwrap();
    assert_eq!((read(&rootfs, "A"), read(&rootfs, "a")), ("1".to_owned(), "2".to_owned()));
}

#[test]
fn mount_points_that_are_links_or_files_are_refused() {
    let bench = Bench::new();
    for name in ["proc", "dev", "sys", "tmp", "run", "etc"] {
        bench.refuses(&[tar().symlink(name, "/")], "where the sandbox needs a directory");
        bench.refuses(&[tar().file(name, b"")], "where the sandbox needs a directory");
    }
}

#[test]
fn a_hidden_mount_point_is_there_again() {
    let bench = Bench::new();
    let hide = tar().empty(".wh.proc").empty(".wh.tmp").empty("dev/.wh..wh..opq");
    let rootfs = bench.unpack(&[tar().file("proc/x", b"").dir("tmp").file("dev/y", b""), hide]).unwrap();
    for name in ["proc", "tmp", "dev", "sys", "run", "etc"] {
        assert!(rootfs.path().join(name).symlink_metadata().unwrap().is_dir(), "{name}");
    }
    assert!(!is_there(&rootfs.path().join("proc/x")) && !is_there(&rootfs.path().join("dev/y")));
}

#[test]
fn owners_out_of_range_are_refused() {
    let bench = Bench::new();
    bench.refuses(&[tar().owner(u64::from(u32::MAX), 0).file("a", b"")], "out of range");
    bench.refuses(&[tar().owner(0, 1 << 40).file("a", b"")], "out of range");
}

#[test]
fn a_layer_that_is_not_what_the_config_names_is_refused() {
    let bench = Bench::new();
    let (mut content, _) = image(&[(tar().file("a", b"honest").build(), Compression::Gzip)]);
    // The same manifest shape, but the layer unpacks to something that the config does not name.
    let other = content.described(
        Compression::Gzip.media_type(),
        Compression::Gzip.pack(&tar().file("a", b"other").build()),
    );
    let config =
        content.image(&[(tar().file("a", b"honest").build(), Compression::Gzip)], &host(), &json!({}));
    let digest = perry_sandbox_testkit::layout::digest_of(&config);
    let mut body: serde_json::Value = serde_json::from_slice(&content.blobs[&digest]).unwrap();
    body["layers"] = json!([other]);
    let lie = content.manifest("application/vnd.oci.image.manifest.v1+json", &body);
    content.tag("v1", &lie);
    let error = bench.unpack_content(&content).unwrap_err();
    bench.check_refused(&error, "but the image config says");
}

fn host() -> perry_sandbox_image::reference::Platform {
    perry_sandbox_image::reference::Platform::host()
}

/// One change to a layer's bytes.
type Flip = fn(&mut Vec<u8>);

#[test]
fn a_layer_whose_bytes_or_size_lie_is_refused() {
    let bench = Bench::new();
    let (honest, _) = image(&[(tar().file("a", b"honest").build(), Compression::Gzip)]);
    let is_layer = |bytes: &[u8]| bytes.starts_with(&[0x1f, 0x8b]);
    let layer: Digest = honest.blobs.iter().find(|(_, bytes)| is_layer(bytes)).unwrap().0.clone();
    let flips: [(&str, Flip); 3] = [
        ("hash to", |bytes| *bytes.last_mut().unwrap() ^= 1),
        ("only", |bytes| bytes.truncate(bytes.len() - 1)),
        ("there are more", |bytes| bytes.push(0)),
    ];
    for (words, flip) in flips {
        let mut content: Content = honest.clone();
        flip(content.blobs.get_mut(&layer).unwrap());
        let error = bench.unpack_content(&content).unwrap_err();
        bench.check_refused(&error, words);
    }
}

#[test]
fn a_truncated_archive_and_trailing_bytes_are_refused() {
    let bench = Bench::new();
    let whole = tar().file("a", &[7; 3000]).build();
    let cut = whole[..1500].to_vec();
    let error = bench.unpack_content(&image(&[(cut, Compression::Gzip)]).0).unwrap_err();
    bench.check_refused(&error, "cut off");
    let mut content = image(&[(whole.clone(), Compression::Gzip)]).0;
    let mut packed = Compression::Gzip.pack(&whole);
    packed.extend_from_slice(b"trailing");
    let layer = content.described(Compression::Gzip.media_type(), packed);
    retarget(&mut content, &layer);
    let error = bench.unpack_content(&content).unwrap_err();
    bench.check_refused(&error, "not a tar archive");
}

/// Makes `v1` an image with the same config and another layer.
fn retarget(content: &mut Content, layer: &serde_json::Value) {
    let digest = content.tags["v1"].clone();
    let mut body: serde_json::Value = serde_json::from_slice(&content.blobs[&digest]).unwrap();
    body["layers"] = json!([layer]);
    let manifest = content.manifest("application/vnd.oci.image.manifest.v1+json", &body);
    content.tag("v1", &manifest);
}

#[test]
fn foreign_and_unknown_layers_are_refused_before_anything_is_fetched() {
    let bench = Bench::new();
    for kind in [
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "application/octet-stream",
    ] {
        let mut content = image(&[(tar().build(), Compression::Gzip)]).0;
        let layer = content.described(kind, Compression::Gzip.pack(&tar().build()));
        retarget(&mut content, &layer);
        let error = bench.unpack_content(&content).unwrap_err();
        bench.check_refused(&error, "only tar, tar+gzip and tar+zstd");
    }
}

#[test]
fn a_gzip_layer_in_several_members_is_hashed_as_a_whole() {
    let bench = Bench::new();
    let whole = tar().file("a", &[7; 3000]).build();
    let (first, second) = whole.split_at(1000);
    let packed = [Compression::Gzip.pack(first), Compression::Gzip.pack(second)].concat();
    let mut content = image(&[(whole.clone(), Compression::Gzip)]).0;
    let layer = content.described(Compression::Gzip.media_type(), packed);
    retarget(&mut content, &layer);
    let rootfs = bench.unpack_content(&content).unwrap();
    assert_eq!(std::fs::read(rootfs.path().join("a")).unwrap(), [7; 3000]);
}

#[test]
fn a_zstd_window_over_32_mib_is_refused() {
    let bench = Bench::new();
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(26).unwrap();
    let whole = tar().file("a", &[7; 3000]).build();
    std::io::Write::write_all(&mut encoder, &whole).unwrap();
    let packed = encoder.finish().unwrap();
    let mut content = image(&[(whole, Compression::Zstd)]).0;
    let layer = content.described(Compression::Zstd.media_type(), packed);
    retarget(&mut content, &layer);
    let error = bench.unpack_content(&content).unwrap_err();
    bench.check_refused(&error, "a window of 67108864 bytes, and 33554432 are allowed");
}
