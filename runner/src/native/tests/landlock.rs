//! The second wall: it holds when the first is taken out, and is in nobody's way.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use perry_sandbox_testkit::again_as_ordinary;

use super::super::landlock::abi;
use super::super::settings::Settings;
use super::super::steps::{Slot, Step};
use super::changed::{changed, ended};
use super::rootfs::{busybox, settings};
use super::*;

fn has_landlock() -> bool {
    let has = abi() > 0;
    if !has {
        perry_sandbox_testkit::skip("this kernel has no Landlock");
    }
    has
}

fn without_landlock(steps: &mut Vec<Step>) {
    steps.retain(|step| !matches!(step, Step::Confine { .. }));
}

fn shell(line: &str) -> Settings {
    settings(&["/bin/sh", "-c", line])
}

fn folder() -> tempfile::TempDir {
    tempfile::Builder::new().permissions(Permissions::from_mode(0o777)).tempdir_in("/var/tmp").unwrap()
}

#[test]
fn a_read_mount_that_could_be_written_is_not() {
    if !has_landlock() {
        return;
    }
    let (host, root) = (folder(), busybox());
    let path = host.path().display().to_string();
    let settings = Settings {
        mounts: vec![HostFolder::in_place(path.clone(), MountAccess::Read)],
        ..shell(&format!(
            "(echo x > {path}/new && echo written) 2>&1; mkdir {path}/folder 2>/dev/null && echo made"
        ))
    };
    let open = |steps: &mut Vec<Step>| {
        steps.retain(|step| !matches!(step, Step::Restrict { mount: Slot::Host(_), .. }));
    };
    let first = changed(root.path(), &settings, None, |_| {});
    assert!(first.contains("Read-only file system") && !first.contains("written"), "{first}");
    let second = changed(root.path(), &settings, None, open);
    assert!(second.contains("Permission denied") && !second.contains("written"), "{second}");
    let neither = |steps: &mut Vec<Step>| {
        open(steps);
        without_landlock(steps);
    };
    assert_eq!(changed(root.path(), &settings, None, neither), "written\nmade\n");
}

#[test]
fn a_program_of_the_host_is_not_executed_whoever_looked_at_it() {
    if !has_landlock() {
        return;
    }
    let root = busybox();
    // Until exec this is the program that starts the sandbox.
    let settings = settings(&["/proc/self/exe", "--list"]);
    let blind = |steps: &mut Vec<Step>| steps.retain(|step| !matches!(step, Step::CheckProgram { .. }));
    let why = |ended: super::super::supervise::Ended| ended.failed.map(|(_, errno)| errno);
    assert_eq!(why(ended(root.path(), &settings, None, blind).1), Some(libc::EACCES));
    let neither = |steps: &mut Vec<Step>| {
        blind(steps);
        without_landlock(steps);
    };
    // It is executed, or fails for want of its loader in the image.
    assert_ne!(why(ended(root.path(), &settings, None, neither).1), Some(libc::EACCES));
}

#[test]
fn nothing_of_proc_is_written_under_a_read_only_root() {
    if !has_landlock() {
        return;
    }
    let settings = shell("(echo x > /proc/self/comm) 2>/dev/null && echo written; true");
    assert_eq!(changed(busybox().path(), &settings, None, |_| {}), "");
    assert_eq!(changed(busybox().path(), &settings, None, without_landlock), "written\n");
}

/// What programs do, wherever they may.
const WORK: &str = "mkdir /tmp/a /tmp/b && echo x > /tmp/a/f && mv /tmp/a/f /tmp/b/f && ln -s f /tmp/b/l && \
    echo y > /dev/shm/f && echo z > /dev/null && cat /tmp/b/l /dev/shm/f && rm -r /tmp/a /tmp/b && \
    sh -c 'sleep 20' & sleep 0.2; kill $! && echo signalled; wait; echo out";

#[test]
fn what_may_be_done_works_with_it_and_without() {
    let root = busybox();
    for change in [|_: &mut Vec<Step>| {}, without_landlock] {
        let line = format!("{{ {WORK}; }} 2>&1");
        let text = changed(root.path(), &shell(&line), None, change);
        assert!(text.contains("signalled") && text.ends_with("out\n"), "{text}");
    }
    let (host, root) = (folder(), busybox());
    fs::create_dir(host.path().join("deep")).unwrap();
    fs::set_permissions(host.path().join("deep"), Permissions::from_mode(0o777)).unwrap();
    let path = host.path().display().to_string();
    let line = format!("cd {path} && echo w > made && mv made deep/made && cat deep/made && rm deep/made");
    let settings = Settings { mounts: vec![HostFolder::in_place(path, MountAccess::Write)], ..shell(&line) };
    assert_eq!(changed(root.path(), &settings, None, |_| {}), "w\n");
}

#[test]
fn a_writable_root_is_written_and_what_is_written_there_is_executed() {
    let line = "cp /bin/busybox /etc/echo && /etc/echo made && mkdir /new && mv /etc/echo /new/echo && /new/echo moved";
    let mut settings = shell(line);
    settings.ephemeral = Some(8 << 20);
    (settings.uid, settings.gid) = (0, 0);
    assert_eq!(changed(busybox().path(), &settings, None, |_| {}), "made\nmoved\n");
}

#[test]
fn an_ordinary_user_is_held_as_well() {
    for test in [
        "a_read_mount_that_could_be_written_is_not",
        "a_program_of_the_host_is_not_executed_whoever_looked_at_it",
        "nothing_of_proc_is_written_under_a_read_only_root",
        "what_may_be_done_works_with_it_and_without",
        "a_writable_root_is_written_and_what_is_written_there_is_executed",
    ] {
        again_as_ordinary(&format!("native::tests::landlock::{test}"));
    }
}
