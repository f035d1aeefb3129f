//! Files: the root, /tmp, /dev, /proc, /sys, and the way out through "..".

use std::ffi::CString;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::process::{Command, Stdio};

use crate::raw::{EACCES, ENOENT, EROFS, call};
use crate::report::Report;

/// Paths of /proc and /sys that tell or change something about the host: reading must give nothing.
const HIDDEN: [&str; 23] = [
    "/proc/kcore",
    "/proc/kmsg",
    "/proc/keys",
    "/proc/key-users",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/kallsyms",
    "/proc/interrupts",
    "/proc/kpagecount",
    "/proc/kpageflags",
    "/proc/sched_debug",
    "/proc/slabinfo",
    "/proc/vmallocinfo",
    "/proc/iomem",
    "/proc/ioports",
    "/proc/config.gz",
    "/proc/cmdline",
    "/proc/version",
    "/proc/modules",
    "/proc/swaps",
    "/proc/mtrr",
    "/proc/latency_stats",
    "/sys/kernel/vmcoreinfo",
];

/// Folders that must be empty or not there.
const EMPTY: [&str; 9] = [
    "/proc/acpi",
    "/proc/scsi",
    "/proc/asound",
    "/proc/driver",
    "/sys/firmware",
    "/sys/kernel/debug",
    "/sys/devices/virtual/powercap",
    "/sys/fs/cgroup",
    "/sys/kernel/security",
];

/// Files that must not open for writing.
const KNOBS: [&str; 17] = [
    "/proc/sysrq-trigger",
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/modprobe",
    "/proc/sys/kernel/hostname",
    "/proc/sys/kernel/randomize_va_space",
    "/proc/sys/vm/overcommit_memory",
    "/proc/sys/vm/drop_caches",
    "/proc/sys/fs/binfmt_misc/register",
    "/proc/sys/fs/protected_symlinks",
    "/proc/sys/net/ipv4/ip_forward",
    "/proc/sys/user/max_user_namespaces",
    "/proc/irq/default_smp_affinity",
    "/sys/kernel/uevent_helper",
    "/sys/fs/cgroup/release_agent",
    "/sys/fs/cgroup/memory/cgroup.procs",
    "/sys/fs/cgroup/cgroup.procs",
    "/sys/power/state",
];

/// All of it.
pub fn check(report: &mut Report, canary: Option<&str>) {
    for path in HIDDEN {
        hidden(report, path);
    }
    for path in EMPTY {
        let count = fs::read_dir(path).map(Iterator::count).unwrap_or(0);
        report.held(&format!("empty-{path}"), count == 0, count);
    }
    for path in KNOBS {
        let answer =
            OpenOptions::new().write(true).open(path).map_err(|error| error.raw_os_error().unwrap_or(0));
        report.held(&format!("write-{path}"), answer.is_err(), format_args!("{:?}", answer.err()));
    }
    let lower = fs::write("/proc/self/oom_score_adj", "-1000");
    report.held("oom-score-lower", lower.is_err(), format_args!("{:?}", lower.err()));
    let user = fs::read_to_string("/proc/sys/user/max_user_namespaces").unwrap_or_default();
    report.held("max-user-namespaces", user.trim() == "0", user.trim());
    root(report);
    tmp(report);
    dev(report);
    way_out(report, canary);
}

/// A masked file is our null device, or is empty, or is not there.
fn hidden(report: &mut Report, path: &str) {
    let Ok(metadata) = fs::metadata(path) else {
        report.held(&format!("hidden-{path}"), true, "not there");
        return;
    };
    let null = metadata.file_type().is_char_device() && metadata.rdev() == 0x103;
    // Some files are read by words of eight bytes only.
    let mut word = [0; 8];
    let read = OpenOptions::new().read(true).open(path).and_then(|mut file| {
        use std::io::Read as _;
        file.read(&mut word)
    });
    let empty = matches!(read, Ok(0) | Err(_));
    report.held(&format!("hidden-{path}"), null || empty, format_args!("null={null} read={read:?}"));
}

fn root(report: &mut Report) {
    let write = fs::write("/checker-was-here", "x").map_err(|error| error.raw_os_error().unwrap_or(0));
    report.held("root-read-only", matches!(write, Err(EROFS)), format_args!("{write:?}"));
    let etc = fs::write("/etc/checker-was-here", "x").map_err(|error| error.raw_os_error().unwrap_or(0));
    report.held("etc-read-only", matches!(etc, Err(EROFS | ENOENT)), format_args!("{etc:?}"));
    for (mount, wanted) in [
        ("/", &["ro", "nosuid", "nodev"][..]),
        ("/tmp", &["nosuid", "nodev", "noexec"]),
        ("/dev/shm", &["nosuid", "nodev", "noexec"]),
        ("/dev", &["ro", "nosuid", "noexec"]),
        ("/proc", &["nosuid", "nodev", "noexec"]),
        ("/proc/sys", &["ro"]),
        ("/proc/bus", &["ro"]),
        ("/proc/fs", &["ro"]),
        ("/proc/irq", &["ro"]),
    ] {
        let text = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let line = text.lines().rev().find(|line| line.split(' ').nth(1) == Some(mount)).unwrap_or("");
        let options = line.split(' ').nth(3).unwrap_or("");
        for want in wanted {
            let held = options.split(',').any(|option| option == *want);
            report.held(&format!("mount-{mount}-{want}"), held, options);
        }
    }
}

fn tmp(report: &mut Report) {
    let path = "/tmp/checker-program";
    let made = fs::copy("/proc/self/exe", path)
        .and_then(|_| fs::set_permissions(path, fs::Permissions::from_mode(0o755)));
    report.held("tmp-writable", made.is_ok(), format_args!("{:?}", made.as_ref().err()));
    let run = Command::new(path).arg("tell=rights").stdout(Stdio::null()).spawn();
    report.held(
        "tmp-noexec",
        run.as_ref().is_err_and(|error| error.raw_os_error() == Some(EACCES)),
        format_args!("{:?}", run.as_ref().err()),
    );
    if let Ok(mut child) = run {
        let _ = child.kill();
        let _ = child.wait();
    }
    let _ = fs::remove_file(path);
}

fn dev(report: &mut Report) {
    let allowed = [
        "null", "zero", "full", "random", "urandom", "fd", "stdin", "stdout", "stderr", "shm", "pts", "ptmx",
        "tty", "console",
    ];
    let names = fs::read_dir("/dev").map(|entries| {
        let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| !allowed.contains(&name.as_str())).collect::<Vec<_>>()
    });
    report.held("dev-minimal", names.as_ref().is_ok_and(Vec::is_empty), format_args!("{names:?}"));
    for (name, folder) in [("tmp", "/tmp"), ("shm", "/dev/shm")] {
        // mknod of 8:1, as a character device and as the first partition of a disk
        for (kind, mode) in [("char", 0o020_666_i64), ("block", 0o060_666)] {
            let path = format!("{folder}/checker-{kind}");
            let text = CString::new(path.as_str()).unwrap_or_default();
            let answer = call(133, &[text.as_ptr() as i64, mode, 0x801]);
            report.held(&format!("mknod-{kind}-in-{name}"), answer.is_err(), format_args!("{answer:?}"));
            let _ = fs::remove_file(path);
        }
    }
    let create = fs::write("/dev/checker", "x");
    report.held("dev-read-only", create.is_err(), format_args!("{:?}", create.err()));
    for (path, number) in [("/dev/null", 0x103_u64), ("/dev/zero", 0x105), ("/dev/urandom", 0x109)] {
        let found = fs::metadata(path).map(|metadata| metadata.rdev());
        report.held(
            &format!("device-{path}"),
            found.as_ref().is_ok_and(|is| *is == number),
            format_args!("{found:?}"),
        );
    }
}

/// Up forty times must end at our own root; a planted descriptor of the old one would not.
fn way_out(report: &mut Report, canary: Option<&str>) {
    let top = "../".repeat(40);
    let same = |path: &str| fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()));
    report.held("dot-dot", same(&top) == same("/"), format_args!("{:?} is {:?}", same(&top), same("/")));
    let cwd = fs::read_link("/proc/self/cwd").unwrap_or_default();
    report.held("cwd-inside", cwd.is_absolute() && same(&cwd.to_string_lossy()).is_some(), cwd.display());
    let Some(canary) = canary.filter(|canary| canary.starts_with('/')) else { return };
    report.held("canary-path", fs::metadata(canary).is_err(), "a path of the host");
    for prefix in ["/proc/1/root", "/proc/self/root", "/proc/1/cwd"] {
        let through = format!("{prefix}{canary}");
        report.held(&format!("canary-through-{prefix}"), fs::metadata(&through).is_err(), through);
    }
}
