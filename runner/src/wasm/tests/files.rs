//! What a module reaches of files.

use std::fs;
use std::io::{Seek as _, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};

use perry_sandbox_policy::MountAccess;

use super::trial::{Trial, open_to_all, put};
use super::words::{module, opens_to_write, shows};
use crate::native::HostFolder;
use crate::outcome::{End, Limit};

/// Errors of WASI preview 1.
const NO_ENTRY: i32 = 44;
const NO_SPACE: i32 = 51;

/// The first three are the streams.
const ROOT: u32 = 3;
const TMP: u32 = 4;
const FIRST_MOUNT: u32 = 5;

#[test]
fn the_image_can_be_read() {
    let came = Trial::new(&shows(ROOT, "readme")).run();
    assert_eq!((came.code(), came.stdout.as_slice()), (0, &b"of the image\n"[..]));
    assert_eq!(Trial::new(&shows(ROOT, "other")).run().code(), NO_ENTRY);
}

#[test]
fn the_image_cannot_be_written() {
    for (path, make) in [("new", true), ("readme", false), ("readme", true)] {
        let trial = Trial::new(&opens_to_write(ROOT, path, make));
        fs::set_permissions(trial.image.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let readme = trial.image.path().join("readme");
        fs::set_permissions(&readme, fs::Permissions::from_mode(0o666)).unwrap();
        assert_ne!(trial.run().code(), 0, "{path}");
        assert!(!trial.image.path().join("new").exists());
        assert_eq!(fs::read(&readme).unwrap(), b"of the image\n");
    }
}

/// Makes a file in `/tmp` and writes into it until that fails; exits with the error.
fn fills_tmp() -> Vec<u8> {
    module(
        r#"(data (i32.const 64) "file")
        (func (export "_start") (local $error i32)
          (local.set $error (call $open (i32.const 4) (i32.const 64) (i32.const 4) (i32.const 1) (i64.const 66)))
          (if (local.get $error) (then (call $proc_exit (local.get $error))))
          (loop $again
            (i32.store (i32.const 0) (i32.const 4096))
            (i32.store (i32.const 4) (i32.const 65536))
            (local.set $error
              (call $fd_write (i32.load (i32.const 20)) (i32.const 0) (i32.const 1) (i32.const 16)))
            (if (local.get $error) (then (call $proc_exit (local.get $error))))
            (i32.store (i32.const 40) (i32.add (i32.load (i32.const 40)) (i32.load (i32.const 16))))
            (if (i32.gt_u (i32.load (i32.const 40)) (i32.const 67108864)) (then (call $proc_exit (i32.const 100))))
            (br $again)))"#,
    )
}

#[test]
fn tmp_can_be_written_and_is_bounded() {
    let came = Trial::new(&opens_to_write(TMP, "new", true)).run();
    assert_eq!(came.end(), (End::Exited(0), None));
    let came = Trial::new(&fills_tmp()).run();
    assert_eq!(came.end(), (End::Exited(NO_SPACE), Some(Limit::Disk)));
}

#[test]
fn tmp_is_bounded_in_files_too() {
    let makes_folders = module(
        r#"(func (export "_start") (local $n i32) (local $error i32)
          (loop $again
            (i32.store8 (i32.const 64) (i32.add (i32.const 97) (i32.rem_u (local.get $n) (i32.const 26))))
            (i32.store8 (i32.const 65)
              (i32.add (i32.const 97) (i32.rem_u (i32.div_u (local.get $n) (i32.const 26)) (i32.const 26))))
            (i32.store8 (i32.const 66) (i32.add (i32.const 97) (i32.div_u (local.get $n) (i32.const 676))))
            (local.set $error (call $path_create_directory (i32.const 4) (i32.const 64) (i32.const 3)))
            (if (local.get $error) (then (call $proc_exit (local.get $error))))
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $n) (i32.const 17000)))))"#,
    );
    assert_eq!(Trial::new(&makes_folders).run().end(), (End::Exited(NO_SPACE), Some(Limit::Disk)));
}

#[test]
fn nothing_leads_out_of_a_folder() {
    let secret = open_to_all("wasm-outside");
    put(&secret.path().join("file"), b"of the host");
    let outside = secret.path().join("file");
    let outside = outside.to_str().unwrap();
    let up = format!("{}{outside}", "../".repeat(12).trim_end_matches('/'));
    for (path, link) in [
        (up.as_str(), None),
        ("../../../../etc/hostname", None),
        (outside, None),
        ("absolute", Some(outside)),
        ("relative", Some(up.as_str())),
        ("folder/file", Some(secret.path().to_str().unwrap())),
        ("self", Some("/proc/self/exe")),
    ] {
        let trial = Trial::new(&shows(ROOT, path));
        if let Some(target) = link {
            symlink(target, trial.image.path().join(path.split('/').next().unwrap())).unwrap();
        }
        let came = trial.run();
        assert!(came.code() != 0 && came.stdout.is_empty(), "{path} -> {link:?}: {came:?}");
    }
}

#[test]
fn a_link_that_the_module_makes_leads_nowhere_either() {
    let makes = module(
        r#"(data (i32.const 64) "../../../../../../etc/hostname") (data (i32.const 128) "link")
        (func (export "_start")
          (drop (call $path_symlink (i32.const 64) (i32.const 30) (i32.const 4) (i32.const 128) (i32.const 4)))
          (call $show_file (i32.const 4) (i32.const 128) (i32.const 4)))"#,
    );
    let came = Trial::new(&makes).run();
    assert!(came.code() != 0 && came.stdout.is_empty(), "{came:?}");
}

#[test]
fn a_folder_of_the_host_has_the_access_that_was_granted() {
    let host = open_to_all("wasm-host");
    put(&host.path().join("file"), b"of the host");
    if nix::unistd::geteuid().is_root() {
        // Not for everybody: the folder's owner is the plan's user inside.
        fs::set_permissions(host.path(), fs::Permissions::from_mode(0o700)).unwrap();
    }
    let path = host.path().canonicalize().unwrap().to_str().unwrap().to_owned();
    let given = |module: &[u8], writable| {
        let mut trial = Trial::new(module);
        trial.order.mounts.push(HostFolder::in_place(
            path.clone(),
            if writable { MountAccess::Write } else { MountAccess::Read },
        ));
        trial.run()
    };
    assert_eq!(given(&shows(FIRST_MOUNT, "file"), false).stdout, b"of the host");
    assert_ne!(given(&opens_to_write(FIRST_MOUNT, "file", false), false).code(), 0);
    assert!(given(&opens_to_write(FIRST_MOUNT, "new", true), false).code() != 0);
    assert!(!host.path().join("new").exists());
    assert_eq!(given(&opens_to_write(FIRST_MOUNT, "new", true), true).code(), 0);
    assert!(host.path().join("new").exists());
    // The next folder up is not in reach.
    assert!(given(&shows(FIRST_MOUNT, "../file"), true).code() != 0);
}

#[test]
fn a_folder_that_is_not_there_starts_nothing() {
    let mut trial = Trial::new(&shows(FIRST_MOUNT, "file"));
    trial.order.mounts.push(HostFolder::in_place("/no/such".to_owned(), MountAccess::Read));
    let answer = trial.run().answer.unwrap();
    assert!(answer.end.is_none(), "{answer:?}");
    assert!(answer.failure.unwrap().text.contains("/no/such"));
}

#[test]
fn secrets_are_files_that_cannot_be_written() {
    let with = |module: &[u8]| {
        let mut trial = Trial::new(module);
        trial.order.secrets = vec!["token".parse().unwrap()];
        let mut value = tempfile::tempfile().unwrap();
        value.write_all(b"value of it").unwrap();
        value.rewind().unwrap();
        trial.secrets.push(value);
        trial.run()
    };
    assert_eq!(with(&shows(FIRST_MOUNT, "token")).stdout, b"value of it");
    assert_ne!(with(&opens_to_write(FIRST_MOUNT, "token", false)).code(), 0);
    assert_ne!(with(&opens_to_write(FIRST_MOUNT, "other", true)).code(), 0);
}

/// Asks whether a file can be read, and reads it at a place: wasmtime does both on a thread of its own.
#[test]
fn a_file_is_waited_for_where_no_thread_can_be_made() {
    let polls = module(
        r#"(data (i32.const 64) "readme")
        (func (export "_start") (local $error i32)
          (if (call $open (i32.const 3) (i32.const 64) (i32.const 6) (i32.const 0) (i64.const 2))
            (then (call $proc_exit (i32.const 90))))
          (i32.store8 (i32.const 264) (i32.const 1))
          (i32.store (i32.const 272) (i32.load (i32.const 20)))
          (i32.store8 (i32.const 312) (i32.const 0))
          (i32.store (i32.const 320) (i32.const 1))
          (i64.store (i32.const 328) (i64.const 2000000000))
          (if (call $poll_oneoff (i32.const 256) (i32.const 512) (i32.const 2) (i32.const 16))
            (then (call $proc_exit (i32.const 91))))
          (i32.store (i32.const 0) (i32.const 4096))
          (i32.store (i32.const 4) (i32.const 100))
          (if (call $fd_pread (i32.load (i32.const 20)) (i32.const 0) (i32.const 1) (i64.const 3) (i32.const 16))
            (then (call $proc_exit (i32.const 92))))
          (call $say (i32.const 4096) (i32.load (i32.const 16))))"#,
    );
    let came = Trial::new(&polls).run();
    assert_eq!((came.code(), came.stdout.as_slice()), (0, &b"the image\n"[..]), "{came:?}");
}

#[test]
fn open_files_are_bounded() {
    let opens = module(
        r#"(data (i32.const 64) "readme")
        (func (export "_start") (local $n i32) (local $error i32)
          (loop $again
            (local.set $error (call $open (i32.const 3) (i32.const 64) (i32.const 6) (i32.const 0) (i64.const 2)))
            (if (local.get $error) (then (call $proc_exit (local.get $n))))
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $n) (i32.const 250))))
          (call $proc_exit (i32.const 255)))"#,
    );
    let mut trial = Trial::new(&opens);
    trial.order.limits.open_files = 40;
    let many = trial.run().code();
    assert!((20..=48).contains(&many), "{many} files were open");
}
