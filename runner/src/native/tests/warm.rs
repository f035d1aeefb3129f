//! Sandboxes that wait for their call: one call each, nothing but what its plan asks for, and nothing is left.

use std::fs;
use std::os::fd::OwnedFd;
use std::thread;
use std::time::{Duration, Instant};

use perry_sandbox_testkit::bait::Bait;
use perry_sandbox_testkit::bench::with_descendants;
use perry_sandbox_testkit::outside::greeter;
use perry_sandbox_testkit::{Verdicts, again_as_ordinary, checker};

use super::super::launcher::Launcher;
use super::super::settings::Settings;
use super::super::warm::Warmth;
use super::egress::{granted, near};
use super::rootfs::{busybox, settings};
use super::traps::launcher;
use super::*;
use crate::io::Input;
use crate::outcome::{End, Limit};

/// A launcher process, a root, and the folder of live sandboxes.
pub(super) struct Yard {
    pub(super) launcher: Launcher,
    pub(super) tree: tempfile::TempDir,
    pub(super) live: tempfile::TempDir,
    pub(super) warmth: Warmth,
    pub(super) room: Room,
}

impl Yard {
    pub(super) fn new(count: usize) -> Option<Self> {
        Self::in_room(count, without_cgroups())
    }

    pub(super) fn in_room(count: usize, room: Room) -> Option<Self> {
        let lock: OwnedFd = File::open("/dev/null").unwrap().into();
        let (tree, live) = (busybox(), tempfile::tempdir().unwrap());
        Some(Self { launcher: launcher()?, tree, live, warmth: Warmth { count, lock }, room })
    }

    pub(super) fn run_with(&self, settings: &Settings, streams: Streams) -> Result<Finished, RunError> {
        let place = Place {
            launcher: Some(&self.launcher),
            warmth: Some(&self.warmth),
            ..place(&self.room, self.live.path())
        };
        run(settings, &root_folder(self.tree.path()), streams, None, &place)
    }

    pub(super) fn run(&self, settings: &Settings) -> Finished {
        self.run_with(settings, Streams::captured()).unwrap()
    }

    pub(super) fn shell(&self, line: &str) -> Finished {
        self.run(&settings(&["/bin/sh", "-c", line]))
    }

    /// Waits until so many are ready.
    pub(super) fn await_ready(&self, count: usize) {
        let begin = Instant::now();
        while self.launcher.ready() != count {
            assert!(begin.elapsed() < Duration::from_secs(10), "{} are ready", self.launcher.ready());
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// What waits, by process, without the launcher process.
    pub(super) fn waiting(&self) -> Vec<u32> {
        with_descendants(self.launcher.id()).into_iter().filter(|pid| *pid != self.launcher.id()).collect()
    }
}

pub(super) fn is_gone(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.is_empty() || stat.contains(") Z ")
}

#[test]
fn a_call_is_taken_by_a_ready_sandbox_with_its_own_arguments_variables_and_input() {
    let Some(yard) = Yard::new(1) else { return };
    assert_eq!(yard.shell("true").end, End::Exited(0));
    yard.await_ready(1);
    let waiting = yard.waiting();
    let mut wish = settings(&["/bin/sh", "-c", "echo \"$0 $1 $SAID\"; cat; echo end >&2; exit 7", "a b", ""]);
    wish.env.insert("SAID".to_owned(), "what = ever\n".to_owned());
    let streams = Streams { stdin: Input::Bytes(b"given".to_vec()), ..Streams::captured() };
    let finished = yard.run_with(&wish, streams).unwrap();
    assert_eq!(finished.stdout.as_slice(), b"a b  what = ever\n\ngiven");
    assert_eq!((finished.stderr.as_slice(), finished.end), (&b"end\n"[..], End::Exited(7)));
    assert!(waiting.into_iter().all(is_gone), "it ran in the sandbox that waited");
}

#[test]
fn the_checker_finds_in_a_ready_sandbox_what_it_finds_in_one_that_was_launched_for_it() {
    let (Some(yard), Some(checker)) = (Yard::new(1), checker()) else { return };
    fs::copy(checker, yard.tree.path().join("bin/checker")).unwrap();
    let bait = Bait::lay(checker);
    let mut wish = settings(&["/bin/checker"]);
    wish.argv.extend_from_slice(bait.arguments());
    wish.argv.extend(["pids=64", "files=256", "limits=ours"].map(str::to_owned));
    wish.limits.open_files = 256;
    let verdicts = || {
        let verdicts = Verdicts::read(&yard.run(&wish).stdout);
        assert!(verdicts.open.is_empty(), "{:?}", verdicts.open);
        verdicts.held.len()
    };
    let launched = verdicts();
    yard.await_ready(1);
    let waiting = yard.waiting();
    assert_eq!(verdicts(), launched);
    assert!(launched > 60 && waiting.into_iter().all(is_gone));
}

#[test]
fn no_sandbox_takes_two_calls() {
    let Some(yard) = Yard::new(2) else { return };
    for _ in 0..6 {
        let finished = yard.shell("cat /tmp/x; echo left > /tmp/x; echo $$; set | grep SAID");
        assert_eq!(finished.stdout.as_slice(), b"1\n", "{finished:?}");
        yard.await_ready(2);
    }
}

#[test]
fn a_call_with_another_plan_takes_none_of_the_ready_ones() {
    let Some(yard) = Yard::new(1) else { return };
    let first = settings(&["/bin/sh", "-c", "true"]);
    yard.run(&first);
    yard.await_ready(1);
    let waiting = yard.waiting();
    let changes: [fn(&mut Settings); 6] = [
        |settings| settings.limits.memory -= 4096,
        |settings| settings.limits.output = 1,
        |settings| settings.tmp -= 4096,
        |settings| settings.filter.push(*settings.filter.last().unwrap()),
        |settings| settings.uid = 1000,
        |settings| settings.cwd = "/tmp".to_owned(),
    ];
    for change in changes {
        let mut other = first.clone();
        change(&mut other);
        yard.run(&other);
        assert!(waiting.iter().all(|pid| !is_gone(*pid)), "{other:?} took it");
    }
    let place = Place {
        launcher: Some(&yard.launcher),
        warmth: Some(&yard.warmth),
        ..place(&yard.room, yard.live.path())
    };
    let copy = busybox();
    run(&first, &root_folder(copy.path()), Streams::captured(), None, &place).unwrap();
    assert!(waiting.iter().all(|pid| !is_gone(*pid)), "the same plan with another tree took it");
    yard.run(&first);
    assert!(waiting.into_iter().all(is_gone));
}

#[test]
fn what_is_looked_at_when_a_program_starts_is_not_looked_at_ahead() {
    let Some(yard) = Yard::new(1) else { return };
    let mut screen = settings(&["/bin/tty"]);
    screen.terminal = true;
    yard.run(&screen);
    let folder = tempfile::tempdir().unwrap();
    let mut shown = settings(&["/bin/true"]);
    let path = folder.path().canonicalize().unwrap().display().to_string();
    shown.mounts = vec![HostFolder::in_place(path, MountAccess::Read)];
    yard.run(&shown);
    thread::sleep(Duration::from_millis(300));
    assert_eq!((yard.launcher.ready(), yard.waiting()), (0, Vec::new()));
}

/// As root the parent would have to hand such folders over, which no pool does; an ordinary user's child opens them itself.
#[test]
fn nor_is_it_for_an_ordinary_user() {
    again_as_ordinary("native::tests::warm::what_is_looked_at_when_a_program_starts_is_not_looked_at_ahead");
}

/// Of the launcher process too: the first call is launched by it, the second taken by what waited.
#[test]
fn an_egress_grant_is_held_by_a_launcher_process_and_in_a_ready_sandbox() {
    let Some(yard) = Yard::new(1) else { return };
    let port = greeter();
    let line =
        format!("busybox wget -q -O - http://127.0.0.1:{port}/; busybox wget -q -O - http://b.example/");
    let wish = granted(&near(port), &line);
    for call in ["launched", "taken"] {
        let finished = yard.run(&wish);
        let used = finished.egress.unwrap();
        assert_eq!(finished.stdout.as_slice(), b"hello\n", "{call}");
        assert_eq!((used.allowed, used.refused), (1, 1), "{call} {used:?}");
        yard.await_ready(1);
    }
    // Whatever it was made for, a call's own grants decide.
    let used = yard.run(&granted(&near(port.wrapping_add(1)), &line)).egress.unwrap();
    assert_eq!((used.allowed, used.refused), (0, 2), "{used:?}");
}

#[test]
fn the_wall_time_of_a_call_begins_with_the_call() {
    let Some(yard) = Yard::new(1) else { return };
    let wish = |line| {
        let mut wish = settings(&["/bin/sh", "-c", line]);
        wish.limits.wall = Duration::from_secs(3);
        wish
    };
    yard.run(&wish("true"));
    yard.await_ready(1);
    thread::sleep(Duration::from_millis(3100));
    let finished = yard.run(&wish("sleep 0.2"));
    assert_eq!((finished.end, finished.limit), (End::Exited(0), None));
    yard.await_ready(1);
    assert_eq!(yard.run(&wish("sleep 20")).limit, Some(Limit::Wall));
}

#[test]
fn a_program_that_cannot_be_executed_is_named_and_a_missing_one_is_not_waited_for() {
    let Some(yard) = Yard::new(1) else { return };
    fs::write(yard.tree.path().join("bin/broken"), "no program").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(yard.tree.path().join("bin/broken"), mode).unwrap();
    for _ in 0..2 {
        let error = yard.run_with(&settings(&["/bin/broken"]), Streams::captured()).unwrap_err();
        assert!(matches!(&error, RunError::ProgramNotExecutable { program, .. } if program == "/bin/broken"));
        yard.await_ready(1);
    }
    let error = yard.run_with(&settings(&["nonesuch"]), Streams::captured()).unwrap_err();
    assert!(matches!(error, RunError::ProgramNotFound(_)), "{error}");
}

#[test]
fn a_call_that_is_too_long_to_wait_for_runs_all_the_same() {
    let Some(yard) = Yard::new(1) else { return };
    let long = "x".repeat(100_000);
    let finished = yard.run(&settings(&["/bin/sh", "-c", "echo ${#0}", &long]));
    assert_eq!(finished.stdout.as_slice(), b"100000\n");
    assert_eq!(yard.launcher.ready(), 0);
}

#[test]
fn many_callers_at_once_get_each_their_own() {
    let Some(yard) = Yard::new(4) else { return };
    thread::scope(|scope| {
        let runs: Vec<_> = (0..40)
            .map(|number| {
                let yard = &yard;
                scope.spawn(move || (number, yard.shell(&format!("echo {number}"))))
            })
            .collect();
        for run in runs {
            let (number, finished) = run.join().unwrap();
            assert_eq!(finished.stdout, format!("{number}\n").into_bytes());
        }
    });
}
