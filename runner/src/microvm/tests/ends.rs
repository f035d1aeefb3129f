//! How a program in a machine ends, and who ends it.

use std::io::BufRead as _;
use std::time::{Duration, Instant};

use super::{Ran, run, settings_of_a_sandbox, start};
use crate::microvm::report::FailureKind;
use crate::outcome::{End, Limit};

fn end(ran: &Ran) -> (Option<End>, Option<Limit>) {
    assert_eq!(ran.report.failure, None, "{}{}", ran.stdout, ran.stderr);
    (ran.report.end, ran.report.limit)
}

#[test]
fn a_program_says_something_and_ends_with_its_own_code() {
    let Some(ran) = run(&["/bin/busybox", "echo", "hello"], b"", |_| {}) else { return };
    assert_eq!((end(&ran), ran.stdout.as_str()), ((Some(End::Exited(0)), None), "hello\n"));
    assert!(ran.report.boot > 0 && ran.report.output == 6 && ran.report.peak_memory > 0, "{:?}", ran.report);
    let Some(ran) = run(&["sh", "-c", "echo no >&2; exit 42"], b"", |_| {}) else { return };
    assert_eq!((end(&ran), ran.stderr.as_str()), ((Some(End::Exited(42)), None), "no\n"));
}

#[test]
fn what_is_not_there_or_cannot_be_executed_is_told_apart() {
    let failure = |argv: &[&str]| run(argv, b"", |_| {}).map(|ran| ran.report.failure.unwrap());
    let Some(missing) = failure(&["no-such-program"]) else { return };
    assert_eq!(missing.kind, FailureKind::NotFound, "{}", missing.why);
    let refused = failure(&["/etc"]).unwrap();
    assert_eq!(refused.kind, FailureKind::NotExecutable, "{}", refused.why);
    let Some(folder) = run(&["true"], b"", |settings| settings.cwd = "/none".to_owned()) else { return };
    let folder = folder.report.failure.unwrap();
    assert_eq!(folder.kind, FailureKind::Setup);
    assert!(folder.why.contains("working folder"), "{}", folder.why);
}

/// Starts a shell, waits for its first line, sends a signal.
fn signalled(script: &str, number: i32) -> Option<Ran> {
    let mut running = start(settings_of_a_sandbox(&["sh", "-c", script]))?;
    let mut line = String::new();
    std::io::BufReader::with_capacity(1, &mut running.stdout).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    running.signal(number);
    Some(running.finish(b""))
}

#[test]
fn a_signal_ends_a_program_that_does_not_catch_it_and_is_given_to_one_that_does() {
    let Some(ran) = signalled("echo ready; sleep 60", libc::SIGTERM) else { return };
    assert_eq!(end(&ran), (Some(End::Killed(libc::SIGTERM)), None));
    let caught = "trap 'echo caught; exit 7' TERM; echo ready; while :; do sleep 0.1; done";
    let ran = signalled(caught, libc::SIGTERM).unwrap();
    assert_eq!((end(&ran), ran.stdout.as_str()), ((Some(End::Exited(7)), None), "caught\n"));
    let ran = signalled("trap '' TERM INT; echo ready; while :; do :; done", libc::SIGKILL).unwrap();
    assert_eq!(end(&ran), (Some(End::Killed(libc::SIGKILL)), None));
}

#[test]
fn a_program_that_ends_itself_by_a_signal_is_seen_to() {
    // Process 1 of a namespace does not hear its own signals; a child of it does, and the shell says so.
    let Some(ran) = run(&["sh", "-c", "sh -c 'kill -9 $$'; exit $?"], b"", |_| {}) else { return };
    assert_eq!(end(&ran), (Some(End::Exited(137)), None));
}

#[test]
fn time_and_output_are_limited_from_outside() {
    let started = Instant::now();
    let wall = Duration::from_secs(2);
    let Some(ran) = run(&["sh", "-c", "echo a; sleep 60"], b"", |settings| settings.limits.wall = wall)
    else {
        return;
    };
    assert_eq!((end(&ran), ran.stdout.as_str()), ((Some(End::Killed(9)), Some(Limit::Wall)), "a\n"));
    assert!(ran.report.wall >= 2000 && started.elapsed() < Duration::from_secs(30));
    let Some(ran) = run(&["yes"], b"", |settings| settings.limits.output = 5001) else { return };
    assert_eq!(end(&ran), (Some(End::Killed(9)), Some(Limit::Output)));
    assert_eq!((ran.stdout.len(), ran.report.output), (5001, 5001));
}

#[test]
fn memory_is_limited_for_all_processes_and_files_together() {
    let small = |settings: &mut crate::native::Settings| {
        settings.limits.memory = 32 << 20;
        settings.tmp = 200 << 20;
    };
    let Some(ran) = run(&["dd", "if=/dev/zero", "of=/tmp/x", "bs=1M", "count=100"], b"", |settings| {
        small(settings);
        settings.limits.disk = 200 << 20;
    }) else {
        return;
    };
    assert_eq!(end(&ran), (Some(End::Killed(9)), Some(Limit::Memory)), "{}", ran.stderr);
    assert!(ran.report.peak_memory <= 32 << 20 && ran.report.peak_memory > 30 << 20, "{:?}", ran.report);
}

#[test]
fn processes_and_files_are_limited() {
    let many = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 5 & done; wait; exit 3";
    let Some(ran) = run(&["sh", "-c", many], b"", |settings| settings.limits.pids = 8) else { return };
    assert_eq!(end(&ran).1, Some(Limit::Pids), "{}", ran.stderr);
    assert_ne!(ran.report.end, Some(End::Exited(0)));
    let full = "dd if=/dev/zero of=/tmp/x bs=64k count=64 2>/dev/null; df /tmp | tail -1; exit 4";
    let Some(ran) = run(&["sh", "-c", full], b"", |settings| settings.tmp = 1 << 20) else { return };
    assert_eq!(end(&ran), (Some(End::Exited(4)), Some(Limit::Disk)), "{}", ran.stdout);
}

#[test]
fn a_program_may_use_no_more_processor_time_than_its_share_of_the_wall_time() {
    let Some(ran) = run(&["sh", "-c", "while :; do :; done"], b"", |settings| {
        settings.limits.wall = Duration::from_secs(20);
        settings.limits.milli_cpu = 100;
    }) else {
        return;
    };
    // A tenth of a processor: two seconds of it would take the whole wall time.
    assert!(ran.report.wall >= 10_000, "{:?}", ran.report);
    assert!(matches!(ran.report.limit, Some(Limit::Cpu | Limit::Wall)), "{:?}", ran.report);
}
