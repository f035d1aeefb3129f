//! The image as an archive: what is in it, what is not, and what is refused.
#![expect(clippy::arithmetic_side_effects, clippy::as_conversions, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::microvm::cpio::{About, Bounds, CpioError, Kind, Totals, Writer};
use crate::microvm::tree::{Owners, TreeError, append};

const PLENTY: Bounds = Bounds { bytes: 1 << 24, entries: 1000 };

/// What an archive says of one name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    inode: u32,
    mode: u32,
    owner: (u32, u32),
    links: u32,
    device: (u32, u32),
    content: Vec<u8>,
}

/// Reads an archive as the kernel does; panics where it would stumble.
fn read(archive: &[u8]) -> Vec<(String, Entry)> {
    let (mut rest, mut entries) = (archive, Vec::new());
    loop {
        let field = |number: usize| {
            let text = std::str::from_utf8(&rest[6 + number * 8..14 + number * 8]).unwrap();
            u32::from_str_radix(text, 16).unwrap()
        };
        assert_eq!(&rest[..6], b"070701");
        let (size, length) = (field(6) as usize, field(11) as usize);
        let name = String::from_utf8_lossy(&rest[110..109 + length]).into_owned();
        assert_eq!(rest[109 + length], 0);
        let start = (110 + length).next_multiple_of(4);
        let content = rest[start..start + size].to_vec();
        let owner = (field(2), field(3));
        let entry = Entry {
            inode: field(0),
            mode: field(1),
            owner,
            links: field(4),
            device: (field(9), field(10)),
            content,
        };
        rest = &rest[(start + size).next_multiple_of(4)..];
        if name == "TRAILER!!!" {
            assert!(rest.is_empty());
            return entries;
        }
        entries.push((name, entry));
    }
}

fn archive(root: &Path, bounds: Bounds) -> Result<(Vec<u8>, Totals), TreeError> {
    let mut writer = Writer::new(Vec::new(), bounds);
    append(File::open(root).unwrap().as_fd(), Owners::One(7, 8), bounds.entries, &mut writer)?;
    Ok(writer.finish()?)
}

fn entries(root: &Path) -> BTreeMap<String, Entry> {
    read(&archive(root, PLENTY).unwrap().0).into_iter().collect()
}

/// A tree with something of every kind.
fn image() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| root.path().join(name);
    fs::create_dir_all(path("bin/deep")).unwrap();
    fs::create_dir(path("proc")).unwrap();
    fs::write(path("proc/planted"), "never seen").unwrap();
    fs::write(path("bin/tool"), "content").unwrap();
    fs::set_permissions(path("bin/tool"), Permissions::from_mode(0o6755)).unwrap();
    fs::hard_link(path("bin/tool"), path("bin/zool")).unwrap();
    fs::write(path("bin/odd"), "").unwrap();
    fs::set_permissions(path("bin/odd"), Permissions::from_mode(0o400)).unwrap();
    symlink("/etc", path("bin/way")).unwrap();
    symlink("/", path("bin/deep/up")).unwrap();
    nix::unistd::mkfifo(&path("pipe"), Mode::S_IRUSR).unwrap();
    drop(std::os::unix::net::UnixListener::bind(path("socket")).unwrap());
    fs::write(path(&"n".repeat(255)), "long").unwrap();
    root
}

#[test]
fn everything_is_there_once_and_in_order() {
    let root = image();
    let (bytes, totals) = archive(root.path(), PLENTY).unwrap();
    let names: Vec<String> = read(&bytes).into_iter().map(|(name, _)| name).collect();
    let long = format!("image/{}", "n".repeat(255));
    let all = [
        "image",
        "image/dev",
        "image/sys",
        "image/tmp",
        "image/bin",
        &long,
        "image/pipe",
        "image/proc",
        "image/bin/deep",
        "image/bin/odd",
        "image/bin/tool",
        "image/bin/way",
        "image/bin/zool",
        "image/bin/deep/up",
    ];
    assert_eq!(names, all, "nothing of what is covered, no socket, and no link was followed");
    assert_eq!(totals.bytes, bytes.len() as u64);
    assert!(totals.entries == 14 && totals.unpacked >= 2 * 4096 + 14 * 1024, "{totals:?}");
    assert_eq!(archive(root.path(), PLENTY).unwrap().0, bytes, "the same tree is the same archive");
}

#[test]
fn modes_links_and_owners_are_kept_and_set_id_bits_are_not() {
    let root = image();
    let entries = entries(root.path());
    let tool = &entries["image/bin/tool"];
    assert_eq!((tool.mode, tool.owner, tool.content.as_slice()), (0o100_755, (7, 8), &b"content"[..]));
    let other = &entries["image/bin/zool"];
    assert_eq!((other.inode, other.links, other.content.len()), (tool.inode, 2, 0), "one file of two names");
    assert_eq!((entries["image/bin/odd"].mode, entries["image/bin/odd"].links), (0o100_400, 1));
    assert_eq!(
        (entries["image/bin/way"].mode, entries["image/bin/way"].content.as_slice()),
        (0o120_777, &b"/etc"[..])
    );
    assert_eq!(entries["image/pipe"].mode, 0o010_400);
    assert_eq!(
        (entries["image/tmp"].mode, entries["image/tmp"].owner),
        (0o040_755, (0, 0)),
        "the image has none"
    );
    let inodes: Vec<u32> =
        entries.values().filter(|entry| entry.links == 1).map(|entry| entry.inode).collect();
    let different: std::collections::BTreeSet<_> = inodes.iter().collect();
    assert_eq!(different.len(), inodes.len());
}

#[test]
fn a_device_of_an_image_is_left_out() {
    let root = image();
    let device = makedev(1, 1);
    if mknod(&root.path().join("mem"), SFlag::S_IFCHR, Mode::S_IRUSR, device).is_err() {
        return perry_sandbox_testkit::skip("only root can make a device");
    }
    assert!(!entries(root.path()).contains_key("image/mem"));
}

#[test]
fn a_folder_that_is_mounted_on_must_be_one() {
    for name in ["dev", "proc", "sys", "tmp"] {
        let root = tempfile::tempdir().unwrap();
        symlink("/etc", root.path().join(name)).unwrap();
        let error = archive(root.path(), PLENTY).unwrap_err().to_string();
        assert!(error.contains("symbolic link on the way to"), "{error}");
        fs::remove_file(root.path().join(name)).unwrap();
        fs::write(root.path().join(name), "").unwrap();
        assert!(archive(root.path(), PLENTY).unwrap_err().to_string().contains("must be a folder"));
    }
}

#[test]
fn bytes_and_files_are_bounded() {
    let root = image();
    let (bytes, totals) = archive(root.path(), PLENTY).unwrap();
    let with = |bytes: u64, entries: u64| archive(root.path(), Bounds { bytes, entries });
    let whole = bytes.len() as u64;
    assert!(with(whole, totals.entries).is_ok());
    let error = with(whole - 1, totals.entries).unwrap_err().to_string();
    assert!(error.contains("use a smaller image"), "{error}");
    assert!(with(whole, totals.entries - 1).is_err());
    for number in 0..50 {
        fs::write(root.path().join(format!("bin/many{number}")), "").unwrap();
    }
    let error = with(whole * 9, 49).unwrap_err().to_string();
    assert!(
        error.contains("cannot put /bin of the image") && error.contains("more than 49 files"),
        "{error}"
    );
}

#[test]
fn what_the_kernel_would_skip_is_refused() {
    let mut writer = Writer::new(Vec::new(), PLENTY);
    let about = About::ours(0o644);
    let name = vec![b'x'; 4096];
    assert!(matches!(writer.add(&name, about, Kind::Folder), Err(CpioError::TooLong(4097))));
    assert!(writer.add(&name[..4095], about, Kind::Folder).is_ok());
    assert!(matches!(writer.add(b"x", about, Kind::Link(&name)), Err(CpioError::TooLong(4096))));
    let short = writer.file(b"x", about, &mut &b"abc"[..], (4, false));
    assert!(matches!(short, Err(CpioError::Changed)));
    let huge = writer.file(b"x", about, &mut &b""[..], (1 << 32, false));
    assert!(matches!(huge, Err(CpioError::TooMuch { .. })));
}

proptest! {
    #[test]
    fn whatever_is_put_in_comes_out(
        files in proptest::collection::btree_map("[a-z/. ]{1,60}", (0..=0o7777_u32, proptest::collection::vec(any::<u8>(), 0..300)), 0..10)
    ) {
        let mut writer = Writer::new(Vec::new(), PLENTY);
        for (name, (mode, content)) in &files {
            let about = About { mode: *mode, owner: (1, 2), modified: 3 };
            writer.file(name.as_bytes(), about, &mut content.as_slice(), (content.len() as u64, false)).unwrap();
        }
        let (bytes, _) = writer.finish().unwrap();
        let found = read(&bytes);
        prop_assert_eq!(found.len(), files.len());
        for ((name, entry), (wanted, (mode, content))) in found.iter().zip(&files) {
            prop_assert_eq!((name, &entry.content), (wanted, content));
            prop_assert_eq!(entry.mode, 0o100_000 | (mode & 0o1777));
        }
    }
}
