//! `profile show`, `diff`, `check` and `narrow`.

use std::process::{Command, Stdio};

use perry_sandbox_testkit::{As, Home};
use serde_json::Value;

const HEAD: &str = "schema = \"perry-sandbox/seccomp-profile/v1\"\nname = \"mine\"\ndescription = \"d\"\nunknown = \"ENOSYS\"\n";

fn home(files: &[(&str, &str)]) -> Home {
    let home = Home::new(As::Me);
    for (name, text) in files {
        std::fs::write(home.path().join(name), text).expect("the home can be written");
    }
    home
}

fn allowing(calls: &str) -> String {
    format!("{HEAD}[[allow]]\nreason = \"needed\"\ncalls = [{calls}]\n")
}

#[test]
fn a_profile_is_shown_with_its_reasons_and_as_what_it_is_compiled_to() {
    let home = home(&[("mine.toml", &allowing("\"read\", \"open\""))]);
    let shown = home.run(&["profile", "show", "--arch", "aarch64", "mine.toml"]);
    assert_eq!(shown.code, 0, "{shown:?}");
    assert!(
        shown.stdout.contains("aarch64: 1 calls, ") && shown.stdout.contains("allow  read\n  needed"),
        "{shown:?}"
    );
    let shown = home.run(&["profile", "show", "--format", "json", "--arch", "x86_64", "perry-minimal"]);
    let json: Value = serde_json::from_str(&shown.stdout).expect("it is JSON");
    assert_eq!(json["name"], "perry-minimal");
    assert!(json["instructions"].as_u64().is_some_and(|count| count > 100));
    let oci = home.run(&["profile", "show", "--format", "oci", "--arch", "x86_64", "mine.toml"]);
    let json: Value = serde_json::from_str(&oci.stdout).expect("it is JSON");
    assert_eq!(json["defaultErrnoRet"], 38);
    let source = home.run(&["profile", "show", "--format", "toml", "mine.toml"]);
    std::fs::write(home.path().join("again.toml"), &source.stdout).expect("the home can be written");
    assert_eq!(home.run(&["profile", "show", "--format", "toml", "again.toml"]).stdout, source.stdout);
}

#[test]
fn the_printed_filter_is_one_that_the_kernel_takes() {
    if !std::path::Path::new("/usr/bin/bwrap").exists() {
        return perry_sandbox_testkit::skip("no bwrap");
    }
    let home = home(&[]);
    let script = "exec 9< <(\"$0\" profile show --format bpf perry-default); exec bwrap --ro-bind / / --seccomp 9 unshare -U true";
    let program = home.path().join("perry-sandbox");
    let mut command = Command::new("bash");
    command.args(["-c", script]).arg(program).env("HOME", home.path()).stdin(Stdio::null());
    let output = command.output().expect("bash starts");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && error.contains("Operation not permitted"), "{error}");
}

#[test]
fn a_difference_is_by_what_is_admitted_and_shows_in_the_exit_code() {
    let home = home(&[("a.toml", &allowing("\"read\"")), ("b.toml", &allowing("\"read\", \"write\""))]);
    let same = home.run(&["profile", "diff", "a.toml", "a.toml"]);
    assert_eq!((same.code, same.stdout.as_str()), (0, "mine and mine admit the same\n"));
    let ran = home.run(&["profile", "diff", "a.toml", "b.toml"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stdout.contains("+ x86_64 write\n") && !ran.stdout.contains("read"), "{ran:?}");
    let ran = home.run(&["profile", "diff", "--json", "perry-default", "perry-minimal"]);
    let json: Value = serde_json::from_str(&ran.stdout).expect("it is JSON");
    assert_eq!(json["admitted-after-only"].as_array().map(Vec::len), Some(0), "minimal is within default");
    assert!(json["admitted-before-only"].as_array().is_some_and(|rows| rows.len() > 10));
}

#[test]
fn a_check_says_what_would_not_start() {
    let home = home(&[
        ("bad.toml", &allowing("\"read\"")),
        ("good.toml", &allowing("\"execve\", \"rt_sigprocmask\"")),
        ("broken.toml", "schema = 1"),
    ]);
    let ran = home.run(&["profile", "check", "bad.toml"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stdout.contains("found: it starts nothing under native"), "{ran:?}");
    assert_eq!(home.run(&["profile", "check", "good.toml"]).code, 0);
    for unreadable in ["broken.toml", "missing.toml", "missing"] {
        assert_eq!(home.run(&["profile", "check", unreadable]).code, 2, "{unreadable}");
    }
    assert_eq!(home.run(&["profile", "check", "--backend", "none", "good.toml"]).code, 2);
}

#[test]
fn narrowing_shows_and_writes_only_when_told() {
    let wide = allowing("\"read\", \"write\", \"execve\"");
    let home = home(&[("mine.toml", &wide), ("seen.toml", &allowing("\"read\", \"execve\""))]);
    let file = home.path().join("mine.toml");
    let args = ["profile", "narrow", "mine.toml", "--recorded", "seen.toml"];
    let ran = home.run(&args);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stdout.contains("- x86_64 write\n"), "{ran:?}");
    assert_eq!(std::fs::read_to_string(&file).expect("it is there"), wide);
    let ran = home.run(&[&args[..], &["--write"]].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(home.run(&["profile", "diff", "mine.toml", "seen.toml"]).code, 0);
    assert_eq!(home.run(&args).code, 0, "there is nothing left to take away");
}
