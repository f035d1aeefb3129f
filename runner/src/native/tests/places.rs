//! What is seen at another place than where it lies: folders and files of the host, and files that are given.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;

use perry_sandbox_policy::{FileSource, WantedFile};
use perry_sandbox_testkit::again_as_ordinary;
use tempfile::TempDir;

use super::super::settings::Settings;
use super::super::steps::{Slot, Step};
use super::changed::changed;
use super::rootfs::{busybox, put_busybox, settings};
use super::*;

/// A folder with a file, and a file beside it, which everybody may read.
fn host() -> TempDir {
    let host =
        tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir_in("/var/tmp").unwrap();
    fs::create_dir(host.path().join("folder")).unwrap();
    for file in ["folder/inner", "file"] {
        fs::write(host.path().join(file), format!("{file}\n")).unwrap();
    }
    host
}

fn at(host: &TempDir, path: &str, inside: &str, access: MountAccess) -> HostFolder {
    let inside = inside.to_owned();
    HostFolder { inside, ..HostFolder::in_place(host.path().join(path).display().to_string(), access) }
}

fn said(root: &Path, mounts: Vec<HostFolder>, line: &str) -> String {
    let line = format!("{{ {line}; }} 2>&1");
    changed(root, &Settings { mounts, ..settings(&["/bin/sh", "-c", &line]) }, None, |_| {})
}

#[test]
fn folders_and_files_are_seen_where_they_are_wanted() {
    let (host, root) = (host(), busybox());
    fs::write(root.path().join("etc/there"), "of the image\n").unwrap();
    let read = |path: &str, inside: &str| at(&host, path, inside, MountAccess::Read);
    let mounts = vec![
        read("folder", "/etc/conf.d"),
        read("file", "/etc/there"),
        read("file", "/srv/new/name"),
        read("folder", "/tmp/deep/folder"),
        read("file", "/tmp/deep/file"),
    ];
    let line = "cat /etc/conf.d/inner /etc/there /srv/new/name /tmp/deep/folder/inner /tmp/deep/file; \
                for at in /etc/there /etc/conf.d/inner /tmp/deep/file; do echo x >>$at; done; ls /etc";
    let text = said(root.path(), mounts, line);
    let (shown, rest) = text.split_at("folder/inner\nfile\nfile\nfolder/inner\nfile\n".len());
    assert_eq!(shown, "folder/inner\nfile\nfile\nfolder/inner\nfile\n", "{text}");
    assert_eq!(rest.matches("Read-only file system").count(), 3, "{text}");
    assert!(rest.ends_with("conf.d\nthere\n"), "{text}");
    assert_eq!(fs::read_to_string(host.path().join("file")).unwrap(), "file\n");
    assert_eq!(fs::read_to_string(root.path().join("etc/there")).unwrap(), "of the image\n");
}

#[test]
fn what_may_be_written_is_written_on_the_host_and_nothing_beside_it() {
    let (host, root) = (host(), busybox());
    let write = |path: &str, inside: &str| at(&host, path, inside, MountAccess::Write);
    let mounts = vec![write("folder", "/data/rows"), write("file", "/etc/state")];
    let line = "echo row >/data/rows/new; echo more >>/etc/state; echo x >/etc/other; echo x >/data/other";
    let text = said(root.path(), mounts, line);
    assert_eq!(text.lines().count(), 2, "{text}");
    assert_eq!(fs::read_to_string(host.path().join("folder/new")).unwrap(), "row\n");
    assert_eq!(fs::read_to_string(host.path().join("file")).unwrap(), "file\nmore\n");
}

#[test]
fn a_single_file_of_the_host_is_not_executed() {
    let (host, root) = (host(), busybox());
    put_busybox(&host.path().join("program"));
    let line = "/srv/busybox true; echo $?";
    let mount = |access| vec![at(&host, "program", "/srv/busybox", access)];
    assert!(said(root.path(), mount(MountAccess::Read), line).ends_with("126\n"));
    assert!(said(root.path(), mount(MountAccess::Write), line).ends_with("126\n"));
    // Without the flag nothing else would stop it, but for the second wall.
    let cut = |steps: &mut Vec<Step>| {
        let restricts = |step: &Step| matches!(step, Step::Restrict { mount: Slot::Host(_), .. });
        steps.retain(|step| !restricts(step) && !matches!(step, Step::Confine { .. }));
    };
    let line = settings(&["/bin/sh", "-c", line]);
    let text = changed(root.path(), &Settings { mounts: mount(MountAccess::Read), ..line }, None, cut);
    assert_eq!(text, "0\n", "{text}");
}

#[test]
fn no_link_of_the_image_is_followed_and_nothing_but_files_and_folders_is_shown() {
    let (host, root) = (host(), busybox());
    let outside = host.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("victim"), "kept").unwrap();
    symlink(&outside, root.path().join("srv")).unwrap();
    symlink(outside.join("victim"), root.path().join("etc/link")).unwrap();
    let _socket = UnixListener::bind(host.path().join("socket")).unwrap();
    symlink(host.path().join("file"), host.path().join("link")).unwrap();
    let refused = |path: &str, inside: &str| {
        let mounts = vec![at(&host, path, inside, MountAccess::Read)];
        let settings = Settings { mounts, ..settings(&["/bin/true"]) };
        sandbox_in(root.path(), &settings, Streams::captured(), None).unwrap_err().to_string()
    };
    for (path, inside, why) in [
        ("file", "/etc/link", "symbolic link on the way to /etc/link"),
        ("folder", "/etc/link", "symbolic link on the way to /etc/link"),
        ("file", "/srv/victim", "symbolic link on the way to /srv"),
        ("folder", "/srv/new", "symbolic link on the way to /srv"),
        ("file", "/etc", "something else where /etc must be a file"),
        ("folder", "/bin/busybox", "a file where /bin/busybox must be a folder"),
        ("socket", "/etc/socket", "neither a folder nor a file"),
        ("link", "/etc/file", "there is a symbolic link on the way"),
        ("missing", "/etc/file", "make it first"),
    ] {
        let error = refused(path, inside);
        assert!(error.contains(why), "{path} at {inside}: {error}");
    }
    assert_eq!(fs::read_to_string(outside.join("victim")).unwrap(), "kept");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
}

#[test]
fn an_ordinary_user_gets_the_same() {
    again_as_ordinary("native::tests::places::folders_and_files_are_seen_where_they_are_wanted");
    again_as_ordinary(
        "native::tests::places::what_may_be_written_is_written_on_the_host_and_nothing_beside_it",
    );
    again_as_ordinary("native::tests::places::a_single_file_of_the_host_is_not_executed");
    again_as_ordinary(
        "native::tests::places::what_is_given_has_its_place_and_mode_and_is_neither_changed_nor_executed",
    );
    again_as_ordinary(
        "native::tests::places::a_file_that_is_not_the_users_is_read_by_those_whom_its_mode_lets",
    );
    again_as_ordinary("native::tests::places::no_link_of_the_image_leads_a_file_elsewhere");
    again_as_ordinary(
        "native::tests::places::no_link_of_the_image_is_followed_and_nothing_but_files_and_folders_is_shown",
    );
}

fn config(content: &str, path: &str, owner: Option<(u32, u32)>, mode: &str) -> WantedFile {
    let content = content.as_bytes().to_vec().try_into().unwrap();
    let source = FileSource::Config { name: "site".parse().unwrap(), content };
    let (uid, gid) = owner.unzip();
    WantedFile { source, path: path.parse().unwrap(), uid, gid, mode: mode.parse().unwrap() }
}

fn with_files(files: Vec<WantedFile>, line: &str) -> Settings {
    Settings { files, ..settings(&["/bin/sh", "-c", &format!("{{ {line}; }} 2>&1")]) }
}

#[test]
fn what_is_given_has_its_place_and_mode_and_is_neither_changed_nor_executed() {
    let root = busybox();
    fs::write(root.path().join("etc/there"), "of the image\n").unwrap();
    let places = ["/site.conf", "/etc/there", "/tmp/deep/site", "/run/secrets/site"];
    let files = places.map(|path| config("#!/bin/true\n", path, None, "0666")).into();
    let all = places.join(" ");
    let line = format!(
        "for at in {all}; do cat $at; ls -ln $at; echo x >>$at && echo changed; rm $at && echo gone; $at; echo is $?; done; \
         touch /run/secrets/new; ls /run/secrets"
    );
    let text = changed(root.path(), &with_files(files, &line), None, |_| {});
    assert_eq!(text.matches("#!/bin/true\n-rw-rw-rw-    1 65534    65534").count(), 4, "{text}");
    assert!(!text.contains("changed") && !text.contains("gone"), "{text}");
    assert_eq!(text.matches("is 126").count(), 4, "{text}");
    assert!(text.ends_with("\nsite\n"), "{text}");
    assert_eq!(fs::read_to_string(root.path().join("etc/there")).unwrap(), "of the image\n");
}

#[test]
fn a_file_that_is_not_the_users_is_read_by_those_whom_its_mode_lets() {
    let root = busybox();
    let files = vec![
        config("all\n", "/etc/all", Some((33, 44)), "0444"),
        config("group\n", "/etc/group", Some((0, 65_534)), "0440"),
        config("other\n", "/etc/other", Some((33, 44)), "0400"),
    ];
    let settings = with_files(files, "cat /etc/all /etc/group /etc/other; ls -ln /etc");
    if !nix::unistd::geteuid().is_root() {
        assert!(sandbox_in(root.path(), &settings, Streams::captured(), None).is_err());
        return;
    }
    let text = changed(root.path(), &settings, None, |_| {});
    assert!(text.starts_with("all\ngroup\n") && text.contains("/etc/other': Permission denied"), "{text}");
    assert!(text.contains("-r--r--r--    1 33       44"), "{text}");
    assert!(text.contains("-r--r-----    1 0        65534"), "{text}");
}

#[test]
fn no_link_of_the_image_leads_a_file_elsewhere() {
    let (host, root) = (host(), busybox());
    symlink(host.path().join("file"), root.path().join("etc/link")).unwrap();
    symlink(host.path(), root.path().join("srv")).unwrap();
    for (path, why) in [
        ("/etc/link", "symbolic link on the way to /etc/link"),
        ("/srv/file", "symbolic link on the way to /srv"),
        ("/etc", "something else where /etc must be a file"),
    ] {
        let settings = with_files(vec![config("x", path, None, "0444")], "true");
        let error = sandbox_in(root.path(), &settings, Streams::captured(), None).unwrap_err().to_string();
        assert!(error.contains(why), "{path}: {error}");
    }
    assert_eq!(fs::read_to_string(host.path().join("file")).unwrap(), "file\n");
}
