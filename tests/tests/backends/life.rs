//! After every end, nothing of the sandbox is left: in the engine, as process, mount, control group, or file.

use std::fs;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use perry_sandbox_testkit::Home;

use crate::engines::engines;
use crate::wall::{RUNTIME, Wall, engine_walls};
use crate::{IMAGE, KEY};

/// Tests that look at what all of the machine sees go one after another: each start removes what a dead one left.
pub fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Everything that a sandbox of this process could leave.
fn left(wall: Wall, pid: u32, marker: &str) -> Vec<String> {
    let name = format!("perry-sandbox-{pid}-");
    let mut found = processes(&[&name, marker]);
    found.extend(below(Path::new(RUNTIME), 0, &|text| text.contains(&name)));
    found.extend(below(Path::new("/sys/fs/cgroup"), 4, &|text| text.contains(&name)));
    match wall.name {
        "podman" => {
            let all = engines().podman(&["ps", "--all", "--format", "{{.Names}}"]);
            found.extend(
                all.lines().filter(|line| line.starts_with(&name)).map(|line| format!("container {line}")),
            );
            let merged = |text: &str| text.ends_with("/merged") || text.ends_with("/shm");
            found.extend(mounts("/proc/self/mounts", &engines().folder().join("podman"), &merged));
        }
        "docker" => {
            for (target, field) in [("/containers/json?all=1", "Names"), ("/volumes", "Volumes")] {
                let all = engines().docker(target);
                let all = all.as_array().or_else(|| all[field].as_array()).cloned().unwrap_or_default();
                found.extend(all.iter().map(|one| format!("{target}: {one}")));
            }
            found.extend(below(&engines().folder().join("docker/containers"), 0, &|_| true));
            let group = engines().group();
            found.extend(below(Path::new("/sys/fs/cgroup"), 4, &|text| text.contains(&format!("{group}/"))));
        }
        _ => found.extend(mounts("/proc/self/mounts", Path::new(RUNTIME), &|text| text.contains(&name))),
    }
    found
}

/// Processes of this machine whose arguments have one of these words.
pub fn processes(words: &[&str]) -> Vec<String> {
    let all = fs::read_dir("/proc").expect("/proc is there").flatten();
    let lines = all.filter_map(|entry| {
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        Some(format!("{} {}", entry.path().display(), String::from_utf8_lossy(&line).replace('\0', " ")))
    });
    lines.filter(|line| words.iter().any(|word| line.contains(word))).collect()
}

fn below(folder: &Path, depth: u32, counts: &dyn Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path: PathBuf = entry.path();
        let text = path.display().to_string();
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        // A control group is a folder; what is in it says nothing more.
        if counts(&text) && (is_folder || !path.starts_with("/sys")) {
            found.push(text);
        }
        if depth > 0 && is_folder {
            found.extend(below(&path, depth - 1, counts));
        }
    }
    found
}

fn mounts(file: &str, folder: &Path, counts: &dyn Fn(&str) -> bool) -> Vec<String> {
    let text = fs::read_to_string(file).expect("mounts can be read");
    let places = text.lines().filter_map(|line| line.split(' ').nth(1));
    places.filter(|place| Path::new(place).starts_with(folder) && counts(place)).map(str::to_owned).collect()
}

fn nothing_is_left(wall: Wall, pid: u32, marker: &str, when: &str) {
    let begun = Instant::now();
    loop {
        let found = left(wall, pid, marker);
        if found.is_empty() {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{wall:?} {when}: {found:#?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn start(wall: Wall, home: &Home, flags: &[&str], script: &str) -> Child {
    let fixed = [&["run", "--backend", wall.name, "--quiet", "--key", KEY], flags, &[IMAGE, "--"]].concat();
    let mut command =
        wall.shared_command(home, &[&fixed[..], &["/bin/busybox", "sh", "-c", script]].concat());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A group of its own, which a test kills as a whole.
    command.process_group(0).spawn().expect("the program starts")
}

fn until_ready(wall: Wall, child: &mut Child) {
    let mut ready = [0; 6];
    let read = child.stdout.as_mut().expect("a pipe").read_exact(&mut ready);
    assert!(read.is_ok() && &ready == b"ready\n", "{wall:?}: {read:?}");
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
    assert!(status.is_ok_and(|status| status.success()));
}

fn marker(wall: Wall, of: &str) -> String {
    format!("marker-{}-{}-{of}", wall.name, std::process::id())
}

#[test]
fn nothing_is_left_after_success_failure_and_a_limit() {
    let _turn = turn();
    for wall in engine_walls() {
        let home = wall.home();
        let marker = marker(wall, "end");
        let leave = format!("(setsid sh -c 'sleep 300; : {marker}' </dev/null >/dev/null 2>&1 &) ; ");
        for (flags, then, code) in [
            (&[][..], "exit 0", 0),
            (&[], "exit 3", 3),
            (&["--timeout", "2s"], "sleep 300", 124),
            (&["--output-limit", "4KiB"], "yes", 123),
            (&[], "cat", 0),
        ] {
            let mut child = start(wall, &home, flags, &format!("{leave}{then}"));
            drop(child.stdin.take());
            let pid = child.id();
            let ended = child.wait_with_output().expect("it ends");
            assert_eq!(ended.status.code(), Some(code), "{wall:?} {then}: {ended:?}");
            nothing_is_left(wall, pid, &marker, then);
        }
        let mut missing =
            wall.shared_command(&home, &["run", "--backend", wall.name, "--key", KEY, IMAGE, "--", "/nope"]);
        let child = missing.stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts");
        let pid = child.id();
        assert_eq!(child.wait_with_output().expect("it ends").status.code(), Some(127));
        nothing_is_left(wall, pid, &marker, "a program that is not there");
    }
}

#[test]
fn what_a_running_sandbox_has_can_be_seen() {
    let _turn = turn();
    for wall in engine_walls() {
        let home = wall.home();
        let marker = marker(wall, "seen");
        let mut child = start(wall, &home, &[], &format!("echo ready; : {marker}; read x"));
        until_ready(wall, &mut child);
        let found = left(wall, child.id(), &marker).join("\n");
        drop(child.stdin.take());
        child.wait().expect("it ends");
        let (engine, word) = match wall.name {
            "podman" => ("container perry-sandbox-", "/merged"),
            "docker" => ("/containers/json?all=1", "/docker/containers/"),
            _ => ("runsc", "/sys/fs/cgroup/"),
        };
        for word in [engine, word, &marker, RUNTIME] {
            assert!(found.contains(word), "{wall:?}: `{word}` is not in {found}");
        }
        nothing_is_left(wall, child.id(), &marker, "its end");
    }
}

#[test]
fn sigterm_and_sigint_end_it() {
    let _turn = turn();
    for wall in engine_walls() {
        let home = wall.home();
        // A program that acts on the signal ends as it wants to.
        for (name, trap, code) in [("TERM", "", 143), ("INT", "", 130), ("TERM", "trap 'exit 9' TERM;", 9)] {
            let marker = marker(wall, name);
            let wait = "i=0; while [ $i -lt 300 ]; do sleep 0.1; i=$((i+1)); done";
            let mut child = start(wall, &home, &[], &format!("{trap} echo ready; {wait}; : {marker}"));
            until_ready(wall, &mut child);
            signal(&child, name);
            let (pid, ended) = (child.id(), child.wait_with_output().expect("it ends"));
            assert_eq!(ended.status.code(), Some(code), "{wall:?} {name}: {ended:?}");
            nothing_is_left(wall, pid, &marker, name);
        }
    }
}

#[test]
fn sigkill_of_the_runner_takes_the_sandbox_with_it() {
    let _turn = turn();
    for wall in engine_walls() {
        let home = wall.home();
        let marker = marker(wall, "KILL");
        let mut child = start(wall, &home, &[], &format!("echo ready; sleep 300; : {marker}"));
        until_ready(wall, &mut child);
        signal(&child, "KILL");
        let pid = child.id();
        drop(child.wait_with_output());
        nothing_is_left(wall, pid, &marker, "KILL");
    }
}

#[test]
fn sigkill_of_the_runners_whole_group_takes_the_sandbox_with_it() {
    let _turn = turn();
    for wall in engine_walls() {
        let home = wall.home();
        let marker = marker(wall, "GROUP");
        let mut child = start(wall, &home, &[], &format!("echo ready; sleep 300; : {marker}"));
        until_ready(wall, &mut child);
        let pid = child.id();
        let killed = Command::new("kill").args(["-KILL", "--", &format!("-{pid}")]).status();
        assert!(killed.is_ok_and(|status| status.success()));
        drop(child.wait_with_output());
        nothing_is_left(wall, pid, &marker, "GROUP");
    }
}
