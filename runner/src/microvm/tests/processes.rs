//! The helper and the monitor as processes: what they have, and what is left of them.

use std::fs;
use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use super::{ONE, busybox, machine_here, settings_of_a_sandbox};
use crate::microvm::command::Size;
use crate::microvm::machine::{Accelerator, Machine};
use crate::microvm::monitor::Monitor;
use crate::microvm::order::VmOrder;
use crate::native::{Role, send, start_helper};

/// The launcher of this build, which serves in every role.
fn program() -> Option<PathBuf> {
    let test = std::env::current_exe().unwrap();
    let program = test.parent()?.parent()?.join("perry-sandbox-launcher");
    if !program.is_file() {
        perry_sandbox_testkit::skip(
            "no perry-sandbox-launcher beside the tests: build the package's programs",
        );
        return None;
    }
    Some(program)
}

/// A helper whose guest runs a program that waits; the monitor's number.
fn started() -> Option<(Child, UnixStream, u32)> {
    let order = VmOrder {
        machine: machine_here()?.clone(),
        settings: settings_of_a_sandbox(&["sh", "-c", "echo a; sleep 60"]),
    };
    let root = busybox();
    let root = fs::File::open(root.path()).unwrap();
    let (control, theirs) = UnixStream::pair().unwrap();
    let helper = start_helper(&program()?, Role::Machine, theirs.into()).unwrap();
    let ((stdin, _to), (mut from, stdout)) = (std::io::pipe().unwrap(), std::io::pipe().unwrap());
    let given = [stdin.as_fd(), stdout.as_fd(), stdout.as_fd(), root.as_fd()];
    send(&control, &serde_json::to_vec(&order).unwrap(), &given).unwrap();
    drop(stdout);
    from.read_exact(&mut [0; 2]).unwrap();
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", helper.id())).unwrap();
    Some((helper, control, children.trim().parse().unwrap()))
}

/// The build script lets warnings pass: a newer compiler must not take the backend away.
#[test]
fn the_guests_program_compiles_without_a_warning() {
    let place = tempfile::tempdir().unwrap();
    let output = Command::new("rustc")
        .args(["--edition=2024", "-Dwarnings", "-Cpanic=abort", "--emit=metadata", "-o"])
        .arg(place.path().join("guest"))
        .arg(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/microvm/guest/main.rs"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn is_gone(pid: u32) -> bool {
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    state.is_empty() || state.contains(") Z ")
}

#[test]
fn the_monitor_has_nothing_of_its_callers() {
    let _turn = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let Some((mut helper, control, monitor)) = started() else { return };
    let read = |name: &str| fs::read_to_string(format!("/proc/{monitor}/{name}")).unwrap();
    let status = read("status");
    let line =
        |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    assert_eq!((line("NoNewPrivs:").as_str(), line("Seccomp:").as_str()), ("1", "2"));
    assert_eq!(line("CapEff:"), "0000000000000000");
    let uids = line("Uid:");
    assert!(!uids.split_whitespace().any(|uid| uid == "0"), "{uids}");
    if nix::unistd::geteuid().is_root() {
        assert_eq!(line("Groups:"), "", "no group of root's");
    }
    let limits = read("limits");
    let limit = |name: &str| limits.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert_eq!(limit("Max core file size").matches(" 0 ").count(), 2, "{limits}");
    assert_eq!(limit("Max file size").matches(" 0 ").count(), 2, "{limits}");
    assert!(!limit("Max data size").contains("unlimited"), "{limits}");
    assert_eq!(read("environ"), "");
    let ours = |name: &str| fs::read_link(format!("/proc/self/ns/{name}")).unwrap();
    for name in ["user", "net", "ipc", "uts"] {
        assert_ne!(fs::read_link(format!("/proc/{monitor}/ns/{name}")).unwrap(), ours(name), "{name}");
    }
    // Nobody's file but the memory disk, the kernel, and what we made for it.
    for entry in fs::read_dir(format!("/proc/{monitor}/fd")).unwrap() {
        let open = fs::read_link(entry.unwrap().path()).unwrap().display().to_string();
        let known =
            ["socket:", "pipe:", "anon_inode:", "/memfd:"].iter().any(|start| open.starts_with(start));
        assert!(known || open.ends_with("/vmlinux") || open == "/dev/null", "{open}");
    }
    drop(control);
    helper.wait().unwrap();
    assert!(is_gone(monitor));
}

#[test]
fn a_helper_that_is_killed_takes_its_machine_with_it() {
    let _turn = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let Some((mut helper, _control, monitor)) = started() else { return };
    assert!(!is_gone(monitor));
    helper.kill().unwrap();
    helper.wait().unwrap();
    let killed = Instant::now();
    while !is_gone(monitor) {
        assert!(killed.elapsed() < Duration::from_secs(25), "the monitor lives on");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What a program says that stands in the place of the monitor, and whether it could remove a file that all may remove.
fn taken_over(script: &str, landlock: bool) -> (String, bool) {
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let (victim, program) = (place.path().join("victim"), place.path().join("bin/monitor"));
    fs::create_dir(place.path().join("bin")).unwrap();
    fs::write(&victim, "x").unwrap();
    let text = format!("#!/bin/sh\nvictim={}\n{script}\n", victim.display());
    perry_sandbox_testkit::write_program(&program, &text);
    let kernel = victim.clone();
    let (version, accelerator) = ("1".to_owned(), Accelerator::Tcg);
    let machine =
        Machine { program, version, kernel, accelerator, filtered: true, namespaces: true, landlock };
    let order = VmOrder { machine, settings: settings_of_a_sandbox(&["true"]) };
    let disk = tempfile::tempfile().unwrap();
    let monitor = Monitor::start(&order, &disk, Size { mebibytes: 64, processors: 1 }).unwrap();
    monitor.port.set_nonblocking(false).unwrap();
    let mut text = String::new();
    (&monitor.port).read_to_string(&mut text).unwrap();
    (text, !victim.exists())
}

#[test]
fn a_monitor_that_is_taken_over_touches_nothing_of_the_host() {
    if !crate::native::has_domains() {
        return perry_sandbox_testkit::skip("this kernel has no Landlock");
    }
    let script = "exec 2>&1; cat /etc/passwd; ls /etc; cat /proc/1/status; ls /proc; rm -f $victim; (: > $victim.new); kill -0 $PPID && echo killed; echo end";
    let (text, removed) = taken_over(script, true);
    assert!(!removed && text.ends_with("end\n"), "{text}");
    assert_eq!(text.matches("ermission denied").count(), 6, "{text}");
    assert!(!text.contains("root:") && !text.contains("killed"), "{text}");
    let (text, removed) = taken_over(script, false);
    assert!(removed && text.contains("root:"), "without this wall both can be done: {text}");
    let (text, _) =
        taken_over("exec 2>&1; cat /proc/net/dev | tail -n +3; id -u; env | grep -v ^PWD=", false);
    assert!(
        text.contains("lo:") && text.lines().count() == 2,
        "only an idle loopback, and no variable: {text}"
    );
    assert!(text.ends_with("65534\n"), "nobody in its namespace: {text}");
}

#[test]
fn an_ordinary_user_has_a_machine_as_well() {
    if machine_here().is_none() {
        return;
    }
    let _turn = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    for test in [
        "inside::the_root_cannot_be_written_and_tmp_can",
        "processes::the_monitor_has_nothing_of_its_callers",
    ] {
        perry_sandbox_testkit::again_as_ordinary(&format!("microvm::tests::{test}"));
    }
}
