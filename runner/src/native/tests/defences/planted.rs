//! An image with things that it should not ship.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use perry_sandbox_testkit::tarball::Tarball;
use tempfile::TempDir;

use super::super::rootfs::busybox;

/// The image's tree, and what it was before.
pub(super) struct Planted {
    root: TempDir,
    before: BTreeMap<PathBuf, Vec<u8>>,
}

impl Planted {
    pub(super) fn new(checker: &Path) -> Self {
        let root = busybox();
        plant(root.path(), checker);
        let before = contents(root.path());
        Self { root, before }
    }

    pub(super) fn root(&self) -> &Path {
        self.root.path()
    }

    /// Whether every byte of the image is what it was, as the host sees it (CVE-2022-0847).
    pub(super) fn is_unchanged(&self) -> bool {
        contents(self.root.path()) == self.before
    }
}

/// What nobody should find in an image.
fn plant(root: &Path, checker: &Path) {
    let bin = root.join("bin");
    fs::copy(checker, bin.join("checker")).unwrap();
    let link = |target: &str, path: &str| symlink(target, root.join(path)).unwrap();
    link("/proc/sys/kernel/core_pattern", "dev/null");
    link("/etc/passwd", "dev/console");
    fs::write(root.join("dev/mem"), "memory").unwrap();
    fs::write(root.join("dev/zero"), "not zero").unwrap();
    fs::write(root.join("dev/urandom"), "not random").unwrap();
    fs::create_dir_all(root.join("proc/self/attr")).unwrap();
    fs::write(root.join("proc/self/attr/exec"), "fake").unwrap();
    fs::create_dir(root.join("dev/shm")).unwrap();
    let program = fs::read(checker).unwrap();
    // Version 2 of the attribute, effective: CAP_NET_RAW and CAP_SYS_ADMIN.
    let caps: [u32; 5] = [0x0200_0001, 1 << 13 | 1 << 21, 0, 0, 0];
    let caps: Vec<u8> = caps.into_iter().flat_map(u32::to_le_bytes).collect();
    let attribute: &[(&str, &[u8])] = &[("SCHILY.xattr.security.capability", &caps)];
    let mut layer = Tarball::new().file_mode("bin/checker-setuid", &program, 0o4755).file_mode(
        "bin/checker-setgid",
        &program,
        0o2755,
    );
    if nix::unistd::geteuid().is_root() {
        layer = layer.extensions(attribute).file_mode("bin/checker-caps", &program, 0o755);
        for (name, kind, numbers) in
            [("planted-device", "c", ["1", "5"]), ("planted-block", "b", ["7", "200"])]
        {
            let mut mknod = Command::new("mknod");
            mknod.args(["-m", "666"]).arg(root.join(name)).arg(kind).args(numbers);
            assert!(mknod.status().unwrap().success());
        }
    }
    unpack(&layer.build(), root);
}

/// As a careless unpacker would: with set-id bits, devices and attributes.
fn unpack(layer: &[u8], root: &Path) {
    let mut tar = Command::new("tar")
        .args(["--xattrs", "--xattrs-include=*", "-xpf", "-", "-C"])
        .arg(root)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut tar.stdin.take().unwrap(), layer).unwrap();
    assert!(tar.wait().unwrap().success());
}

fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                open.push(entry.path());
            } else if kind.is_file() {
                found.insert(entry.path(), fs::read(entry.path()).unwrap());
            } else {
                found.insert(entry.path(), Vec::new());
            }
        }
    }
    found
}
