//! The checker inside: what a hostile program tries. And what it says when a defence is taken out.

use std::fs;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

use perry_sandbox_profiles::{Arch, SeccompProfile, bpf};

use super::super::settings::Settings;
use super::super::start::start_in;
use super::super::steps::{Slot, Step};
use super::super::supervise::{Company, Counting, supervise};
use super::super::sys::MountAttributes;
use super::rootfs::{busybox, settings};
use super::*;
use crate::outcome::{End, Limit};

/// The checker, built once; nothing where it cannot be.
pub(super) fn checker() -> Option<&'static PathBuf> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    BUILT.get_or_init(build).as_ref()
}

fn build() -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testkit/src/checker");
    let output = std::env::current_exe().ok()?.with_file_name("perry-sandbox-checker");
    let time = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let newest = fs::read_dir(&source).ok()?.flatten().filter_map(|entry| time(&entry.path())).max()?;
    if time(&output).is_some_and(|built: SystemTime| built > newest) {
        return Some(output);
    }
    let early = output.with_extension(std::process::id().to_string());
    let built = Command::new("rustc")
        .args(["--edition", "2024", "-O", "-C", "strip=symbols", "-C", "target-feature=+crt-static", "-o"])
        .arg(&early)
        .arg(source.join("main.rs"))
        .status();
    if !built.is_ok_and(|status| status.success()) {
        perry_sandbox_testkit::skip("no static checker (rustc, and a static C library)");
        return None;
    }
    fs::rename(early, &output).ok()?;
    Some(output)
}

/// What the checker said: names of open checks, and how many held.
#[derive(Debug)]
struct Verdicts {
    open: Vec<String>,
    ok: usize,
}

impl Verdicts {
    fn read(output: &[u8]) -> Self {
        let text = String::from_utf8_lossy(output);
        let open = text.lines().filter(|line| line.starts_with("open ")).map(str::to_owned).collect();
        Self { open, ok: text.lines().filter(|line| line.starts_with("ok ")).count() }
    }

    fn names(&self) -> Vec<&str> {
        self.open.iter().filter_map(|line| line.split(' ').nth(1)).collect()
    }
}

pub(super) fn root_with_checker() -> Option<tempfile::TempDir> {
    let root = busybox();
    fs::copy(checker()?, root.path().join("bin/checker")).unwrap();
    Some(root)
}

/// Settings of a run of the checker, and what on the host it must not reach.
fn attack(root: &Path) -> (Settings, TcpListener, UnixListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let name = format!("perry-sandbox-{}", listener.local_addr().unwrap().port());
    let socket = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let canary = format!("canary={}", root.display());
    let port = format!("port={}", listener.local_addr().unwrap().port());
    let mut settings = settings(&["/bin/checker", &canary, &port, &format!("abstract={name}"), "pids=64"]);
    settings.argv.retain(|argument| !argument.starts_with("canary=") || !root.as_os_str().is_empty());
    (settings, listener, socket)
}

/// The steps of a sandbox in a busybox root.
pub(super) fn spec_of(settings: &Settings) -> Spec {
    let root = busybox();
    let ground = Ground::survey(settings, &root_folder(root.path()), None).unwrap();
    Spec::assemble(settings, &ground).unwrap()
}

/// Runs the checker with steps that a test has changed.
fn verdicts_of(namespaces: Option<i32>, change: impl Fn(&mut Vec<Step>)) -> Option<Verdicts> {
    let root = root_with_checker()?;
    let (settings, _listener, _socket) = attack(root.path());
    let folder = root_folder(root.path());
    let mut spec = Spec::assemble(&settings, &Ground::survey(&settings, &folder, None).unwrap()).unwrap();
    change(&mut spec.steps);
    let (mut running, given) =
        super::super::run::connect(&settings, &folder, Streams::captured(), (24, 80)).unwrap();
    let child = match namespaces {
        Some(namespaces) => start_in(&spec, given, |_| Ok(()), namespaces),
        None => super::super::start::start(&spec, given, |_| Ok(())),
    };
    let child = child.unwrap();
    running.process = Some((child.pid, child.pidfd));
    let ended =
        supervise(running, &settings.limits, None, Company { counting: Counting::Us, observer: None })
            .unwrap();
    assert_eq!(
        ended.failed,
        None,
        "{:?}",
        ended.failed.map(|(step, _)| spec.steps.get(usize::try_from(step).unwrap()))
    );
    let verdicts = Verdicts::read(&ended.stdout);
    assert!(verdicts.ok > 100, "{ended:?} {}", String::from_utf8_lossy(&ended.stderr));
    Some(verdicts)
}

#[test]
fn the_checker_finds_nothing_open() {
    let Some(verdicts) = verdicts_of(None, |_| {}) else { return };
    assert_eq!(verdicts.open, Vec::<String>::new(), "{} held", verdicts.ok);
    eprintln!("{} checks held, 0 open, as user {}", verdicts.ok, nix::unistd::geteuid());
}

#[test]
fn the_checker_finds_nothing_open_under_the_minimal_profile() {
    let profile = SeccompProfile::builtin("perry-minimal").unwrap();
    let words = bpf::compile(profile, Arch::host().unwrap()).unwrap().to_bytes();
    let program: Vec<u64> =
        words.chunks(8).map(|word| u64::from_ne_bytes(word.try_into().unwrap())).collect();
    let put = |steps: &mut Vec<Step>| {
        for step in steps {
            if matches!(step, Step::Filter { .. }) {
                *step = Step::Filter { program: program.clone() };
            }
        }
    };
    let Some(verdicts) = verdicts_of(None, put) else { return };
    assert_eq!(verdicts.open, Vec::<String>::new(), "{} held", verdicts.ok);
}

#[test]
fn memory_of_several_processes_is_held() {
    let Some(root) = root_with_checker() else { return };
    let (mut settings, _listener, _socket) = attack(root.path());
    settings.argv.push(format!("memory={}", 64 << 20));
    settings.limits.memory = 64 << 20;
    settings.limits.output = 1 << 20;
    let finished = sandbox_in(root.path(), &settings, Streams::captured(), None).unwrap();
    let text = String::from_utf8_lossy(&finished.stdout).into_owned();
    let killed = finished.limit == Some(Limit::Memory);
    assert!(killed || text.contains("ok memory-sum"), "{:?} {text}", finished.end);
}

/// As an ordinary user, from a copy of this program: only root can try both in one run.
#[test]
fn an_ordinary_user_is_held_as_well() {
    if !nix::unistd::geteuid().is_root() || checker().is_none() {
        return;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "native::tests::attacks::the_checker_finds_nothing_open", "--nocapture"])
        .uid(1000)
        .gid(1000)
        // From the host's root: what is mounted on a folder of the runner must not matter.
        .current_dir("/")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && text.contains("0 open, as user 1000"), "{text}");
}

#[test]
fn the_runners_own_folder_does_not_matter() {
    let Some(_) = checker() else { return };
    for folder in ["/", "/tmp", "/proc", "/dev"] {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "native::tests::attacks::the_checker_finds_nothing_open", "--nocapture"])
            .current_dir(folder)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && text.contains("0 open"), "from {folder}: {text}");
    }
}

/// Takes a defence out and sees the check for it go red.
fn without(namespaces: Option<i32>, change: impl Fn(&mut Vec<Step>), expected: &[&str]) {
    let Some(verdicts) = verdicts_of(namespaces, change) else { return };
    let names = verdicts.names();
    for name in expected {
        assert!(names.contains(name), "{name} stayed green without its defence; open: {names:?}");
    }
}

#[test]
fn control_without_seccomp() {
    let calls =
        ["seccomp-mode", "call-keyctl", "ioctl-tiocsti", "abi-int80", "socket-vsock", "call-io-uring-setup"];
    without(None, |steps| steps.retain(|step| !matches!(step, Step::Filter { .. })), &calls);
}

#[test]
fn control_without_a_network_namespace() {
    let all = libc::CLONE_NEWUSER
        | libc::CLONE_NEWNS
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUTS;
    // Landlock as well: it keeps abstract sockets apart by itself.
    let gone = |step: &Step| matches!(step, Step::LoopbackUp | Step::Confine { .. });
    let keep = |steps: &mut Vec<Step>| steps.retain(|step| !gone(step));
    without(Some(all), keep, &["host-loopback", "host-abstract-socket"]);
}

#[test]
fn landlock_keeps_abstract_sockets_apart_without_a_network_namespace() {
    if !super::super::landlock::scopes(super::super::landlock::abi()) {
        perry_sandbox_testkit::skip("this kernel's Landlock has no scopes");
        return;
    }
    let all = libc::CLONE_NEWUSER
        | libc::CLONE_NEWNS
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUTS;
    let keep = |steps: &mut Vec<Step>| steps.retain(|step| !matches!(step, Step::LoopbackUp));
    let Some(verdicts) = verdicts_of(Some(all), keep) else { return };
    let names = verdicts.names();
    assert!(names.contains(&"host-loopback") && !names.contains(&"host-abstract-socket"), "{names:?}");
}

#[test]
fn control_with_caps() {
    let gone =
        |step: &Step| matches!(step, Step::DropBounding { .. } | Step::Caps { .. } | Step::LockSecureBits);
    without(None, |steps| steps.retain(|step| !gone(step)), &["caps-CapBnd", "secure-bits-locked"]);
}

#[test]
fn control_with_a_writable_root() {
    let Some(root) = root_with_checker() else { return };
    let (mut settings, _listener, _socket) = attack(root.path());
    settings.ephemeral = Some(0);
    let finished = sandbox_in(root.path(), &settings, Streams::captured(), None).unwrap();
    let verdicts = Verdicts::read(&finished.stdout);
    let names = verdicts.names();
    assert!(names.contains(&"mount-/-ro") && names.contains(&"root-read-only"), "{names:?}");
}

#[test]
fn control_without_masks() {
    let names = ["hidden-/proc/kallsyms", "hidden-/proc/interrupts", "hidden-/proc/version"];
    without(None, |steps| steps.retain(|step| !matches!(step, Step::Mask { .. })), &names);
}

#[test]
fn control_with_proc_sys_writable() {
    let gone = |step: &Step| matches!(step, Step::ReadOnly { .. } | Step::WriteProc { .. });
    let names = ["max-user-namespaces", "mount-/proc/sys-ro"];
    without(None, |steps| steps.retain(|step| !gone(step)), &names);
}

#[test]
fn control_without_the_last_steps() {
    // Landlock as well: it asks for no_new_privs.
    let gone = |step: &Step| {
        matches!(step, Step::CloseOnExec | Step::NoNewPrivileges | Step::Confine { .. } | Step::Filter { .. })
    };
    without(None, |steps| steps.retain(|step| !gone(step)), &["no-new-privs"]);
}

#[test]
fn control_with_an_executable_tmp() {
    let open = |steps: &mut Vec<Step>| {
        for step in steps {
            if let Step::AttachPart { attributes, mount: Slot::Scratch, .. } = step {
                *attributes = MountAttributes::Plain;
            }
        }
    };
    without(None, open, &["tmp-noexec", "mount-/tmp-noexec"]);
}

#[test]
fn a_file_that_the_image_owner_alone_may_read_is_read_by_the_image_owner_alone() {
    let root = busybox();
    fs::write(root.path().join("etc/shadow"), "secret").unwrap();
    fs::set_permissions(root.path().join("etc/shadow"), std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .unwrap();
    let line = ["/bin/sh", "-c", "cat /etc/shadow"];
    let mut settings = settings(&line);
    if nix::unistd::geteuid().is_root() {
        let finished = sandbox_in(root.path(), &settings, Streams::captured(), None).unwrap();
        assert!(finished.stdout.is_empty());
    }
    settings.uid = 0;
    settings.gid = 0;
    let finished = sandbox_in(root.path(), &settings, Streams::captured(), None).unwrap();
    assert_eq!((finished.end, finished.stdout.as_slice()), (End::Exited(0), &b"secret"[..]));
}

#[test]
fn a_granted_linux_cap_is_the_only_one_and_reaches_the_program() {
    let mut settings = settings(&["/bin/sh", "-c", "grep ^Cap /proc/self/status"]);
    // NET_BIND_SERVICE
    settings.linux_caps = 1 << 10;
    let text = String::from_utf8(sandbox(&settings).unwrap().stdout).unwrap();
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert!(text.contains(&format!("{set}:\t0000000000000400")), "{text}");
    }
}

#[test]
fn an_image_with_planted_devices_and_proc_files_is_covered() {
    let root = busybox();
    let plant =
        |target: &str, path: &str| std::os::unix::fs::symlink(target, root.path().join(path)).unwrap();
    plant("/proc/sys/kernel/core_pattern", "dev/null");
    plant("/etc/passwd", "dev/console");
    plant("/etc", "dev/shm");
    fs::create_dir_all(root.path().join("proc/self/attr")).unwrap();
    fs::write(root.path().join("proc/self/attr/exec"), "fake").unwrap();
    let line =
        "ls -l /dev/null; ls /dev/console; cat /proc/version | wc -c; echo x > /dev/shm/y && cat /dev/shm/y";
    let settings = settings(&["/bin/sh", "-c", line]);
    let finished = sandbox_in(root.path(), &settings, Streams::captured(), None).unwrap();
    let text = String::from_utf8(finished.stdout).unwrap();
    assert!(text.starts_with("crw-rw-rw-") && text.contains("1,   3"), "{text}");
    assert!(text.ends_with("0\nx\n"), "masked by our null, and /dev/shm is ours: {text}");
    assert!(String::from_utf8(finished.stderr).unwrap().contains("/dev/console"));
}

#[test]
fn what_would_cover_a_defence_is_refused() {
    let refused = |change: &dyn Fn(&mut Settings)| {
        let mut settings = settings(&["/bin/true"]);
        change(&mut settings);
        sandbox(&settings).unwrap_err().to_string()
    };
    for path in ["/", "/proc/self", "/sys/fs", "/dev/pts", "relative", "/a/../proc", "/a//b", "/a/."] {
        let mount = HostFolder { path: path.to_owned(), writable: false, executable: false };
        let error = refused(&|settings| settings.mounts = vec![mount.clone()]);
        assert!(error.contains("cannot be used as a folder inside"), "{path}: {error}");
    }
    let error = refused(&|settings| settings.argv = vec!["a\0b".to_owned()]);
    assert!(error.contains("NUL"), "{error}");
    assert!(refused(&|settings| settings.argv = Vec::new()).contains("no program"));
}
