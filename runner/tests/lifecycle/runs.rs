//! Starting, watching, ending.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::thread;
use std::time::Duration;

use perry_sandbox_runner::{
    End, FailureKind, Filter, Input, LifecycleError, Limit, LogStream, SandboxStatus, StartOptions, Stop,
    Verified,
};

use super::yard::{until, yard};

#[test]
fn a_sandbox_runs_is_logged_and_ends_with_its_outcome() {
    let yard = yard("echo out; echo err >&2; exit 7");
    let trail = yard.trail();
    let id = yard.create();
    yard.try_start(&id, StartOptions { trail: Some(&trail), ..StartOptions::default() }).unwrap();
    let info = yard.wait(&id);
    let finish = info.finish.clone().unwrap();
    assert_eq!((info.status, finish.end), (SandboxStatus::Exited, Some(End::Exited(7))), "{finish:?}");
    assert!(finish.usage.is_some() && finish.failure.is_none() && info.finished >= info.started);
    let chunks: Vec<_> = yard.sandboxes.logs(&id, None, false).unwrap().map(Result::unwrap).collect();
    let of = |wanted| {
        let chunks = chunks.iter().filter(|chunk| chunk.stream == wanted);
        chunks.flat_map(|chunk| chunk.bytes.clone()).collect::<Vec<u8>>()
    };
    assert_eq!((of(LogStream::Stdout), of(LogStream::Stderr)), (b"out\n".to_vec(), b"err\n".to_vec()));
    assert_eq!(trail.verify().unwrap(), Verified::Whole { lines: 2 });
    assert!(trail.lines().unwrap().join("").contains("\"exited\":7"));
    assert_eq!(yard.left(), Vec::<String>::new(), "no live record is left");
    assert!(matches!(
        yard.try_start(&id, StartOptions::default()),
        Err(LifecycleError::StartedBefore { .. })
    ));
    yard.try_start(&id, StartOptions { again: true, ..StartOptions::default() }).unwrap();
    yard.wait(&id);
    assert_eq!(yard.log(&id).matches("out").count(), 2, "the logs go on");
}

#[test]
fn it_outlives_its_starter_in_a_session_of_its_own() {
    let yard = yard("echo ready; sleep 300");
    let id = yard.run();
    let info = yard.sandboxes.inspect(&id).unwrap();
    assert_eq!(info.status, SandboxStatus::Running);
    let supervisor = info.supervisor.unwrap();
    let stat = fs::read_to_string(format!("/proc/{supervisor}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    assert_ne!(fields[1], std::process::id().to_string(), "not our child");
    assert_ne!(fields[3], own_session(), "not our session");
    let environment = fs::read(format!("/proc/{supervisor}/environ")).unwrap();
    assert!(environment.is_empty(), "nothing of our environment");
    let line = fs::read_to_string(format!("/proc/{supervisor}/cmdline")).unwrap();
    assert_eq!(line, "perry-sandbox-supervisor\0", "nothing of the plan is in its arguments");
    let host = fs::metadata("/").unwrap().dev();
    let is_strange = |entry: &fs::DirEntry| {
        // One that has been closed meanwhile is nobody's.
        let Ok(target) = fs::read_link(entry.path()) else { return false };
        let target = target.to_string_lossy();
        let known =
            ["socket:", "pipe:", "anon_inode:", "/dev/null"].iter().any(|kind| target.starts_with(kind));
        let ours = target.contains(&*yard.spine.scratch.path().to_string_lossy());
        // The sandbox's own file systems, which the supervisor watches: never the host's root.
        let room = target == "/" && fs::metadata(entry.path()).is_ok_and(|found| found.dev() != host);
        !(known || ours || room || target.contains("cgroup"))
    };
    // What it opens to look at the sandbox is closed again.
    until(|| {
        let open = fs::read_dir(format!("/proc/{supervisor}/fd")).unwrap().flatten();
        (!open.into_iter().any(|entry| is_strange(&entry))).then_some(())
    });
    assert_eq!(yard.sandboxes.list(&Filter::default()).unwrap().len(), 1);
    until(|| yard.log(&id).contains("ready").then_some(()));
    let info = yard.sandboxes.stop(&id, &Stop { signal: None, grace: Duration::from_secs(20) }).unwrap();
    assert_eq!(info.finish.unwrap().end, Some(End::Killed(15)), "TERM ends what does not catch it");
}

/// Our session, from /proc.
fn own_session() -> String {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    stat.rsplit_once(')').unwrap().1.split_whitespace().nth(3).unwrap().to_owned()
}

#[test]
fn stop_asks_and_then_kills() {
    let yard = yard("trap 'echo asked; exit 3' TERM; echo ready; while :; do sleep 0.1; done");
    let id = yard.run();
    until(|| yard.log(&id).contains("ready").then_some(()));
    let info = yard.sandboxes.stop(&id, &Stop::default()).unwrap();
    assert_eq!(info.finish.unwrap().end, Some(End::Exited(3)));
    assert!(yard.log(&id).contains("asked"));

    let deaf = self::yard("trap '' TERM; echo ready; while :; do sleep 0.1; done");
    let id = deaf.run();
    until(|| deaf.log(&id).contains("ready").then_some(()));
    let info = deaf.sandboxes.stop(&id, &Stop { signal: None, grace: Duration::from_millis(300) }).unwrap();
    assert_eq!(info.finish.unwrap().end, Some(End::Killed(9)));
}

#[test]
fn input_is_handed_over() {
    let yard = yard("cat; echo; readlink /proc/self/fd/0");
    let id = yard.create();
    let stdin = Input::Bytes(b"hello from outside".to_vec());
    yard.try_start(&id, StartOptions { stdin, ..StartOptions::default() }).unwrap();
    yard.wait(&id);
    let text = yard.log(&id);
    assert!(text.starts_with("hello from outside\npipe:"), "{text}");

    let id = yard.run();
    assert_eq!(
        yard.wait(&id).finish.unwrap().end,
        Some(End::Exited(0)),
        "without input it is at its end at once"
    );
}

#[test]
fn limits_hold_without_the_starter() {
    let mut yard = yard("yes");
    yard.spine.plan.limits.output = "64KiB".parse().unwrap();
    let id = yard.run();
    let finish = yard.wait(&id).finish.unwrap();
    assert_eq!(finish.limit, Some(Limit::Output));
    assert_eq!(yard.log(&id).len(), 64 << 10);

    let mut slow = self::yard("sleep 60");
    slow.spine.plan.limits.wall = "1s".parse().unwrap();
    let id = slow.run();
    assert_eq!(slow.wait(&id).finish.unwrap().limit, Some(Limit::Wall));
}

#[test]
fn what_does_not_start_says_why_and_stays_as_it_was() {
    let mut yard = yard("true");
    let trail = yard.trail();
    let id = yard.create();
    yard.spine.plan.process.argv = vec!["/bin/nonesuch".to_owned()];
    let options = || StartOptions { trail: Some(&trail), ..StartOptions::default() };
    let error = yard.try_start(&id, options()).unwrap_err();
    let LifecycleError::Failed { kind: FailureKind::ProgramNotFound, why } = &error else {
        panic!("{error}")
    };
    assert!(why.contains("nonesuch"), "{why}");
    assert_eq!(yard.sandboxes.inspect(&id).unwrap().status, SandboxStatus::Created);
    assert_eq!(trail.verify().unwrap(), Verified::Whole { lines: 2 });
    assert_eq!(yard.left(), Vec::<String>::new());
    yard.spine.plan.process.argv = vec!["/bin/busybox".to_owned(), "true".to_owned()];
    yard.try_start(&id, options()).unwrap();
    assert_eq!(yard.wait(&id).status, SandboxStatus::Exited);
}

#[test]
fn a_program_without_the_hook_is_found_out() {
    let yard = yard("true");
    let id = yard.create();
    let sandboxes = yard.sandboxes.clone().with_program("/bin/false".as_ref());
    let (plan, image, rootfs) = (&yard.spine.plan, &yard.spine.image, &yard.spine.rootfs);
    let trail = yard.trail();
    let options = StartOptions { trail: Some(&trail), ..StartOptions::default() };
    let error = sandboxes.start(&id, plan, image, rootfs, options).unwrap_err();
    assert!(matches!(error, LifecycleError::Supervisor { .. }), "{error}");
    assert_eq!(trail.verify().unwrap(), Verified::Whole { lines: 2 });
    yard.start(&id);
}

#[test]
fn a_killed_supervisor_takes_its_sandbox_along_and_it_is_dead() {
    let yard = yard("echo ready; sleep 300");
    let id = yard.run();
    until(|| yard.log(&id).contains("ready").then_some(()));
    let supervisor = yard.sandboxes.inspect(&id).unwrap().supervisor.unwrap();
    let of_it = fs::read_to_string(format!("/proc/{supervisor}/task/{supervisor}/children")).unwrap();
    let first: i32 = of_it.trim().parse().unwrap();
    let pid = nix::unistd::Pid::from_raw(i32::try_from(supervisor).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    let info = yard.wait(&id);
    assert_eq!((info.status, info.finish), (SandboxStatus::Dead, None));
    until(|| (!std::path::Path::new(&format!("/proc/{first}")).exists()).then_some(()));
    yard.sandboxes.list(&Filter::default()).unwrap();
    until(|| {
        yard.sandboxes.list(&Filter::default()).unwrap();
        yard.left().is_empty().then_some(())
    });
    yard.try_start(&id, StartOptions { again: true, ..StartOptions::default() }).unwrap();
    assert_eq!(yard.sandboxes.inspect(&id).unwrap().status, SandboxStatus::Running);
    yard.sandboxes.remove(&id, true).unwrap();
}

#[test]
fn logs_are_followed_to_the_end_and_cut_at_the_tail() {
    let yard = yard("for i in 1 2 3 4 5 6; do echo line $i; sleep 0.05; done");
    let id = yard.run();
    let followed = thread::scope(|scope| {
        let follow = scope.spawn(|| {
            let logs = yard.sandboxes.logs(&id, None, true).unwrap();
            logs.map(|chunk| String::from_utf8(chunk.unwrap().bytes).unwrap()).collect::<String>()
        });
        follow.join().unwrap()
    });
    assert_eq!(followed, "line 1\nline 2\nline 3\nline 4\nline 5\nline 6\n");
    let tail = yard.sandboxes.logs(&id, Some(2), false).unwrap();
    let tail: Vec<u8> = tail.flat_map(|chunk| chunk.unwrap().bytes).collect();
    assert_eq!(tail, b"line 5\nline 6\n");
}

#[test]
fn everything_on_disk_is_the_owners_alone() {
    let yard = yard("echo x");
    let id = yard.run();
    yard.wait(&id);
    let mut folders = vec![yard.runtime.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            let found = fs::symlink_metadata(entry.path()).unwrap();
            assert!(found.is_symlink() || found.mode().trailing_zeros() >= 6, "{}", entry.path().display());
            if found.is_dir() {
                folders.push(entry.path());
            }
        }
    }
}

#[test]
fn a_running_one_is_removed_by_force_only() {
    let yard = yard("sleep 300");
    let id = yard.run();
    assert!(matches!(yard.sandboxes.remove(&id, false), Err(LifecycleError::Busy { .. })));
    yard.sandboxes.remove(&id, true).unwrap();
    assert!(matches!(yard.sandboxes.inspect(&id), Err(LifecycleError::NotFound(_))));
    assert_eq!(yard.left(), Vec::<String>::new());
}

#[test]
fn waiting_has_an_end() {
    let yard = yard("sleep 300");
    let id = yard.run();
    let error = yard.sandboxes.wait(&id, Some(Duration::from_millis(50))).unwrap_err();
    assert!(matches!(error, LifecycleError::StillRunning(_)), "{error}");
}
