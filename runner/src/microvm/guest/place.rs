//! What is mounted, and what the kernel of the guest is told, before there is a program.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::kernel::{
    self, ENOENT, MS_BIND, MS_MOVE, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_PRIVATE, MS_RDONLY, MS_REC,
    MS_REMOUNT, mount,
};
use crate::task::{Numbers, Task};
use crate::{Outcome, std_step, step};

/// The image's tree, as the memory disk has it.
const IMAGE: &str = "/image";
/// The cgroup of the program, in which all limits of the sandbox as a whole are held.
pub(crate) const GROUP: &str = "/groups/sandbox";
/// What `/tmp` and `/dev/shm` are parts of.
pub(crate) const SCRATCH: &str = "/scratch";
const DATA: i64 = MS_NOSUID | MS_NODEV | MS_NOEXEC;

fn folder(path: &str) -> Outcome<()> {
    std_step(&format!("make the folder {path}"), fs::create_dir_all(path))
}

fn write(path: &str, text: &str) -> Outcome<()> {
    std_step(&format!("write {text} to {path}"), fs::write(path, text))
}

/// What has to be there before anything can be said: files of the kernel, and its silence on the port.
pub(crate) fn ground() -> Outcome<()> {
    folder("/proc")?;
    step("mount /proc", mount("proc", "/proc", "proc", DATA, ""))?;
    write("/proc/sys/kernel/printk", "1 1 1 1")
}

/// How many files fit into so many bytes: one for each 4 KiB, and a few more.
fn files(bytes: u64) -> u64 {
    (bytes / 4096).saturating_add(64)
}

/// All that is the same for every process of the guest.
pub(crate) fn machine(task: &Task) -> Outcome<()> {
    let numbers = &task.numbers;
    write("/proc/sys/user/max_user_namespaces", "0")?;
    // More than the plan asks for, where this kernel has it.
    for (name, value) in [
        ("dmesg_restrict", "1"),
        ("kptr_restrict", "2"),
        ("kexec_load_disabled", "1"),
        ("modules_disabled", "1"),
        ("unprivileged_bpf_disabled", "1"),
        ("perf_event_paranoid", "3"),
        ("io_uring_disabled", "2"),
    ] {
        drop(fs::write(format!("/proc/sys/kernel/{name}"), value));
    }
    step("set the host name", kernel::set_hostname("sandbox"))?;
    step("bring the loopback up", kernel::loopback_up())?;
    group(numbers)?;
    folder(SCRATCH)?;
    if numbers.tmp > 0 {
        let options = format!("mode=755,size={},nr_inodes={}", numbers.tmp, files(numbers.tmp));
        step("mount the scratch room", mount("scratch", SCRATCH, "tmpfs", DATA, &options))?;
    }
    for name in ["tmp", "shm"] {
        let path = format!("{SCRATCH}/{name}");
        folder(&path)?;
        open_to_all(&path)?;
    }
    if numbers.ephemeral == 1 { bound_root(numbers.root_room) } else { Ok(()) }
}

fn open_to_all(path: &str) -> Outcome<()> {
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o1777);
    std_step(&format!("open {path} to all"), fs::set_permissions(path, mode))
}

/// The limits of the sandbox as a whole. There is no run without them.
fn group(numbers: &Numbers) -> Outcome<()> {
    folder("/groups")?;
    step("mount the cgroups", mount("groups", "/groups", "cgroup2", DATA, ""))?;
    write("/groups/cgroup.subtree_control", "+memory +pids +cpu")?;
    folder(GROUP)?;
    write(&format!("{GROUP}/memory.max"), &numbers.memory.to_string())?;
    write(&format!("{GROUP}/memory.oom.group"), "1")?;
    write(&format!("{GROUP}/pids.max"), &numbers.pids.to_string())?;
    let quota = numbers.milli_cpu.saturating_mul(100);
    write(&format!("{GROUP}/cpu.max"), &format!("{quota} 100000"))
}

/// Lets the file system of the memory disk grow by so much and no more.
fn bound_root(room: u64) -> Outcome<()> {
    let [size, blocks, free, inodes, free_inodes] = step("look at the root", kernel::room(c"/"))?;
    if blocks == 0 {
        return Err("the root's file system has no size that could be bounded".into());
    }
    let used = blocks.saturating_sub(free).saturating_mul(size);
    let inodes = inodes.saturating_sub(free_inodes).saturating_add(files(room));
    let options = format!("size={},nr_inodes={inodes}", used.saturating_add(room));
    step("bound the root", mount("rootfs", "/", "tmpfs", MS_REMOUNT, &options))
}

/// In the mount namespace of the program: the image with our own /proc, /dev, /sys and /tmp becomes `/`.
pub(crate) fn enter(task: &Task) -> Outcome<()> {
    step("make mounts private", mount("", "/", "", MS_REC | MS_PRIVATE, ""))?;
    bind(IMAGE, IMAGE, if task.numbers.ephemeral == 1 { 0 } else { MS_RDONLY } | MS_NOSUID | MS_NODEV)?;
    let inside = |path: &str| format!("{IMAGE}/{path}");
    step("mount /proc inside", mount("proc", &inside("proc"), "proc", DATA, ""))?;
    let empty = "mode=555,size=4096,nr_inodes=2";
    step("mount /sys inside", mount("empty", &inside("sys"), "tmpfs", DATA | MS_RDONLY, empty))?;
    bind(&format!("{SCRATCH}/tmp"), &inside("tmp"), DATA)?;
    devices(&inside("dev"))?;
    masks(task)?;
    std_step("enter the root", std::env::set_current_dir(IMAGE))?;
    step("move the root", mount(".", "/", "", MS_MOVE, ""))?;
    step("change the root", kernel::chroot(c"."))?;
    std_step("enter the new root", std::env::set_current_dir("/"))
}

fn bind(from: &str, to: &str, flags: i64) -> Outcome<()> {
    step(&format!("bind {from} to {to}"), mount(from, to, "", MS_BIND, ""))?;
    let name = format!("restrict {to}");
    step(&name, mount("", to, "", MS_BIND | MS_REMOUNT | flags, ""))
}

fn devices(dev: &str) -> Outcome<()> {
    let flags = MS_NOSUID | MS_NOEXEC;
    step("mount /dev", mount("dev", dev, "tmpfs", flags, "mode=755,size=65536,nr_inodes=64"))?;
    for (name, minor) in [("null", 3), ("zero", 5), ("full", 7), ("random", 8), ("urandom", 9)] {
        let path = format!("{dev}/{name}");
        kernel::umask(0);
        step(&format!("make {name}"), kernel::make_device(&path, 0o666, (1, minor)))?;
        kernel::umask(0o022);
    }
    for (name, target) in [("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")] {
        let link = symlink(format!("/proc/self/fd{target}"), format!("{dev}/{name}"));
        std_step(&format!("link {name}"), link)?;
    }
    folder(&format!("{dev}/shm"))?;
    bind(&format!("{SCRATCH}/shm"), &format!("{dev}/shm"), DATA)?;
    step("make /dev read-only", mount("", dev, "", MS_REMOUNT | MS_BIND | MS_RDONLY | flags, ""))
}

/// Paths of `/proc` that nobody inside needs. What this kernel lacks needs no cover.
fn masks(task: &Task) -> Outcome<()> {
    let path = |name: &[u8]| format!("{IMAGE}/proc/{}", String::from_utf8_lossy(name));
    for path in task.masked.iter().map(|name| path(name)) {
        let cover = match fs::symlink_metadata(&path) {
            Ok(found) if found.is_dir() => format!("{IMAGE}/sys"),
            Ok(_) => format!("{IMAGE}/dev/null"),
            Err(error) if error.raw_os_error() == Some(ENOENT) => continue,
            Err(error) => return Err(format!("look at {path}: {error}").into()),
        };
        step(&format!("cover {path}"), mount(&cover, &path, "", MS_BIND, ""))?;
    }
    for path in task.read_only.iter().map(|name| path(name)) {
        if Path::new(&path).exists() {
            bind(&path, &path, MS_RDONLY | DATA)?;
        }
    }
    Ok(())
}
