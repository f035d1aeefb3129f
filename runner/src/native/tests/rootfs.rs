//! A small root folder: Debian's static busybox.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::time::Duration;

use perry_sandbox_profiles::{Arch, SeccompProfile, bpf, masked_paths, read_only_paths};
use tempfile::TempDir;

use super::super::settings::{Bounds, Settings};

pub(super) fn busybox() -> TempDir {
    let root = tempfile::Builder::new()
        .prefix("runner-root")
        .permissions(fs::Permissions::from_mode(0o755))
        .tempdir()
        .unwrap();
    for folder in ["bin", "proc", "dev", "sys", "tmp", "etc", "root"] {
        fs::create_dir(root.path().join(folder)).unwrap();
    }
    fs::copy("/bin/busybox", root.path().join("bin/busybox")).unwrap();
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
    let program = bpf::compile(profile, Arch::X86_64).unwrap();
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

pub(super) fn settings(argv: &[&str]) -> Settings {
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
        filter: filter(),
        linux_caps: 0,
        masked: masked_paths().iter().filter_map(|path| below_proc(path.path())).collect(),
        read_only: read_only_paths().iter().filter_map(|path| below_proc(path.path())).collect(),
        mounts: Vec::new(),
        limits: bounds(),
    }
}
