//! After every end, nothing of the sandbox is left: processes, mounts, cgroups, files.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use perry_sandbox_testkit::{Home, is_root};

use crate::{IMAGE, KEY, run_in, users};

/// What a sandbox could leave on the host, found by a marker that only this test's processes carry.
fn processes_with(marker: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("/proc is there").flatten() {
        let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        let own = entry.file_name().to_str() == Some(&std::process::id().to_string());
        if command.contains(marker) && !own {
            found.push(format!("{} {command}", entry.file_name().display()));
        }
    }
    found
}

fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn cgroups_of(pid: u32) -> Vec<String> {
    let name = format!("perry-sandbox-{pid}-");
    let mut open = vec![Path::new("/sys/fs/cgroup").to_owned()];
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                let text = entry.file_name().to_string_lossy().into_owned();
                if text.starts_with(&name) {
                    found.push(entry.path().display().to_string());
                }
                open.push(entry.path());
            }
        }
    }
    found
}

/// The live records of the runtime folder.
fn live(home: &Home) -> BTreeSet<String> {
    let dir = if is_root() {
        Path::new("/run/perry-sandbox").to_owned()
    } else {
        home.path().join("perry-sandbox")
    };
    let both = [dir, home.path().join("perry-sandbox")];
    both.iter()
        .filter(|dir| dir.is_dir())
        .flat_map(|dir| std::fs::read_dir(dir).into_iter().flatten().flatten())
        .map(|entry| entry.path().display().to_string())
        .collect()
}

fn start(home: &Home, marker: &str) -> Child {
    // `tail` says so itself, and catches nothing: a shell in its place may swallow a signal while it makes room for a program.
    let script = format!("echo ready >/tmp/ready; sh -c 'sleep 300; : {marker}' & exec tail -f /tmp/ready");
    let args = ["run", "--quiet", "--key", KEY, IMAGE, "--", "/bin/busybox", "sh", "-c", &script];
    let mut command = home.command(&args);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("starts");
    let mut stdout = child.stdout.take().expect("a pipe");
    let mut ready = [0; 6];
    std::io::Read::read_exact(&mut stdout, &mut ready).expect("the program inside says that it is ready");
    assert_eq!(&ready, b"ready\n");
    std::mem::forget(stdout);
    child
}

fn signal(child: &Child, name: &str) {
    let status =
        std::process::Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
    assert!(status.is_ok_and(|status| status.success()));
}

#[test]
fn nothing_is_left_after_success_and_failure() {
    for user in users() {
        let home = Home::new(user);
        for command in [&["/bin/busybox", "true"][..], &["/bin/busybox", "false"], &["/bin/nothing"]] {
            let _ = run_in(&home, &[], command);
        }
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").expect("mounts can be read");
        assert!(!mounts.contains(home.path().to_str().unwrap()), "{user:?}: {mounts}");
        let left: Vec<_> =
            live(&home).into_iter().filter(|path| path.contains(home.path().to_str().unwrap())).collect();
        assert!(left.iter().all(|path| Path::new(path).is_file()), "{user:?}: {left:?}");
    }
}

#[test]
fn a_daemon_that_the_program_leaves_behind_dies_with_it() {
    for user in users() {
        let marker = format!("daemon-marker-{}-{user:?}", std::process::id());
        let script = format!(
            "(setsid sh -c 'sleep 300; : {marker}' </dev/null >/dev/null 2>&1 &) ; sleep 0.2; exit 0"
        );
        let ran = run_in(&Home::new(user), &[], &["/bin/busybox", "sh", "-c", &script]);
        assert_eq!(ran.code, 0, "{ran:?}");
        wait_until("the daemon is gone", || processes_with(&marker).is_empty());
    }
}

#[test]
fn sigint_and_sigterm_reach_the_program_and_leave_nothing() {
    for user in users() {
        for (name, code) in [("INT", 130), ("TERM", 143)] {
            let home = Home::new(user);
            let marker = format!("signal-marker-{}-{user:?}-{name}", std::process::id());
            let mut child = start(&home, &marker);
            signal(&child, name);
            let status = child.wait().expect("it ends");
            assert_eq!(status.code(), Some(code), "{user:?} {name}");
            wait_until("the sandbox is gone", || processes_with(&marker).is_empty());
        }
    }
}

#[test]
fn kill_9_of_the_runner_takes_the_sandbox_with_it_and_the_next_start_reaps() {
    for user in users() {
        let home = Home::new(user);
        let marker = format!("kill-marker-{}-{user:?}", std::process::id());
        let mut child = start(&home, &marker);
        let pid = child.id();
        signal(&child, "KILL");
        let _ = child.wait().expect("it is dead");
        wait_until("the sandbox is gone", || processes_with(&marker).is_empty());
        // Somebody else's start may be at it already, and this one leaves it to that.
        wait_until("the next start has removed its groups", || {
            let next = run_in(&home, &[], &["/bin/busybox", "true"]);
            assert_eq!(next.code, 0, "{user:?}: {next:?}");
            cgroups_of(pid).is_empty()
        });
    }
}
