//! Devices of the host, inside.

use std::iter;
use std::path::PathBuf;
use std::process::Command;

use perry_sandbox_testkit::{again_as_ordinary, as_root};

use super::super::settings::{HostDevice, Settings};
use super::super::spec::SpecError;
use super::super::steps::{Slot, Step};
use super::super::sys::MountAttributes;
use super::changed::changed;
use super::rootfs::{busybox, settings};
use super::*;

/// `/dev/fuse`, which does nothing until it is mounted.
const FUSE: (u32, u32) = (10, 229);

/// A node of it that everybody may open, as long as this lives; nothing for who may make none.
struct Node(PathBuf);

impl Node {
    fn new() -> Option<Self> {
        let path = PathBuf::from(format!("/dev/perry-sandbox-test-{}", std::process::id()));
        let made = Command::new("mknod").args(["-m", "666"]).arg(&path).args(["c", "10", "229"]).output();
        made.is_ok_and(|made| made.status.success()).then_some(Self(path))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

/// A node in the host's /dev that this user may open.
fn usable() -> Option<String> {
    let names = std::fs::read_dir("/dev").unwrap().flatten().map(|entry| entry.path().display().to_string());
    let mut fuse = iter::once("/dev/fuse".to_owned()).chain(names).filter(|path| {
        let looked = HostDevice::look(path);
        looked.is_ok_and(|found| found.is_some_and(|it| (it.major, it.minor) == FUSE))
    });
    fuse.find(|path| File::options().read(true).write(true).open(path).is_ok())
}

fn asking(path: &str, line: &str) -> Settings {
    let device = HostDevice::look(path).unwrap().unwrap();
    Settings { devices: vec![device], ..settings(&["/bin/sh", "-c", line]) }
}

#[test]
fn a_granted_device_is_opened_and_no_other_is_there() {
    let Some(path) = usable() else {
        perry_sandbox_testkit::skip("no node of /dev/fuse that this user may open");
        return;
    };
    let line = format!("exec 3<>{path} && echo open; ls /dev; grep ' {path} ' /proc/self/mounts");
    let text = changed(busybox().path(), &asking(&path, &line), None, |_| {});
    let name = path.strip_prefix("/dev/").unwrap();
    assert!(text.starts_with("open\n"), "{text}");
    let mut names: Vec<_> = text.lines().skip(1).take_while(|line| !line.contains(' ')).collect();
    names.retain(|seen| *seen != name);
    assert_eq!(
        names,
        ["fd", "full", "null", "random", "shm", "stderr", "stdin", "stdout", "urandom", "zero"]
    );
    assert!(text.contains("ro,nosuid,noexec"), "{text}");
    assert!(!text.contains("nodev,noexec"), "{text}");
    let without = settings(&["/bin/sh", "-c", &line]);
    assert!(!changed(busybox().path(), &without, None, |_| {}).contains("open"));
}

#[test]
fn an_ordinary_user_has_its_own_rights_on_it() {
    if !as_root() {
        return;
    }
    let Some(_node) = Node::new() else {
        perry_sandbox_testkit::skip("no node of a device can be made");
        return;
    };
    again_as_ordinary("native::tests::devices::a_granted_device_is_opened_and_no_other_is_there");
    again_as_ordinary("native::tests::devices::a_device_with_other_numbers_than_it_had_is_not_shown");
}

#[test]
fn as_root_the_node_belongs_to_the_sandboxes_user_whatever_the_host_says() {
    if !as_root() {
        return;
    }
    for uid in [65_534, 100_000] {
        let line = "ls -ln /dev/fuse; exec 3<>/dev/fuse && echo open";
        let settings = Settings { uid, gid: uid, ..asking("/dev/fuse", line) };
        let text = changed(busybox().path(), &settings, None, |_| {});
        assert!(text.starts_with("crw-------") && text.contains(&format!(" {uid} ")), "{text}");
        assert!(text.contains("10, 229") && text.ends_with("open\n"), "{text}");
    }
}

#[test]
fn a_device_with_other_numbers_than_it_had_is_not_shown() {
    let Some(path) = usable() else {
        perry_sandbox_testkit::skip("no node of /dev/fuse that this user may open");
        return;
    };
    let root = busybox();
    let mut swapped = asking(&path, "echo ran");
    // The node was another when the plan was made.
    for device in &mut swapped.devices {
        device.minor += 1;
    }
    let as_made = |steps: &mut Vec<Step>| {
        for step in steps {
            if let Step::Device { minor, major: 10, .. } | Step::GivenDevice { minor, .. } = step {
                *minor = 229;
            }
        }
    };
    if nix::unistd::geteuid().is_root() {
        // Made by the numbers: there is nothing to swap.
        let text = changed(root.path(), &asking(&path, &format!("ls -ln {path}")), None, |_| {});
        assert!(text.contains("10, 229"), "{text}");
    } else {
        let live = tempfile::tempdir().unwrap();
        let nowhere = without_cgroups();
        let place = place(&nowhere, live.path());
        let error = run(&swapped, &root_folder(root.path()), Streams::captured(), None, &place).unwrap_err();
        assert!(error.to_string().contains("show the device"), "{error}");
        assert_eq!(
            changed(root.path(), &swapped, None, as_made),
            "ran\n",
            "without the other numbers it runs"
        );
    }
}

#[test]
fn control_with_device_nodes_on_every_mount() {
    if !as_root() {
        return;
    }
    // What `nodev` is for: without it a node in a mount of the host opens.
    let host = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .tempdir_in("/var/tmp")
        .unwrap();
    let node = host.path().join("node");
    let made = Command::new("mknod").args(["-m", "666"]).arg(&node).args(["c", "10", "229"]).status();
    assert!(made.unwrap().success());
    let line = format!("exec 3<{} && echo open", node.display());
    let mount = HostFolder::in_place(host.path().display().to_string(), MountAccess::Read);
    let settings = Settings { mounts: vec![mount], ..settings(&["/bin/sh", "-c", &line]) };
    assert_eq!(changed(busybox().path(), &settings, None, |_| {}), "");
    let open = |steps: &mut Vec<Step>| {
        for step in steps {
            if let Step::Restrict { mount: Slot::Host(_), attributes, .. } = step {
                *attributes = MountAttributes::Device;
            }
        }
    };
    assert_eq!(changed(busybox().path(), &settings, None, open), "open\n");
}

#[test]
fn devices_lie_where_they_are_on_the_host_and_are_bounded() {
    if !as_root() {
        return;
    }
    let line = "ls -ln /dev/net/tun && (: > /dev/net/x) 2>/dev/null || echo closed";
    let deep = HostDevice { name: "net/tun".to_owned(), major: 10, minor: 200 };
    let settings = Settings { devices: vec![deep.clone()], ..settings(&["/bin/sh", "-c", line]) };
    let text = changed(busybox().path(), &settings, None, |_| {});
    assert!(text.starts_with("crw-------") && text.ends_with("closed\n"), "{text}");
    let many = Settings { devices: vec![deep; 17], ..settings };
    let error = sandbox(&many).unwrap_err();
    assert!(matches!(error, RunError::Spec(SpecError::TooManyDevices(17))), "{error}");
}
