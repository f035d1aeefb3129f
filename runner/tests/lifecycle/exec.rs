//! Programs that join: the same walls, and nothing to take from them on their way in.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use perry_sandbox_policy::{RootfsMode, Terminal};
use perry_sandbox_runner::{
    End, ExecSurroundings, Input, LaunchError, LifecycleError, Limit, Output, RunError, Stop, Streams,
    Verified,
};
use perry_sandbox_testkit::{again_as_ordinary_from, copy_program, outside::greeter};

use super::yard::{CHECKER, Yard, checker, until, yard};

const FOREVER: &str = "echo ready; while :; do sleep 1; done";

fn running(line: &str) -> (Yard, perry_sandbox_runner::SandboxId) {
    let yard = yard(line);
    let id = yard.run();
    until(|| yard.log(&id).contains("ready").then_some(()));
    (yard, id)
}

/// The part of /proc that says what holds a process.
const WALLS: &str = "for n in user mnt pid net ipc uts cgroup; do readlink /proc/$1/ns/$n; done; \
                     grep -E '^(Uid|Gid|Groups|Cap...|NoNewPrivs|Seccomp|Seccomp_filters|Umask):' /proc/$1/status; \
                     cat /proc/$1/limits; cat /proc/$1/cgroup; cat /proc/$1/mountinfo; readlink /proc/$1/root";

#[test]
fn it_is_held_by_the_very_walls_of_the_sandbox() {
    let yard = yard(&format!("set -- self; {WALLS}; echo ready; while :; do sleep 1; done"));
    let id = yard.run();
    until(|| yard.log(&id).contains("ready").then_some(()));
    let inside = yard.log(&id).replace("ready\n", "");
    assert!(inside.contains("Seccomp:\t2") && inside.contains("pid:["), "{inside}");
    for terminal in [None, Some((31, 101))] {
        let plan = yard.plan(&["/bin/busybox", "sh", "-c", &format!("set -- self; {WALLS}")]);
        let outcome = yard.exec_on(terminal, &id, &plan).unwrap();
        let joined = String::from_utf8(outcome.stdout).unwrap().replace("\r\n", "\n");
        assert_eq!(joined, inside, "{terminal:?}");
    }
    let plan = yard.plan(&["/bin/busybox", "stty", "size"]);
    assert_eq!(yard.exec_on(Some((31, 101)), &id, &plan).unwrap().stdout, b"31 101\r\n");
}

#[test]
fn streams_outcome_and_trail_are_its_own() {
    let (yard, id) = running(FOREVER);
    let trail = yard.trail();
    let streams =
        Streams { stdin: Input::Bytes(b"typed".to_vec()), stdout: Output::Capture, stderr: Output::Capture };
    let plan = yard.plan(&["/bin/busybox", "sh", "-c", "cat; echo err >&2; pwd; echo $TOKEN; exit 9"]);
    let mut plan = plan;
    plan.process.cwd = "/tmp".to_owned();
    plan.process.env.insert("TOKEN".to_owned(), "mine".to_owned());
    let surroundings = ExecSurroundings { trail: Some(&trail), ..ExecSurroundings::default() };
    let outcome = yard.sandboxes.exec(&id, &plan, &yard.spine.image, streams, &surroundings).unwrap();
    assert_eq!(outcome.end, End::Exited(9));
    assert_eq!(
        (outcome.stdout.as_slice(), outcome.stderr.as_slice()),
        (&b"typed/tmp\nmine\n"[..], &b"err\n"[..])
    );
    assert_eq!(trail.verify().unwrap(), Verified::Whole { lines: 2 });
    let on_terminal = ExecSurroundings { terminal: Some((24, 80)), ..surroundings };
    yard.sandboxes.exec(&id, &plan, &yard.spine.image, Streams::captured(), &on_terminal).unwrap();
    let lines = trail.lines().unwrap();
    let said: Vec<bool> = lines.iter().map(|line| line.contains("\"terminal\":true")).collect();
    assert_eq!(said, [false, false, true, false], "{lines:?}");
    assert!(!yard.log(&id).contains("typed"), "nothing of it is in the sandbox's log");
}

#[test]
fn the_checker_finds_nothing_open_through_exec() {
    let Some(mut yard) = yard(FOREVER).with_checker() else { return };
    yard.spine.plan.limits.pids = 64.try_into().unwrap();
    yard.spine.plan.tmp = "16MiB".parse().unwrap();
    let id = yard.run();
    until(|| yard.log(&id).contains("ready").then_some(()));
    let canary = format!("canary={}", yard.spine.scratch.path().display());
    let plan = yard.plan(&["/bin/checker", &canary, "port=1", "pids=64"]);
    for terminal in [None, Some((24, 80))] {
        let outcome = yard.exec_on(terminal, &id, &plan).unwrap();
        let text = String::from_utf8(outcome.stdout).unwrap();
        let open: Vec<_> = text.lines().filter(|line| line.starts_with("open ")).collect();
        let held = text.lines().filter(|line| line.starts_with("ok ")).count();
        assert!(
            open.is_empty() && held > 100,
            "{terminal:?}: {held} held, {open:?} {}",
            String::from_utf8_lossy(&outcome.stderr)
        );
        eprintln!("{held} checks held, 0 open, through exec, as user {}", nix::unistd::geteuid());
    }
}

#[test]
fn who_lies_in_wait_gets_nothing_of_those_who_come() {
    let Some(mut yard) = yard("true").with_checker() else { return };
    yard.spine.plan = yard.plan(&["/bin/checker", "spy=60"]);
    let id = yard.run();
    until(|| yard.log(&id).contains("watching").then_some(()));
    // It ends by itself when it has seen enough of them.
    for _ in 0..1000 {
        let Ok(outcome) = yard.exec(&id, &yard.plan(&["/bin/busybox", "sleep", "0.05"])) else { break };
        assert!(matches!(outcome.end, End::Exited(0) | End::Killed(9)));
    }
    yard.wait(&id);
    let text = yard.log(&id);
    assert!(text.contains("ok spy-found-nothing") && text.contains("ok spy-saw-them"), "{text}");
}

#[test]
fn a_program_that_leads_to_a_program_of_the_host_is_refused() {
    let mut yard = yard(FOREVER);
    let bin = yard.spine.rootfs.path().join("bin");
    symlink("/proc/self/exe", bin.join("to-host")).unwrap();
    let script = |name: &str, text: &str| {
        std::fs::write(bin.join(name), text).unwrap();
        std::fs::set_permissions(bin.join(name), Permissions::from_mode(0o755)).unwrap();
    };
    script("script", "#!/proc/self/exe\n");
    script("spaced", "#! \t/bin/to-host x\n");
    script("second", "#!/bin/script\n");
    script("good", "#!/bin/busybox sh\necho good\n");
    let id = yard.run();
    until(|| yard.log(&id).contains("ready").then_some(()));
    let bad = ["/bin/to-host", "/bin/script", "/bin/spaced", "/bin/second", "/proc/self/exe", "/proc/1/exe"];
    for program in bad {
        let error = yard.exec(&id, &yard.plan(&[program])).unwrap_err();
        let LifecycleError::Launch(LaunchError::Run(RunError::ProgramNotExecutable { errno, .. })) = &error
        else {
            panic!("{program}: {error}")
        };
        assert!(errno.contains("/proc"), "{program}: {error}");
    }
    let outcome = yard.exec(&id, &yard.plan(&["/bin/good"])).unwrap();
    assert_eq!(outcome.stdout, b"good\n");
    // The first program of a sandbox is looked at in the same way.
    for program in bad {
        yard.spine.plan = yard.plan(&[program]);
        let other = yard.create();
        let error = yard.try_start(&other, perry_sandbox_runner::StartOptions::default()).unwrap_err();
        assert!(matches!(error, LifecycleError::Failed { .. }), "{program}: {error}");
    }
}

#[test]
fn its_folder_is_found_inside_after_the_root_was_entered() {
    let (yard, id) = running(FOREVER);
    for folder in ["/proc/self/fd/5", "/proc/1/cwd", "../..", "/dev/fd", "/tmp/../proc"] {
        let mut plan = yard.plan(&["/bin/busybox", "pwd"]);
        folder.clone_into(&mut plan.process.cwd);
        assert!(yard.exec(&id, &plan).is_err(), "{folder}");
    }
    // A link that the program has made in the only place that it may write to.
    yard.shell(&id, "ln -s /proc/self/fd /tmp/a; ln -s / /tmp/b");
    let mut plan = yard.plan(&["/bin/busybox", "sh", "-c", "pwd -P; ls -d /work 2>&1"]);
    plan.process.cwd = "/tmp/a".to_owned();
    assert!(yard.exec(&id, &plan).is_err());
    plan.process.cwd = "/tmp/b".to_owned();
    let text = String::from_utf8(yard.exec(&id, &plan).unwrap().stdout).unwrap();
    assert!(text.starts_with("/\n") && text.contains("No such file"), "{text}");
}

#[test]
fn another_plan_or_image_does_not_join() {
    let (yard, id) = running(FOREVER);
    let same = yard.plan(&["/bin/busybox", "true"]);
    let other = |change: &dyn Fn(&mut perry_sandbox_policy::LaunchPlan)| {
        let mut plan = same.clone();
        change(&mut plan);
        yard.exec(&id, &plan)
    };
    let refused = |answer| matches!(answer, Err(LifecycleError::OtherPlan { .. }));
    assert!(refused(other(&|plan| plan.limits.memory = "1GiB".parse().unwrap())));
    assert!(refused(other(&|plan| plan.limits.pids = 9.try_into().unwrap())));
    assert!(refused(other(&|plan| plan.process.user.uid = 1)));
    assert!(refused(other(&|plan| plan.rootfs = RootfsMode::Ephemeral)));
    assert!(refused(other(&|plan| plan.tmp = "1MiB".parse().unwrap())));
    assert!(refused(other(&|plan| plan.process.terminal = Terminal::Own)));
    let mount = perry_sandbox_policy::Mount {
        source: "/srv".to_owned(),
        target: "/srv".parse().unwrap(),
        access: perry_sandbox_policy::MountAccess::Read,
    };
    assert!(refused(other(&|plan| plan.mounts.push(mount.clone()))));
    let digest = perry_sandbox_reference::Digest::of(b"another");
    let answer = other(&|plan| plan.manifest = digest.clone());
    assert!(matches!(answer, Err(LifecycleError::OtherImage { .. })));
    assert!(other(&|plan| plan.limits.wall = "5s".parse().unwrap()).is_ok());
    assert!(other(&|plan| plan.limits.output = "1KiB".parse().unwrap()).is_ok());
    assert!(
        other(&|plan| plan.warm = Some(2.try_into().unwrap())).is_ok(),
        "what is ready for others is not its wall"
    );
}

#[test]
fn it_ends_with_the_sandbox_with_its_own_time_and_with_its_output() {
    let (yard, id) = running(FOREVER);
    let mut plan = yard.plan(&["/bin/busybox", "sh", "-c", "sleep 77 & sleep 78"]);
    plan.limits.wall = "1s".parse().unwrap();
    let outcome = yard.exec(&id, &plan).unwrap();
    assert_eq!((outcome.limit, outcome.end), (Some(Limit::Wall), End::Killed(9)));
    let left = || String::from_utf8(yard.shell(&id, "ps -o args | grep -c '[s]leep 7'").stdout).unwrap();
    until(|| (left().trim() == "0").then_some(()));

    let mut plan = yard.plan(&["/bin/busybox", "yes"]);
    plan.limits.output = "16KiB".parse().unwrap();
    let outcome = yard.exec(&id, &plan).unwrap();
    assert_eq!((outcome.limit, outcome.stdout.len()), (Some(Limit::Output), 16 << 10));

    thread::scope(|scope| {
        let long = scope.spawn(|| yard.shell(&id, "sleep 60"));
        let joined =
            || String::from_utf8(yard.shell(&id, "ps -o args | grep -c '[s]leep 60'").stdout).unwrap();
        until(|| (joined().trim() != "0").then_some(()));
        yard.sandboxes.stop(&id, &Stop { signal: None, grace: Duration::from_millis(100) }).unwrap();
        assert_eq!(long.join().unwrap().end, End::Killed(9));
    });
    let error = yard.exec(&id, &yard.plan(&["/bin/busybox", "true"])).unwrap_err();
    assert!(matches!(error, LifecycleError::NotRunning { .. }), "{error}");
}

/// The name under which the next test starts a copy of this program.
const CALLER: &str = "caller-to-be-killed";

/// Not a test of its own: what the killed caller of the next test does.
#[test]
fn caller_to_be_killed() {
    if std::env::args().next().as_deref() != Some(CALLER) {
        return;
    }
    let mut yard = yard("true");
    let runtime = std::fs::read_link("/proc/self/cwd").unwrap();
    yard.sandboxes = perry_sandbox_runner::Sandboxes::open(&runtime).unwrap();
    let id = yard.sandboxes.find("joined").unwrap();
    yard.shell(&id, "sleep 88 & sleep 89");
}

#[test]
fn it_ends_with_its_caller() {
    let yard = yard(FOREVER);
    let id = yard.try_create(Some("joined")).unwrap();
    yard.start(&id);
    let mut caller = Command::new(std::env::current_exe().unwrap())
        .arg0(CALLER)
        .args(["--exact", "lifecycle::exec::caller_to_be_killed"])
        .current_dir(&yard.runtime)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let count = || {
        let text = yard.shell(&id, "ps -o args | grep -c '[s]leep 8'").stdout;
        String::from_utf8(text).unwrap().trim().to_owned()
    };
    until(|| (count() != "0").then_some(()));
    caller.kill().unwrap();
    caller.wait().unwrap();
    until(|| (count() == "0").then_some(()));
}

#[test]
fn many_join_at_once_and_no_zombie_or_descriptor_stays() {
    let (yard, id) = running(FOREVER);
    let supervisor = yard.sandboxes.inspect(&id).unwrap().supervisor.unwrap();
    let open = || std::fs::read_dir(format!("/proc/{supervisor}/fd")).unwrap().count();
    yard.shell(&id, "true");
    let before = until(|| Some(open()));
    thread::scope(|scope| {
        let all: Vec<_> = (0..24)
            .map(|n| {
                (
                    n,
                    scope.spawn({
                        let (yard, id) = (&yard, &id);
                        move || yard.shell(id, &format!("exit {n}"))
                    }),
                )
            })
            .collect();
        for (number, one) in all {
            assert_eq!(one.join().unwrap().end, End::Exited(number));
        }
    });
    until(|| (open() <= before).then_some(()));
    let children = std::fs::read_dir(format!("/proc/{supervisor}/task")).unwrap().flatten();
    let children = children.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    assert_eq!(
        children.collect::<String>().split_whitespace().count(),
        1,
        "the sandbox's first process only"
    );
}

#[test]
fn its_memory_and_processes_count_as_the_sandboxs() {
    let Some(mut yard) = yard(FOREVER).with_checker() else { return };
    yard.spine.plan.limits.memory = "64MiB".parse().unwrap();
    yard.spine.plan.tmp = "16MiB".parse().unwrap();
    let id = yard.run();
    until(|| yard.log(&id).contains("ready").then_some(()));
    let begun = Instant::now();
    let answer = yard.exec(&id, &yard.plan(&["/bin/checker", "memory=67108864"]));
    let outcome = answer.unwrap();
    let text = String::from_utf8_lossy(&outcome.stdout).into_owned();
    // With a cgroup the kernel ends some process of it, without one the supervisor ends the sandbox.
    let ended = yard.sandboxes.wait(&id, Some(Duration::from_secs(2)));
    let stopped = ended.is_ok_and(|info| info.finish.unwrap().limit == Some(Limit::Memory));
    let killed = outcome.end == End::Killed(9) && begun.elapsed() < Duration::from_secs(25);
    assert!(!text.contains("open memory"), "{text}");
    assert!(stopped || killed || text.contains("ok memory-sum"), "{text}");
}

#[test]
fn all_of_it_holds_for_an_ordinary_user() {
    let Some(checker) = checker() else { return };
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let program = folder.path().join("tests");
    copy_program(&std::env::current_exe().unwrap(), &program);
    for name in [
        "it_is_held_by_the_very_walls_of_the_sandbox",
        "the_checker_finds_nothing_open_through_exec",
        "who_lies_in_wait_gets_nothing_of_those_who_come",
        "a_program_that_leads_to_a_program_of_the_host_is_refused",
        "it_ends_with_its_caller",
        "its_memory_and_processes_count_as_the_sandboxs",
    ] {
        let test = format!("lifecycle::exec::{name}");
        again_as_ordinary_from(&program, &test, &[(CHECKER, checker.as_os_str())]);
    }
}

#[test]
fn a_sandbox_that_stays_and_programs_that_join_it_share_its_way_out() {
    let port = greeter();
    let fetch = format!("/bin/busybox wget -q -O - http://127.0.0.1:{port}/");
    let mut yard = yard(&format!("{fetch}; echo ready; read x; {fetch}; while :; do sleep 1; done"));
    crate::let_out(&mut yard.spine.plan, port);
    let id = yard.run();
    until(|| (yard.log(&id).contains("hello") && yard.log(&id).contains("ready")).then_some(()));
    let outcome = yard.shell(&id, &fetch);
    assert_eq!((outcome.end, outcome.stdout.as_slice()), (End::Exited(0), &b"hello\n"[..]));
    let elsewhere =
        yard.shell(&id, "unset http_proxy; /bin/busybox wget -q -O - http://127.0.0.1:1/ || echo refused");
    assert_eq!(elsewhere.stdout, b"refused\n");
    let mut other = yard.plan(&["/bin/busybox", "true"]);
    other.network = perry_sandbox_policy::Network::None;
    assert!(yard.exec(&id, &other).is_err(), "a plan with another network does not join");
    yard.sandboxes.stop(&id, &Stop { signal: Some(9), grace: Duration::from_secs(5) }).unwrap();
    let used = yard.wait(&id).finish.unwrap().egress.unwrap();
    assert!(used.allowed >= 2 && used.refused == 0, "{used:?}");
}
