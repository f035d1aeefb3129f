//! What is not run.

use std::fs::{self, File};
use std::os::unix::fs::symlink;

use super::trial::{Trial, put};
use super::words::{module, shows};
use crate::wasm::{Failure, FailureKind};

fn refused(trial: &Trial) -> Failure {
    let came = trial.run();
    let answer = came.answer.as_ref().unwrap_or_else(|| panic!("{came:?}"));
    assert!(answer.end.is_none() && answer.limit.is_none(), "{came:?}");
    assert!(came.stdout.is_empty() && came.stderr.is_empty(), "{came:?}");
    answer.failure.clone().unwrap()
}

#[test]
fn what_is_no_module_is_said_by_its_kind() {
    let elf = fs::read("/proc/self/exe").unwrap();
    let mut future = module(r#"(func (export "_start"))"#);
    future[4] = 2;
    let mut broken = module(r#"(func (export "_start"))"#);
    broken.truncate(broken.len() - 3);
    let cases: [(&[u8], &str); 9] = [
        (elf.get(..100_000).unwrap(), "native code"),
        (b"\0asm\x0d\0\x01\0", "component"),
        (b"(module)", "text"),
        (&future, "version"),
        (&broken, "not valid"),
        (b"", "no WebAssembly module"),
        (b"#!/bin/sh\n", "no WebAssembly module"),
        (b"\0asm\x01\0\0\0garbage", "not valid"),
        (b"\0asm", "version"),
    ];
    for (bytes, word) in cases {
        let failure = refused(&Trial::new(bytes));
        assert!(failure.kind == FailureKind::NotAModule && failure.text.contains(word), "{failure:?}");
    }
}

#[test]
fn features_that_are_off_are_not_valid() {
    for text in [
        r#"(module (memory 1 1 shared) (func (export "_start")))"#,
        r#"(module (memory i64 1) (func (export "_start")))"#,
        r#"(module (memory 1) (memory 1) (func (export "_start")))"#,
    ] {
        let failure = refused(&Trial::new(&wat::parse_str(text).unwrap()));
        assert_eq!(failure.kind, FailureKind::NotAModule, "{text}: {failure:?}");
    }
}

#[test]
fn an_import_that_is_not_here_is_named() {
    for (import, name) in [
        (r#"(import "env" "system" (func (param i32) (result i32)))"#, "`system` of `env`"),
        (r#"(import "wasi_snapshot_preview1" "fork" (func))"#, "`fork` of `wasi_snapshot_preview1`"),
        (r#"(import "wasi_unstable" "fd_write" (func))"#, "`fd_write` of `wasi_unstable`"),
        (r#"(import "wasi:cli/run@0.2.0" "run" (func))"#, "`run` of `wasi:cli/run@0.2.0`"),
    ] {
        let bytes = wat::parse_str(format!(r#"(module {import} (func (export "_start")))"#)).unwrap();
        let failure = refused(&Trial::new(&bytes));
        assert!(failure.kind == FailureKind::ModuleUnfit && failure.text.contains(name), "{failure:?}");
    }
}

#[test]
fn a_module_without_a_start_is_a_library() {
    for text in ["(module)", r#"(module (func (export "_start") (param i32)))"#] {
        let failure = refused(&Trial::new(&wat::parse_str(text).unwrap()));
        assert!(failure.kind == FailureKind::ModuleUnfit && failure.text.contains("library"), "{failure:?}");
    }
}

#[test]
fn a_huge_module_is_not_read() {
    let trial = Trial::new(&module(r#"(func (export "_start"))"#));
    let file = File::options().write(true).open(trial.image.path().join("app.wasm")).unwrap();
    file.set_len((64 << 20) + 1).unwrap();
    let failure = refused(&trial);
    assert!(failure.kind == FailureKind::ModuleTooLarge && failure.text.contains("64 MiB"), "{failure:?}");
}

#[test]
fn a_module_is_found_inside_the_image_only() {
    let outside = tempfile::tempdir().unwrap();
    put(&outside.path().join("app.wasm"), &module(r#"(func (export "_start"))"#));
    let trial = Trial::new(b"");
    let app = trial.image.path().join("app.wasm");
    for target in [outside.path().join("app.wasm"), "/proc/self/exe".into(), "../../../etc/hostname".into()] {
        fs::remove_file(&app).unwrap();
        symlink(target, &app).unwrap();
        assert_eq!(refused(&trial).kind, FailureKind::ModuleNotFound);
    }
    fs::remove_file(&app).unwrap();
    assert_eq!(refused(&trial).kind, FailureKind::ModuleNotFound);
    fs::create_dir(&app).unwrap();
    assert_eq!(refused(&trial).kind, FailureKind::ModuleUnreadable);
    fs::remove_dir(&app).unwrap();
    nix::unistd::mkfifo(&app, nix::sys::stat::Mode::from_bits_retain(0o644)).unwrap();
    assert_eq!(refused(&trial).kind, FailureKind::ModuleUnreadable);
}

#[test]
fn a_link_inside_the_image_is_followed() {
    let mut trial = Trial::new(&shows(3, "readme"));
    fs::create_dir(trial.image.path().join("bin")).unwrap();
    symlink("/app.wasm", trial.image.path().join("bin/tool")).unwrap();
    trial.order.candidates = vec!["/nowhere/tool".to_owned(), "/bin/tool".to_owned()];
    assert_eq!(trial.run().stdout, b"of the image\n");
}

#[test]
fn another_folder_than_the_runner_looked_at_is_not_taken() {
    if nix::unistd::geteuid().is_root() {
        super::trial::as_ordinary_user("refusals::another_folder_than_the_runner_looked_at_is_not_taken");
        return;
    }
    let mut trial = Trial::new(&module(r#"(func (export "_start"))"#));
    trial.order.root = "/usr".to_owned();
    assert_eq!(refused(&trial).kind, FailureKind::Setup);
}

#[test]
fn an_order_that_is_not_understood_starts_nothing() {
    let mut trial = Trial::new(&module(r#"(func (export "_start"))"#));
    trial.order.joins = 3;
    let failure = refused(&trial);
    assert!(failure.kind == FailureKind::Setup && failure.text.contains("descriptors"), "{failure:?}");
}
