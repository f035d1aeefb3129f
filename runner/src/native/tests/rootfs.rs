//! A small root folder: the static busybox of the example image, so that no machine needs one of its own.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use perry_sandbox_image::{Layout, Silent, Store, Wanted, resolve};
use perry_sandbox_policy::System;
use perry_sandbox_profiles::{Arch, SeccompProfile, bpf, masked_paths, read_only_paths};
use perry_sandbox_reference::Platform;
use tempfile::TempDir;

use super::super::settings::{Bounds, Settings};
use crate::egress::Grants;

/// Debian's static busybox, out of the example image.
pub(super) fn put_busybox(path: &Path) {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    let unpack = || {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/hello/image");
        let layout = Layout::open(&example).unwrap();
        let image = resolve(&layout, &Wanted::Only, &Platform::host()).unwrap();
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::open(&scratch.path().join("store")).unwrap();
        store.pull(&layout, &image, "hello", &Silent).unwrap();
        fs::read(store.rootfs(&image, &Silent).unwrap().path().join("bin/busybox")).unwrap()
    };
    fs::write(path, BYTES.get_or_init(unpack)).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

pub(crate) fn busybox() -> TempDir {
    let root = tempfile::Builder::new()
        .prefix("runner-root")
        .permissions(fs::Permissions::from_mode(0o755))
        .tempdir()
        .unwrap();
    for folder in ["bin", "proc", "dev", "sys", "tmp", "etc", "root"] {
        fs::create_dir(root.path().join(folder)).unwrap();
    }
    put_busybox(&root.path().join("bin/busybox"));
    for applet in [
        "sh", "id", "ls", "cat", "hostname", "true", "sleep", "touch", "echo", "mount", "ps", "yes", "kill",
        "dd", "head", "tty", "stty", "env", "pwd", "mkdir", "rm", "ln", "setsid", "wc", "df", "nproc", "tr",
        "grep",
    ] {
        symlink("busybox", root.path().join("bin").join(applet)).unwrap();
    }
    root
}

pub(super) fn filter() -> Vec<u64> {
    let profile = SeccompProfile::builtin("perry-default").unwrap();
    let program = bpf::compile(profile, Arch::host().unwrap()).unwrap();
    program.to_bytes().chunks(8).map(|word| u64::from_ne_bytes(word.try_into().unwrap())).collect()
}

pub(in super::super) fn bounds() -> Bounds {
    Bounds {
        memory: 256 << 20,
        memory_exact: false,
        milli_cpu: 1000,
        pids: 64,
        wall: Duration::from_secs(30),
        output: 1 << 20,
        disk: 16 << 20,
        open_files: 256,
    }
}

pub(crate) fn settings(argv: &[&str]) -> Settings {
    let below_proc = |path: &str| path.strip_prefix("/proc/").map(str::to_owned);
    Settings {
        argv: argv.iter().map(|part| (*part).to_owned()).collect(),
        env: BTreeMap::from([("PATH".to_owned(), "/bin".to_owned())]),
        cwd: "/".to_owned(),
        uid: 65_534,
        gid: 65_534,
        terminal: false,
        ephemeral: None,
        tmp: 16 << 20,
        memory: Vec::new(),
        filter: filter(),
        linux_caps: 0,
        masked: masked_paths().iter().filter_map(|path| below_proc(path.path())).collect(),
        read_only: read_only_paths().iter().filter_map(|path| below_proc(path.path())).collect(),
        mounts: Vec::new(),
        volumes: Vec::new(),
        networks: Vec::new(),
        resident: None,
        beside: None,
        devices: Vec::new(),
        secrets: Vec::new(),
        files: Vec::new(),
        egress: Grants::default(),
        publish: Vec::new(),
        system: System::default(),
        limits: bounds(),
    }
}
