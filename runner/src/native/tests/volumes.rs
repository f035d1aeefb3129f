//! Volumes of a project, in real sandboxes.

use std::fs;

use perry_sandbox_testkit::again_as_ordinary;
use tempfile::TempDir;

use super::super::settings::{HostFolder, Settings, VolumeFolder};
use super::super::steps::{Slot, Step};
use super::changed::changed;
use super::rootfs::{busybox, put_busybox, settings};
use super::*;
use crate::backends::stock::{Labels, NewVolume, OwnStock, StockName};

/// A data folder, and one volume of the project `shop`.
fn yard() -> (TempDir, OwnStock, StockName) {
    let data = tempfile::tempdir_in("/var/tmp").unwrap();
    let stock = OwnStock::new(data.path(), &data.path().join("runtime"));
    let name: StockName = "shop_data".parse().unwrap();
    let labels = Labels::default().of_project(&"shop".parse().unwrap());
    stock.create_volume(&NewVolume { name: name.clone(), labels }).unwrap();
    (data, stock, name)
}

fn sees(stock: &OwnStock, name: &StockName, writable: bool, line: &str) -> Settings {
    let path = stock.volume(name).unwrap().mountpoint.unwrap();
    let volumes = vec![VolumeFolder { path, inside: "/data/rows".to_owned(), writable }];
    Settings { volumes, ..settings(&["/bin/sh", "-c", &format!("{{ {line}; }} 2>&1")]) }
}

fn said(settings: &Settings) -> String {
    String::from_utf8(sandbox(settings).unwrap().stdout).unwrap()
}

#[test]
fn what_is_written_outlives_the_sandbox_and_is_the_users() {
    let (_data, stock, name) = yard();
    let write = "cd /data/rows && echo kept > row && ls -ln row";
    let text = said(&sees(&stock, &name, true, write));
    assert!(text.contains(" 65534 "), "{text}");
    assert_eq!(said(&sees(&stock, &name, true, "cat /data/rows/row")), "kept\n");
    let text = said(&sees(&stock, &name, false, "cat /data/rows/row; echo x > /data/rows/row"));
    assert!(text.starts_with("kept\n") && text.contains("Read-only"), "{text}");
    assert_eq!(said(&sees(&stock, &name, true, "cat /data/rows/row")), "kept\n");
    // Whose it is once, it stays: another user of the sandbox reads it, and writes nothing.
    if nix::unistd::geteuid().is_root() {
        let other = "cat /data/rows/row; echo x > /data/rows/row; echo x > /data/rows/new";
        let text = said(&Settings { uid: 7, gid: 7, ..sees(&stock, &name, true, other) });
        assert!(text.starts_with("kept\n") && text.matches("Permission denied").count() == 2, "{text}");
    }
}

#[test]
fn an_ordinary_user_has_volumes_as_well() {
    again_as_ordinary("native::tests::volumes::what_is_written_outlives_the_sandbox_and_is_the_users");
    again_as_ordinary("native::tests::volumes::nothing_in_it_is_executed_or_gains_anything");
    again_as_ordinary("native::tests::volumes::one_that_a_sandbox_uses_is_not_removed");
}

#[test]
fn nothing_in_it_is_executed_or_gains_anything() {
    let (_data, stock, name) = yard();
    let line = "cp /bin/busybox /data/rows/busybox; chmod 755 /data/rows/busybox; /data/rows/busybox id -u";
    let line = line.replace("cp ", "busybox cp ").replace("chmod ", "busybox chmod ");
    let text = said(&sees(&stock, &name, true, &line));
    assert!(text.contains("Permission denied") && !text.contains("65534"), "{text}");
    let flags = "grep ' /data/rows ' /proc/self/mountinfo";
    for (writable, own) in [(true, "rw"), (false, "ro")] {
        let text = said(&sees(&stock, &name, writable, flags));
        assert!(text.contains(&format!(" /data/rows {own},nosuid,nodev,noexec")), "{text}");
    }
    // What refuses it.
    let open = |steps: &mut Vec<Step>| {
        steps.retain(|step| !matches!(step, Step::Restrict { mount: Slot::Volume(_), .. }));
    };
    let ran = changed(busybox().path(), &sees(&stock, &name, true, &line), None, open);
    assert!(ran.contains("65534"), "{ran}");
}

#[test]
fn a_link_of_the_image_on_the_way_is_refused() {
    let (data, stock, name) = yard();
    let root = busybox();
    std::os::unix::fs::symlink(data.path(), root.path().join("data")).unwrap();
    let settings = sees(&stock, &name, true, "true");
    let error = sandbox_in(root.path(), &settings, Streams::captured(), None).unwrap_err().to_string();
    assert!(error.contains("symbolic link on the way to /data"), "{error}");
}

#[test]
fn one_that_a_sandbox_uses_is_not_removed() {
    let (_data, stock, name) = yard();
    let used =
        sees(&stock, &name, true, "echo x > /data/rows/up; while [ -e /data/rows/up ]; do sleep 0.05; done");
    let up = Path::new(&used.volumes[0].path).join("up");
    std::thread::scope(|scope| {
        let run = scope.spawn(|| sandbox(&used).unwrap());
        while !up.exists() {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let refused = stock.remove_volume(&name).unwrap_err().to_string();
        assert!(refused.contains("in use by a sandbox that runs"), "{refused}");
        fs::remove_file(&up).unwrap();
        run.join().unwrap();
    });
    stock.remove_volume(&name).unwrap();
    assert!(stock.volumes().unwrap().is_empty());
    let error = sandbox(&used).unwrap_err().to_string();
    assert!(error.contains("there is no volume `shop_data`"), "{error}");
}

#[test]
fn no_volume_lies_where_programs_of_the_host_are_executed() {
    let (data, stock, name) = yard();
    put_busybox(&data.path().join("busybox"));
    let path = data.path().display().to_string();
    let mounts = vec![HostFolder::in_place(path, MountAccess::Execute)];
    let settings = Settings { mounts, ..sees(&stock, &name, false, "true") };
    let error = sandbox(&settings).unwrap_err().to_string();
    assert!(error.contains("what is written is never executed"), "{error}");
    let twice = sees(&stock, &name, true, "true");
    let volumes = [&twice.volumes[..], &twice.volumes[..]].concat();
    let error = sandbox(&Settings { volumes, ..twice }).unwrap_err().to_string();
    assert!(error.contains("to be seen at `/data/rows`"), "{error}");
}
