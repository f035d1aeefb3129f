//! How sandboxes that wait end: killed, passed over, crowded out, with their runner, and with nothing left.

use std::fs;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use perry_sandbox_testkit::bench::with_descendants;

use super::super::cgroup::Group;
use super::super::facts::room;
use super::rootfs::settings;
use super::traps::launcher;
use super::warm::{Yard, is_gone};
use super::*;
use crate::outcome::{End, Measured};

#[test]
fn ready_sandboxes_that_died_are_passed_over() {
    let Some(yard) = Yard::new(2) else { return };
    yard.shell("true");
    yard.await_ready(2);
    let waiting = yard.waiting();
    for pid in &waiting {
        kill(Pid::from_raw(i32::try_from(*pid).unwrap()), Signal::SIGKILL).unwrap();
    }
    while !waiting.iter().all(|pid| is_gone(*pid)) {
        thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(yard.shell("exit 3").end, End::Exited(3));
    yard.await_ready(2);
    // And so are those whose end the launcher process has not noticed yet.
    let (launcher, waiting) = (Pid::from_raw(i32::try_from(yard.launcher.id()).unwrap()), yard.waiting());
    kill(launcher, Signal::SIGSTOP).unwrap();
    for pid in &waiting {
        kill(Pid::from_raw(i32::try_from(*pid).unwrap()), Signal::SIGKILL).unwrap();
    }
    while !waiting.iter().all(|pid| is_gone(*pid)) {
        thread::sleep(Duration::from_millis(2));
    }
    thread::scope(|scope| {
        let run = scope.spawn(|| yard.shell("exit 5").end);
        thread::sleep(Duration::from_millis(100));
        kill(launcher, Signal::SIGCONT).unwrap();
        assert_eq!(run.join().unwrap(), End::Exited(5));
    });
    yard.await_ready(2);
    // And with the launcher process itself.
    let (first, waiting) = (yard.launcher.id(), yard.waiting());
    kill(Pid::from_raw(i32::try_from(first).unwrap()), Signal::SIGKILL).unwrap();
    while !is_gone(first) || !waiting.iter().all(|pid| is_gone(*pid)) {
        thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(yard.shell("exit 4").end, End::Exited(4));
    assert_ne!(yard.launcher.id(), first);
}

#[test]
fn nothing_of_a_pool_is_left_when_it_is_dropped() {
    let Some(yard) = Yard::in_room(3, room().clone()) else { return };
    yard.shell("true");
    yard.await_ready(3);
    assert_eq!(yard.waiting().len(), 3);
    let records = fs::read_dir(yard.live.path()).unwrap().count();
    assert_eq!(records, 3);
    let Yard { launcher, live, tree, .. } = yard;
    let waiting = with_descendants(launcher.id());
    drop(launcher);
    assert!(waiting.into_iter().all(is_gone));
    assert_eq!(fs::read_dir(live.path()).unwrap().count(), 0, "and so are the cgroups: a record names them");
    drop(tree);
}

#[test]
fn what_waits_is_under_its_limits_and_its_cgroups_are_gone_after_the_call() {
    let Some(yard) = Yard::in_room(1, room().clone()) else { return };
    if room().plan("x").is_none() {
        return perry_sandbox_testkit::skip("no cgroups can be made here");
    }
    let wish = settings(&["/bin/sh", "-c", "true"]);
    yard.run(&wish);
    yard.await_ready(1);
    let record = fs::read_dir(yard.live.path()).unwrap().next().unwrap().unwrap();
    let text = fs::read_to_string(record.path()).unwrap();
    let group: Group =
        serde_json::from_value(serde_json::from_str::<serde_json::Value>(&text).unwrap()["group"].clone())
            .unwrap();
    assert_eq!(group.members().len(), 1);
    assert_eq!(yard.run(&wish).usage.peak_measured, Measured::Cgroup);
    assert!(!group.is_populated() && group.members().is_empty());
}

#[test]
fn the_oldest_of_other_plans_make_room() {
    let Some(yard) = Yard::new(1000) else { return };
    let most = yard.launcher.pool().most();
    let first = settings(&["/bin/sh", "-c", "true"]);
    let mut second = first.clone();
    second.tmp -= 4096;
    yard.run(&first);
    yard.await_ready(most);
    let waiting = yard.waiting();
    yard.run(&second);
    let begin = Instant::now();
    while waiting.iter().any(|pid| !is_gone(*pid)) {
        assert!(begin.elapsed() < Duration::from_secs(20));
        thread::sleep(Duration::from_millis(10));
    }
    assert!(yard.launcher.ready() <= most);
}

/// Not a test of its own: what the runner of the next ones does.
#[test]
fn runner_that_keeps_three_ready() {
    if std::env::args().next().as_deref() != Some(KEEPER) {
        return;
    }
    let folder = fs::read_link("/proc/self/cwd").unwrap();
    let Some(yard) = Yard::in_room(3, room().clone()) else { return };
    let place =
        Place { launcher: Some(&yard.launcher), warmth: Some(&yard.warmth), ..place(&yard.room, &folder) };
    let wish = settings(&["/bin/sh", "-c", "true"]);
    run(&wish, &root_folder(yard.tree.path()), Streams::captured(), None, &place).unwrap();
    yard.await_ready(3);
    let waiting = yard.waiting();
    fs::write(folder.join("early"), format!("{waiting:?}")).unwrap();
    fs::rename(folder.join("early"), folder.join("waiting")).unwrap();
    thread::sleep(Duration::from_secs(60));
}

/// The name under which the next tests start a copy of this program.
const KEEPER: &str = "keeper-of-ready-sandboxes";

/// Starts a runner in a group of its own, ends it, and sees that nothing is left before anybody starts anything again.
fn end_a_runner(end: impl Fn(Pid)) {
    if launcher().is_none() {
        return;
    }
    let live = tempfile::tempdir().unwrap();
    let mut runner = Command::new(std::env::current_exe().unwrap())
        .arg0(KEEPER)
        .args(["--exact", "native::tests::warm_ends::runner_that_keeps_three_ready"])
        .current_dir(live.path())
        .process_group(0)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    let told = || fs::read_to_string(live.path().join("waiting")).ok();
    while told().is_none() {
        assert!(begin.elapsed() < Duration::from_secs(30) && runner.try_wait().unwrap().is_none());
        thread::sleep(Duration::from_millis(2));
    }
    let waiting: Vec<u32> = serde_json::from_str(&told().unwrap()).unwrap();
    assert!(waiting.len() == 3 && waiting.iter().all(|pid| !is_gone(*pid)));
    end(Pid::from_raw(i32::try_from(runner.id()).unwrap()));
    assert!(!runner.wait().unwrap().success());
    let records = || fs::read_dir(live.path()).unwrap().flatten().map(|entry| entry.path());
    let is_live = |path: PathBuf| path.extension().is_some_and(|of| of == "live");
    let begin = Instant::now();
    while !waiting.iter().all(|pid| is_gone(*pid)) || records().any(is_live) {
        assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", records().collect::<Vec<_>>());
        thread::sleep(Duration::from_millis(2));
    }
    if let Room::V1 { memory, .. } = room() {
        let of_it = format!("perry-sandbox-{}-", runner.id());
        let left = fs::read_dir(memory).unwrap().flatten();
        assert_eq!(left.filter(|entry| entry.file_name().to_string_lossy().starts_with(&of_it)).count(), 0);
    }
}

#[test]
fn a_runner_that_is_killed_leaves_no_sandbox_that_waits() {
    end_a_runner(|runner| kill(runner, Signal::SIGKILL).unwrap());
}

/// As ^C in a terminal, which a shell may have had ignored for what it runs in the background.
#[test]
fn nor_does_one_whose_whole_group_gets_a_signal() {
    end_a_runner(|runner| killpg(runner, Signal::SIGTERM).unwrap());
}

/// A copy of the program that was forked off holds everything that it had open.
#[test]
fn a_launcher_process_ends_with_its_program_whoever_else_holds_the_socket() {
    let Some(known) = launcher() else { return };
    let program = fs::read_link(format!("/proc/{}/exe", known.id())).unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let line = r#"exec 3<&0; (exec -a perry-sandbox-launcher "$0" <&3 3<&- >/dev/null 2>&1) & exec 3<&-; read -t 60 <&1"#;
    let stdin: OwnedFd = theirs.into();
    let (never, quiet) = std::io::pipe().unwrap();
    // The command keeps what it was given until it is dropped.
    let mut bash =
        Command::new("bash").args(["-c", line]).arg(program).stdin(stdin).stdout(never).spawn().unwrap();
    ours.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    assert!((&ours).read(&mut [0; 1]).is_err(), "it serves while its program lives");
    drop(quiet);
    assert!(bash.wait().is_ok());
    ours.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert_eq!((&ours).read(&mut [0; 1]).unwrap(), 0, "it has closed its end");
}

#[test]
fn a_launcher_process_that_is_stopped_does_not_hold_up_the_end() {
    let Some(yard) = Yard::in_room(4, room().clone()) else { return };
    yard.shell("true");
    yard.await_ready(4);
    let waiting = with_descendants(yard.launcher.id());
    let wish = settings(&["/bin/sh", "-c", "true"]);
    yard.run(&wish);
    kill(Pid::from_raw(i32::try_from(yard.launcher.id()).unwrap()), Signal::SIGSTOP).unwrap();
    let Yard { launcher, live, tree, .. } = yard;
    let ended = thread::spawn(move || drop(launcher));
    let begin = Instant::now();
    while !ended.is_finished() {
        assert!(begin.elapsed() < Duration::from_secs(40));
        thread::sleep(Duration::from_millis(10));
    }
    let begin = Instant::now();
    while !waiting.iter().all(|pid| is_gone(*pid)) {
        assert!(begin.elapsed() < Duration::from_secs(60));
        thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(fs::read_dir(live.path()).unwrap().count(), 0);
    drop(tree);
}
