//! Many at once, and those who do opposite things to the same sandbox.

use std::process::Command;
use std::thread;
use std::time::Duration;

use perry_sandbox_runner::{End, Filter, LifecycleError, SandboxStatus, StartOptions, Stop};

use super::yard::yard;

#[test]
fn fifty_are_started_at_once_and_all_end() {
    let yard = yard("echo x; exit 4");
    thread::scope(|scope| {
        let runs: Vec<_> = (0..50).map(|_| scope.spawn(|| yard.run())).collect();
        for run in runs {
            let id = run.join().unwrap();
            assert_eq!(yard.wait(&id).finish.unwrap().end, Some(End::Exited(4)));
            assert_eq!(yard.log(&id), "x\n");
        }
    });
    assert_eq!(yard.left(), Vec::<String>::new());
    let all = yard.sandboxes.list(&Filter { all: true, ..Filter::default() }).unwrap();
    assert_eq!(all.len(), 50);
}

/// The name under which another test starts copies of this program.
const STARTER: &str = "one-of-several-starters";

/// Not a test of its own: what each copy does.
#[test]
fn one_of_several_starters() {
    if std::env::args().next().as_deref() != Some(STARTER) {
        return;
    }
    let runtime = std::fs::read_link("/proc/self/cwd").unwrap();
    let mut yard = yard("echo x; exit 4");
    let shared = perry_sandbox_runner::Sandboxes::open(&runtime).unwrap();
    // What is in the shared folder is not this copy's to remove at its end.
    let own = std::mem::replace(&mut yard.sandboxes, shared.with_program(super::yard::program()));
    for _ in 0..12 {
        let id = yard.run();
        yard.wait(&id);
    }
    yard.sandboxes = own;
}

#[test]
fn several_processes_start_at_once() {
    use std::os::unix::process::CommandExt as _;
    let yard = yard("true");
    let copies: Vec<_> = (0..4)
        .map(|_| {
            Command::new(std::env::current_exe().unwrap())
                .arg0(STARTER)
                .args(["--exact", "lifecycle::race::one_of_several_starters"])
                .current_dir(&yard.runtime)
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for copy in copies {
        let copy = copy.wait_with_output().unwrap();
        assert!(copy.status.success(), "{}", String::from_utf8_lossy(&copy.stdout));
    }
    let all = yard.sandboxes.list(&Filter { all: true, ..Filter::default() }).unwrap();
    assert_eq!(all.iter().filter(|info| info.status == SandboxStatus::Exited).count(), 48);
}

#[test]
fn two_starts_of_one_are_one_start() {
    let yard = yard("echo once");
    for _ in 0..5 {
        let id = yard.create();
        let won = thread::scope(|scope| {
            let all: Vec<_> =
                (0..6).map(|_| scope.spawn(|| yard.try_start(&id, StartOptions::default()))).collect();
            let answers = all.into_iter().map(|one| one.join().unwrap());
            let expected = |error: &LifecycleError| {
                matches!(error, LifecycleError::Busy { .. } | LifecycleError::StartedBefore { .. })
            };
            answers
                .filter(|answer| answer.as_ref().map_err(|error| assert!(expected(error), "{error}")).is_ok())
                .count()
        });
        assert_eq!(won, 1);
        yard.wait(&id);
        assert_eq!(yard.log(&id), "once\n");
    }
}

#[test]
fn stop_and_the_end_may_meet() {
    let yard = yard("sleep 0.05");
    for delay in [0, 20, 40, 50, 60, 80] {
        let id = yard.run();
        thread::sleep(Duration::from_millis(delay));
        match yard.sandboxes.stop(&id, &Stop::default()) {
            Ok(info) => assert_eq!(info.status, SandboxStatus::Exited),
            Err(LifecycleError::NotRunning { status, .. }) => assert_eq!(status, SandboxStatus::Exited),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(yard.left(), Vec::<String>::new());
}

#[test]
fn start_and_remove_leave_a_running_sandbox_or_none() {
    let yard = yard("sleep 300");
    for round in 0..8 {
        let id = yard.create();
        let (started, removed) = thread::scope(|scope| {
            let start = scope.spawn(|| yard.try_start(&id, StartOptions::default()));
            let remove = scope.spawn(|| yard.sandboxes.remove(&id, round % 2 == 1));
            (start.join().unwrap(), remove.join().unwrap())
        });
        match (&started, &removed) {
            (Ok(()), Err(LifecycleError::Busy { .. })) => {
                assert_eq!(yard.sandboxes.inspect(&id).unwrap().status, SandboxStatus::Running);
            }
            (Ok(()) | Err(LifecycleError::NotFound(_) | LifecycleError::Busy { .. }), Ok(())) => {
                assert!(matches!(yard.sandboxes.inspect(&id), Err(LifecycleError::NotFound(_))));
            }
            other => panic!("{other:?}"),
        }
    }
}
