//! Folders of the host, inside: whose they are, and that no link leads elsewhere.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use perry_sandbox_testkit::{again_as_ordinary, as_root};
use tempfile::TempDir;

use super::super::ground::RootError;
use super::super::owners;
use super::super::settings::Settings;
use super::super::steps::{Slot, Step};
use super::super::sys::MountAttributes;
use super::changed::changed;
use super::rootfs::{busybox, put_busybox, settings};
use super::*;

/// A folder of the host on a file system of the disk, which everybody may enter.
fn host(folder: &str) -> TempDir {
    let host =
        tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir_in(folder).unwrap();
    fs::write(host.path().join("mine"), "x").unwrap();
    fs::set_permissions(host.path().join("mine"), Permissions::from_mode(0o600)).unwrap();
    host
}

fn shows(host: &Path, writable: bool, line: &str) -> Settings {
    let path = host.display().to_string();
    let line = format!("cd {path} && {{ {line}; }} 2>/dev/null");
    Settings {
        mounts: vec![HostFolder::in_place(
            path,
            if writable { MountAccess::Write } else { MountAccess::Read },
        )],
        ..settings(&["/bin/sh", "-c", &line])
    }
}

/// Tries everything that an owner may do.
const OWN: &str = "cat mine && echo; echo y > made && cat made; ls -ln mine";

#[test]
fn the_folders_owner_is_the_sandboxes_user() {
    let host = host("/var/tmp");
    let root = busybox();
    let is_root = nix::unistd::geteuid().is_root();
    for owner in if is_root { vec![0, 1000, 70_000] } else { vec![nix::unistd::geteuid().as_raw()] } {
        if is_root {
            chown(host.path(), Some(owner), Some(owner)).unwrap();
            chown(host.path().join("mine"), Some(owner), Some(owner)).unwrap();
        }
        let text = changed(root.path(), &shows(host.path(), true, OWN), None, |_| {});
        assert!(text.starts_with("x\ny\n") && text.contains(" 65534 "), "{owner}: {text}");
        let made = fs::metadata(host.path().join("made")).unwrap();
        assert_eq!(std::os::unix::fs::MetadataExt::uid(&made), owner, "on the host it is the owner's");
        fs::remove_file(host.path().join("made")).unwrap();
        let text = changed(root.path(), &shows(host.path(), false, OWN), None, |_| {});
        assert!(text.starts_with("x\n") && !text.contains('y'), "read-only: {text}");
    }
}

#[test]
fn an_ordinary_user_gets_the_same() {
    again_as_ordinary("native::tests::mounts::the_folders_owner_is_the_sandboxes_user");
    again_as_ordinary(
        "native::tests::mounts::programs_of_the_host_are_executed_only_where_that_is_granted_and_never_written",
    );
    again_as_ordinary("native::tests::mounts::a_set_id_program_of_the_host_gains_nothing");
    again_as_ordinary("native::tests::mounts::no_link_on_the_way_is_followed_whoever_swaps_it");
}

#[test]
fn as_root_what_belongs_to_somebody_else_stays_out_of_reach() {
    if !as_root() {
        return;
    }
    let host = host("/var/tmp");
    let other = host.path().join("other");
    fs::write(&other, "secret").unwrap();
    chown(&other, Some(1000), Some(1000)).unwrap();
    fs::set_permissions(&other, Permissions::from_mode(0o606)).unwrap();
    let line = "cat other; echo z >> other && echo written; ls -ln other";
    let text = changed(busybox().path(), &shows(host.path(), true, line), None, |_| {});
    // What everybody may read is read; nobody's files are not written, whatever their mode says.
    assert!(text.starts_with("secret") && !text.contains("written") && text.contains(" 65534 "), "{text}");
    fs::set_permissions(&other, Permissions::from_mode(0o600)).unwrap();
    let text = changed(busybox().path(), &shows(host.path(), true, line), None, |_| {});
    assert!(!text.contains("secret"), "{text}");
}

/// Not a test of its own: what the next one does where `/mnt` is an overlay, which cannot map owners.
#[test]
fn on_an_overlay() {
    if !fs::read_to_string("/proc/self/mounts").unwrap().contains(" /mnt overlay ") {
        return;
    }
    let said = owners::describe("/mnt", (65_534, 65_534)).unwrap();
    assert!(said.contains("/mnt: its file system cannot map owners; everything belongs to nobody"), "{said}");
    let text = changed(busybox().path(), &shows(Path::new("/mnt"), true, OWN), None, |_| {});
    assert!(text.starts_with("-rw-------") && !text.contains(" 0 "), "nothing is read or written: {text}");
}

#[test]
fn as_root_a_file_system_that_cannot_map_owners_belongs_to_nobody() {
    if !as_root() {
        return;
    }
    let said = owners::describe("/var/tmp", (65_534, 7)).unwrap();
    assert!(said.contains("what belongs to 0:0 on the host belongs to 65534:7 inside"), "{said}");
    let (host, extra) = (host("/var/tmp"), host("/var/tmp"));
    let line = format!(
        "mount -t overlay overlay -o lowerdir={}:{} /mnt && exec {} --exact native::tests::mounts::on_an_overlay",
        host.path().display(),
        extra.path().display(),
        std::env::current_exe().unwrap().display()
    );
    let output = Command::new("unshare").args(["--mount", "sh", "-c", &line]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.contains("1 passed"), "{text} {output:?}");
}

/// A program of the host in a folder of the host.
fn programs() -> TempDir {
    let host = host("/var/tmp");
    let written = host.path().join("written");
    put_busybox(&written);
    perry_sandbox_testkit::copy_program(&written, &host.path().join("busybox"));
    host
}

fn gives(host: &Path, executable: bool) -> Settings {
    let path = host.display().to_string();
    let line = format!("{path}/busybox echo ran; (echo x > {path}/new) 2>/dev/null && echo written; true");
    let mounts =
        vec![HostFolder::in_place(path, if executable { MountAccess::Execute } else { MountAccess::Read })];
    Settings { mounts, ..settings(&["/bin/sh", "-c", &line]) }
}

#[test]
fn programs_of_the_host_are_executed_only_where_that_is_granted_and_never_written() {
    let (host, root) = (programs(), busybox());
    assert_eq!(changed(root.path(), &gives(host.path(), true), None, |_| {}), "ran\n");
    assert_eq!(changed(root.path(), &gives(host.path(), false), None, |_| {}), "");
    // What refuses it where it is only read.
    let open = |steps: &mut Vec<Step>| {
        for step in steps {
            if let Step::Restrict { mount: Slot::Host(_), attributes, .. } = step {
                *attributes = MountAttributes::ReadOnly;
            }
        }
    };
    assert_eq!(changed(root.path(), &gives(host.path(), false), None, open), "ran\n");
    // What refuses to write where it is executed; Landlock is the second wall.
    let writable = |steps: &mut Vec<Step>| {
        steps.retain(|step| {
            !matches!(step, Step::Restrict { mount: Slot::Host(_), .. } | Step::Confine { .. })
        });
    };
    assert_eq!(changed(root.path(), &gives(host.path(), true), None, writable), "ran\nwritten\n");
}

#[test]
fn a_set_id_program_of_the_host_gains_nothing() {
    let (host, root) = (programs(), busybox());
    fs::set_permissions(host.path().join("busybox"), Permissions::from_mode(0o6755)).unwrap();
    let mut settings = gives(host.path(), true);
    let line = format!("{}/busybox id -u", host.path().display());
    settings.argv = ["/bin/sh", "-c", &line].map(str::to_owned).to_vec();
    assert_eq!(changed(root.path(), &settings, None, |_| {}), "65534\n");
}

#[test]
fn nothing_is_both_written_and_executed() {
    let host = host("/var/tmp");
    fs::create_dir_all(host.path().join("a/b")).unwrap();
    for (exec, write) in [("a", "a"), ("a", "a/b"), ("a/b", "a")] {
        let [exec, write] = [exec, write].map(|path| host.path().join(path).display().to_string());
        let mounts = vec![
            HostFolder::in_place(exec, MountAccess::Execute),
            HostFolder::in_place(write, MountAccess::Write),
        ];
        let error = sandbox(&Settings { mounts, ..settings(&["/bin/true"]) }).unwrap_err().to_string();
        assert!(error.contains("what is written is never executed"), "{error}");
    }
}

/// Puts a link in the place of a folder, and the folder back, until it is told to stop.
fn swap(base: &Path, stop: &AtomicBool) {
    let (place, away) = (base.join("place"), base.join("away"));
    while !stop.load(Ordering::Relaxed) {
        fs::rename(&place, &away).unwrap();
        symlink(base.join("elsewhere"), &place).unwrap();
        fs::remove_file(&place).unwrap();
        fs::rename(&away, &place).unwrap();
    }
}

#[test]
fn no_link_on_the_way_is_followed_whoever_swaps_it() {
    let base = host("/var/tmp");
    let base = base.path();
    for (folder, text) in [("place", "right\n"), ("elsewhere", "canary\n")] {
        fs::create_dir_all(base.join(folder).join("data")).unwrap();
        fs::write(base.join(folder).join("data/file"), text).unwrap();
    }
    let mounted = base.join("place/data");
    let settings = shows(&mounted, false, "cat file");
    let stop = AtomicBool::new(false);
    let (mut right, mut refused) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| swap(base, &stop));
        let begun = Instant::now();
        // Who follows the path sees the other folder: the swapping works.
        while fs::read_to_string(mounted.join("file")).ok().as_deref() != Some("canary\n") {
            assert!(begun.elapsed() < Duration::from_secs(60), "nobody swapped");
        }
        let outputs: Vec<_> = (0..200).map(|_| sandbox(&settings)).collect();
        stop.store(true, Ordering::Relaxed);
        for output in outputs {
            match output {
                Ok(finished) if finished.stdout == b"right\n" => right += 1,
                Ok(finished) => panic!("{:?}", String::from_utf8(finished.stdout)),
                Err(error) => {
                    assert!(
                        matches!(
                            error,
                            RunError::Start(_)
                                | RunError::Setup(_)
                                | RunError::Root(RootError::Source { .. })
                        ),
                        "{error}"
                    );
                    refused += 1;
                }
            }
        }
    });
    assert_eq!(right + refused, 200);
    assert_eq!(sandbox(&settings).unwrap().stdout, b"right\n");
}
