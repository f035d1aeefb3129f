//! What a hostile program tries in a whole sandbox; what it finds when a defence is taken out is in `defences`.

use std::fs;
use std::process::Command;

use perry_sandbox_profiles::{Arch, SeccompProfile, bpf};
use perry_sandbox_testkit::{again_as_ordinary, checker, is_root};

use super::super::settings::Settings;
use super::super::steps::Step;
use super::defences::{Cut, assault};
use super::rootfs::{busybox, settings};
use super::*;
use crate::outcome::{End, Limit};

pub(super) fn root_with_checker() -> Option<tempfile::TempDir> {
    let root = busybox();
    fs::copy(checker()?, root.path().join("bin/checker")).unwrap();
    Some(root)
}

/// The steps of a sandbox in a busybox root.
pub(super) fn spec_of(settings: &Settings) -> Spec {
    let root = busybox();
    let ground = Ground::survey(settings, &root_folder(root.path()), None).unwrap();
    Spec::assemble(settings, &ground).unwrap()
}

#[test]
fn the_checker_finds_nothing_open() {
    let Some(verdicts) = assault(&[]) else { return };
    assert!(verdicts.open.is_empty(), "{:#?}", verdicts.open);
    eprintln!("{} checks held, 0 open, as user {}", verdicts.held.len(), nix::unistd::geteuid());
}

#[test]
fn the_checker_finds_nothing_open_under_the_minimal_profile() {
    let put = Cut::Settings(|settings| {
        let profile = SeccompProfile::builtin("perry-minimal").unwrap();
        let words = bpf::compile(profile, Arch::host().unwrap()).unwrap().to_bytes();
        settings.filter = words.chunks(8).map(|word| u64::from_ne_bytes(word.try_into().unwrap())).collect();
    });
    let Some(verdicts) = assault(&[put]) else { return };
    assert!(verdicts.open.is_empty(), "{:#?}", verdicts.open);
}

#[test]
fn memory_of_several_processes_is_held() {
    let Some(root) = root_with_checker() else { return };
    let mut settings = settings(&["/bin/checker"]);
    settings.argv.push(format!("memory={}", 64 << 20));
    settings.limits.memory = 64 << 20;
    settings.limits.output = 1 << 20;
    let finished = sandbox_in(root.path(), &settings, Streams::captured(), None).unwrap();
    let text = String::from_utf8_lossy(&finished.stdout).into_owned();
    let killed = finished.limit == Some(Limit::Memory);
    assert!(killed || text.contains("ok memory-sum"), "{:?} {text}", finished.end);
}

#[test]
fn an_ordinary_user_is_held_as_well() {
    if checker().is_some() {
        let text = again_as_ordinary("native::tests::attacks::the_checker_finds_nothing_open");
        assert!(!is_root() || text.contains("0 open, as user 1337"), "{text}");
    }
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

#[test]
fn landlock_keeps_abstract_sockets_apart_without_a_network_namespace() {
    if !super::super::landlock::scopes(super::super::landlock::abi()) {
        perry_sandbox_testkit::skip("this kernel's Landlock has no scopes");
        return;
    }
    let loopback = Cut::Without(|step| matches!(step, Step::LoopbackUp));
    let Some(verdicts) = assault(&[Cut::Namespace(libc::CLONE_NEWNET), loopback]) else { return };
    let names = verdicts.open_names();
    assert!(names.contains("host-loopback") && !names.contains("host-abstract-socket"), "{names:?}");
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
        let mount =
            HostFolder { inside: path.to_owned(), ..HostFolder::in_place("/var/tmp", MountAccess::Read) };
        let error = refused(&|settings| settings.mounts = vec![mount.clone()]);
        assert!(error.contains("cannot be used as a folder inside"), "{path}: {error}");
    }
    let error = refused(&|settings| settings.argv = vec!["a\0b".to_owned()]);
    assert!(error.contains("NUL"), "{error}");
    assert!(refused(&|settings| settings.argv = Vec::new()).contains("no program"));
}
