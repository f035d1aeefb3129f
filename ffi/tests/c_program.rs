//! A C program that is linked with the archive, and the header that it includes.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{image, top};

fn header() -> PathBuf {
    top().join("ffi/include/perry_sandbox.h")
}

/// The archive, from the sources as they are: `cargo test` by itself puts none where a program would look for it.
fn archive() -> Option<PathBuf> {
    let deps = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--offline", "--package=perry-sandbox-ffi", "--lib", "--target-dir"])
        .arg(deps.ancestors().nth(2).unwrap())
        .current_dir(top())
        .status();
    let archive = deps.parent().unwrap().join("libperry_sandbox_ffi.a");
    (built.is_ok_and(|status| status.success()) && archive.exists()).then_some(archive)
}

fn compile(folder: &Path) -> Option<PathBuf> {
    let Some(archive) = archive() else {
        perry_sandbox_testkit::skip("the archive is not built");
        return None;
    };
    let program = folder.join("calls");
    let compiled = Command::new("cc")
        .args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-I"])
        .arg(top().join("ffi/include"))
        .arg(top().join("ffi/tests/c/calls.c"))
        .arg(archive)
        .args(["-lpthread", "-ldl", "-lm", "-lgcc_s", "-o"])
        .arg(&program)
        .output();
    let Ok(compiled) = compiled else {
        perry_sandbox_testkit::skip("there is no C compiler");
        return None;
    };
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    Some(program)
}

fn run(mut command: Command, program: &Path, [image, rounds]: [&str; 2], home: &Path) {
    let policy = top().join("examples/hello/policy.toml");
    let output = command.arg(program).arg(image).arg(policy).arg(rounds).env("HOME", home).output().unwrap();
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_c_program_calls_everything_and_a_hundred_thousand_calls_leave_nothing() {
    let home = tempfile::tempdir().unwrap();
    let Some(program) = compile(home.path()) else { return };
    let mut command = Command::new("/usr/bin/env");
    command.args(["-u", "XDG_DATA_HOME"]);
    // Two calls a round.
    run(command, &program, [&image(), "50000"], home.path());
}

#[test]
fn valgrind_finds_no_wrong_access() {
    let home = tempfile::tempdir().unwrap();
    if !Path::new("/usr/bin/valgrind").exists() {
        return perry_sandbox_testkit::skip("no valgrind");
    }
    let Some(program) = compile(home.path()) else { return };
    let mut command = Command::new("/usr/bin/valgrind");
    command.args(["--quiet", "--error-exitcode=9", "--child-silent-after-fork=yes"]);
    // Without sandboxes: valgrind does not know every system call that opens a file or starts one.
    run(command, &program, ["-", "200"], home.path());
}

#[test]
fn the_header_is_what_the_source_says() {
    let config = cbindgen::Config::from_file(top().join("ffi/cbindgen.toml")).unwrap();
    let mut made = Vec::new();
    cbindgen::Builder::new()
        .with_config(config)
        .with_src(top().join("ffi/src/c/abi.rs"))
        .generate()
        .unwrap()
        .write(&mut made);
    let made = String::from_utf8(made).unwrap();
    let beside = Path::new(env!("CARGO_TARGET_TMPDIR")).join("perry_sandbox.h");
    std::fs::write(&beside, &made).unwrap();
    let is = std::fs::read_to_string(header()).unwrap_or_default();
    assert!(is == made, "the header is another one: cp {} {}", beside.display(), header().display());
    for name in
        ["psb_version", "psb_call", "psb_call_async", "psb_reply_text", "psb_reply_length", "psb_reply_free"]
    {
        assert!(made.contains(&format!("{name}(")), "{name} is not in the header");
    }
}
