//! Nothing of a sandbox is left: after success, failure at any step, and a runner that is killed.

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use super::super::cgroup::Room;
use super::super::ground::RootError;
use super::super::live::{Live, Reaped, Record, reap};
use super::super::report::{Report, read_report};
use super::super::settings::Settings;
use super::super::start::{Given, start, this_process};
use super::super::steps::{Slot, Step};
use super::super::sys::{peek_exited, wait_exit};
use super::super::text::Text;
use super::faults::mounts;
use super::rootfs::{busybox, settings};
use super::*;
use crate::outcome::{End, Limit};

/// What a sandbox could leave on the host.
#[derive(Debug, PartialEq, Eq)]
struct Host {
    mounts: String,
    sandboxed: BTreeSet<String>,
    cgroups: BTreeSet<String>,
}

/// Processes whose namespaces are not ours, mounts of this namespace, and groups with our name.
fn host() -> Host {
    let own = fs::read_link("/proc/self/ns/pid").unwrap();
    let processes = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        let namespace = fs::read_link(entry.path().join("ns/pid")).ok()?;
        let line = fs::read_to_string(entry.path().join("cmdline")).ok()?;
        (namespace != own && line.contains("leftover")).then_some(line)
    });
    let sandboxed = processes.collect();
    let mut cgroups = BTreeSet::new();
    if let Room::V1 { memory, pids, cpu } = Room::find() {
        for folder in [memory, pids, cpu] {
            let names =
                fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path().display().to_string());
            cgroups.extend(
                names.filter(|name| name.contains(&format!("perry-sandbox-{}-", std::process::id()))),
            );
        }
    }
    Host { mounts: mounts(), sandboxed, cgroups }
}

fn script() -> Settings {
    settings(&["/bin/sh", "-c", "(setsid sh -c 'sleep 30; : leftover' &); exit 0"])
}

#[test]
fn nothing_is_left_after_success_and_after_a_limit() {
    let _alone = alone();
    let before = host();
    sandbox(&script()).unwrap();
    let mut slow = settings(&["/bin/sh", "-c", "sleep 30 & sleep 31; : leftover"]);
    slow.limits.wall = Duration::from_millis(300);
    assert_eq!(sandbox(&slow).unwrap().limit, Some(Limit::Wall));
    assert_eq!(host(), before);
}

#[test]
fn a_failure_at_any_step_leaves_nothing_and_names_the_step() {
    let _alone = alone();
    let before = host();
    let root = busybox();
    let folder = root_folder(root.path());
    let whole = spec_of(&script(), &folder).unwrap();
    // Each step in turn is replaced by one that fails.
    let fault = Step::Attach { mount: Slot::Work, beneath: Slot::Work, path: Text::try_from("x").unwrap() };
    // The first waits for the parent: without it there would be nobody to map ids for.
    for number in 1..whole.steps.len() {
        let mut spec = whole.clone();
        spec.steps[number] = fault.clone();
        let (report, given) = given(&folder);
        let child = start(&spec, given, |_| Ok(())).unwrap();
        let exit = wait_exit(child.pidfd.as_fd()).unwrap();
        assert_eq!(exit.code, Some(125), "step {number}");
        let said = loop {
            let said = read_report(&report).unwrap();
            if !matches!(said, Report::Room(_)) {
                break said;
            }
        };
        let Report::Failed { step, .. } = said else { panic!("step {number} reported {said:?}") };
        assert_eq!(usize::try_from(step).unwrap(), number);
    }
    assert_eq!(host(), before);
}

fn spec_of(settings: &Settings, folder: &RootFolder) -> Result<Spec, RootError> {
    Ok(Spec::assemble(settings, &Ground::survey(settings, folder, None)?).unwrap())
}

pub(super) fn given(folder: &RootFolder) -> (std::os::fd::OwnedFd, Given) {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
    let (report, inner) =
        socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).unwrap();
    let null = || File::options().read(true).write(true).open("/dev/null").unwrap().into();
    let given = Given {
        streams: Some([null(), null(), null()]),
        report: inner,
        root: folder.folder.try_clone().unwrap(),
        others: Vec::new(),
        owner: this_process().unwrap(),
        cgroup: None,
        joins: Vec::new(),
    };
    (report, given)
}

#[test]
fn cgroup_limits_hold_and_the_groups_are_gone() {
    let _alone = alone();
    let room = Room::find();
    if matches!(room, Room::Nowhere { .. }) {
        perry_sandbox_testkit::skip("no cgroup that this user may write");
        return;
    }
    let before = host();
    let (image, live) = (busybox(), tempfile::tempdir().unwrap());
    let place = place(&room, live.path());
    let mut settings = settings(&["/bin/sh", "-c", "dd if=/dev/zero of=/tmp/fill bs=1M count=60; sleep 3"]);
    settings.tmp = 64 << 20;
    settings.limits.disk = 64 << 20;
    settings.limits.memory = 16 << 20;
    settings.limits.memory_exact = true;
    let run_it = |settings: &Settings| {
        run(settings, &root_folder(image.path()), Streams::captured(), None, &place).unwrap()
    };
    assert_eq!(run_it(&settings).limit, Some(Limit::Memory));
    settings.argv = ["/bin/sh", "-c", "cat /proc/self/cgroup"].map(str::to_owned).to_vec();
    let finished = run_it(&settings);
    assert_eq!(finished.end, End::Exited(0));
    let text = String::from_utf8(finished.stdout).unwrap();
    assert!(!text.contains("perry-sandbox-"), "the group's own name is the root inside: {text}");
    assert_eq!(host(), before);
    assert_eq!(fs::read_dir(live.path()).unwrap().count(), 0, "no record is left");
}

/// The name under which the next test starts a copy of this program.
const KILLED: &str = "runner-to-be-killed";

/// Not a test of its own: what the killed runner of the next test does.
#[test]
fn runner_to_be_killed() {
    if std::env::args().next().as_deref() != Some(KILLED) {
        return;
    }
    let live = fs::read_link("/proc/self/cwd").unwrap();
    let root = busybox();
    let found = Room::find();
    let place = place(&found, &live);
    let settings = settings(&["/bin/sh", "-c", "sleep 50 & sleep 51; : leftover"]);
    run(&settings, &root_folder(root.path()), Streams::captured(), None, &place).unwrap();
}

#[test]
fn trap_2_a_killed_runner_takes_its_sandbox_along_and_the_next_start_reaps_the_rest() {
    let _alone = alone();
    let live = tempfile::tempdir().unwrap();
    let mut runner = Command::new(std::env::current_exe().unwrap())
        .arg0(KILLED)
        .args(["--exact", "native::tests::leftovers::runner_to_be_killed"])
        .current_dir(live.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let before = until(|| host().sandboxed.iter().any(|line| line.contains("51")).then(host));
    assert!(before.is_some(), "the sandbox runs");
    runner.kill().unwrap();
    runner.wait().unwrap();
    assert!(until(|| host().sandboxed.is_empty().then_some(())).is_some(), "{:?}", host());
    assert_eq!(fs::read_dir(live.path()).unwrap().count(), 1, "the record of the dead runner");
    let file = fs::read_dir(live.path()).unwrap().next().unwrap().unwrap().path();
    let record: Record = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    assert!(record.process.is_some(), "{record:?}");
    assert_eq!(reap(live.path()).unwrap(), Reaped { gone: 1, running: Vec::new() });
    assert_eq!(fs::read_dir(live.path()).unwrap().count(), 0);
    if let Room::V1 { memory, .. } = Room::find() {
        let of_it = format!("perry-sandbox-{}-", runner.id());
        let left = fs::read_dir(memory)
            .unwrap()
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(&of_it));
        assert_eq!(left.count(), 0);
    }
}

#[test]
fn a_sandbox_that_outlives_its_runner_is_killed_by_the_next_start() {
    let _alone = alone();
    let (root, live) = (busybox(), tempfile::tempdir().unwrap());
    let folder = root_folder(root.path());
    let mut spec =
        spec_of(&settings(&["/bin/sh", "-c", "sleep 52 & sleep 53; : leftover"]), &folder).unwrap();
    spec.steps.retain(|step| !matches!(step, Step::DieWithParent));
    let (_report, given) = given(&folder);
    let mut record = Live::record(live.path(), "1-1-1", None).unwrap();
    let note = record.note().unwrap();
    let child = start(&spec, given, |pid| note.started(pid)).unwrap();
    assert!(until(|| host().sandboxed.iter().any(|line| line.contains("53")).then_some(())).is_some());
    assert_eq!(reap(live.path()).unwrap(), Reaped::default(), "its runner holds the lock");
    // What is left when the runner is killed and the death signal does not come.
    record.leave();
    drop(record);
    // A child of another test may have a copy of the lock until it executes its program.
    let reaped = until(|| Some(reap(live.path()).unwrap()).filter(|reaped| *reaped != Reaped::default()));
    assert_eq!(reaped, Some(Reaped { gone: 1, running: Vec::new() }));
    assert!(peek_exited(child.pidfd.as_fd()), "gone before its record");
    assert_eq!(wait_exit(child.pidfd.as_fd()).unwrap().signal, Some(libc::SIGKILL));
    assert!(host().sandboxed.is_empty());
    assert_eq!(fs::read_dir(live.path()).unwrap().count(), 0);
}

/// Asks again for ten seconds.
fn until<T>(mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    for _ in 0..200 {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        thread::sleep(Duration::from_millis(50));
    }
    None
}
