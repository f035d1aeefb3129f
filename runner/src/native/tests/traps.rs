//! The traps that launchers fall into, one test each. Trap 2 is with the leftovers, trap 5 with the streams.

use std::thread;
use std::time::Duration;

use super::super::ids::Users;
use super::super::launcher::Launcher;
use super::super::steps::{Slot, Step};
use super::attacks::spec_of;
use super::faults::mounts;
use super::rootfs::{busybox, settings};
use super::*;
use crate::outcome::{End, Limit};

#[test]
fn trap_1_launching_from_a_threaded_program_never_hangs() {
    let root = busybox();
    // Threads that allocate all the time hold the allocator's locks at every moment.
    let stop = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    std::hint::black_box(vec![0_u8; 100_000]);
                }
            });
        }
        for _ in 0..60 {
            let mut settings = settings(&["/bin/true"]);
            settings.limits.wall = Duration::from_secs(20);
            let finished = sandbox_in(root.path(), &settings, Streams::captured(), None).unwrap();
            assert_eq!((finished.end, finished.limit), (End::Exited(0), None));
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn trap_2_the_death_signal_is_set_after_every_change_of_user_and_before_every_wait() {
    let root = busybox();
    let folder = root_folder(root.path());
    let settings = Settings { terminal: true, ..settings(&["/bin/true"]) };
    let ground = Ground::survey(&settings, &folder, Some(1)).unwrap();
    for spec in
        [Spec::assemble(&settings, &ground).unwrap(), Spec::join(&settings, &ground, Users::Own).unwrap()]
    {
        let mut dies = false;
        for step in &spec.steps {
            let waits = [Step::AwaitIds, Step::AwaitRelease, Step::Terminal].contains(step);
            if waits || matches!(step, Step::Execute { .. }) {
                assert!(dies, "{step}");
            }
            // A clone does not inherit it.
            let clears =
                matches!(step, Step::Become { .. } | Step::Caps { .. } | Step::Join { .. } | Step::Fork);
            dies = matches!(step, Step::DieWithParent) || (dies && !clears);
        }
    }
}

/// Starts the launcher program that cargo built beside this test.
pub(super) fn launcher() -> Option<Launcher> {
    let program = std::env::current_exe().unwrap().parent()?.parent()?.join("perry-sandbox-launcher");
    if !program.exists() {
        perry_sandbox_testkit::skip(&format!("no launcher program at {}", program.display()));
        return None;
    }
    Some(Launcher::start(&program).unwrap())
}

fn through(launcher: &Launcher, root: &Path, settings: &Settings) -> Result<Finished, RunError> {
    let live = tempfile::tempdir().unwrap();
    let nowhere = without_cgroups();
    let place = Place { launcher: Some(launcher), ..place(&nowhere, live.path()) };
    run(settings, &root_folder(root), Streams::captured(), None, &place)
}

#[test]
fn the_launcher_process_starts_sandboxes_and_reports_as_this_process_does() {
    let Some(launcher) = launcher() else { return };
    let root = busybox();
    let line = |line: &str| settings(&["/bin/sh", "-c", line]);
    let finished = through(&launcher, root.path(), &line("echo through; id -u; exit 5")).unwrap();
    assert_eq!((finished.end, finished.stdout.as_slice()), (End::Exited(5), &b"through\n65534\n"[..]));
    let error = through(&launcher, root.path(), &settings(&["nonesuch"])).unwrap_err();
    assert!(matches!(error, RunError::ProgramNotFound(_)), "{error}");
    let mut slow = line("sleep 20");
    slow.limits.wall = Duration::from_secs(1);
    assert_eq!(through(&launcher, root.path(), &slow).unwrap().limit, Some(Limit::Wall));
    let mut screen = line("tty");
    screen.terminal = true;
    assert!(through(&launcher, root.path(), &screen).unwrap().stdout.starts_with(b"/dev/pts/0"));
    thread::scope(|scope| {
        let runs: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| through(&launcher, root.path(), &line("exit 3")).unwrap().end))
            .collect();
        assert!(runs.into_iter().all(|run| run.join().unwrap() == End::Exited(3)));
    });
}

#[test]
fn a_launcher_that_dies_takes_its_sandboxes_along_and_the_run_says_so() {
    let Some(launcher) = launcher() else { return };
    let root = busybox();
    thread::scope(|scope| {
        let run = scope.spawn(|| through(&launcher, root.path(), &settings(&["/bin/sleep", "60"])));
        let runs_it = |pid: &u32| {
            std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.starts_with(b"/bin/sleep"))
        };
        while !perry_sandbox_testkit::bench::with_descendants(launcher.id()).iter().any(runs_it) {
            assert!(!run.is_finished(), "it ends at once");
            thread::sleep(Duration::from_millis(10));
        }
        let pid = nix::unistd::Pid::from_raw(i32::try_from(launcher.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
        let error = run.join().unwrap().unwrap_err();
        assert!(matches!(error, RunError::Supervision(_)), "{error}");
    });
}

#[test]
fn a_launcher_that_has_died_is_started_again() {
    let Some(launcher) = launcher() else { return };
    let root = busybox();
    let run = || through(&launcher, root.path(), &settings(&["/bin/true"])).unwrap().end;
    assert_eq!(run(), End::Exited(0));
    let first = launcher.id();
    let pid = nix::unistd::Pid::from_raw(i32::try_from(first).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    // Until it is dead its socket takes one more request, whose run then says so.
    let stat = || std::fs::read_to_string(format!("/proc/{first}/stat")).unwrap_or_default();
    while !stat().contains(") Z ") {
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(run(), End::Exited(0));
    assert_ne!(launcher.id(), first);
    assert!(stat().is_empty(), "the dead one is collected");
}

/// Megabytes that each launcher process of this one holds.
fn launcher_sizes() -> Vec<u64> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let children =
        tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("children")).ok());
    let children: Vec<String> =
        children.flat_map(|text| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect();
    let launchers = children.into_iter().filter(|pid| {
        std::fs::read_link(format!("/proc/{pid}/exe"))
            .is_ok_and(|exe| exe.file_name().is_some_and(|name| name == "perry-sandbox-launcher"))
    });
    let size = |pid: String| {
        let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
        let pages: u64 = text.split_whitespace().next()?.parse().ok()?;
        Some(pages.checked_mul(4096)? >> 20)
    };
    launchers.filter_map(size).collect()
}

#[test]
fn trap_3_whoever_clones_is_small_whatever_the_caller_holds() {
    let Some(launcher) = launcher() else { return };
    let root = busybox();
    let mut big = vec![0_u8; 512 << 20];
    for page in big.chunks_mut(4096) {
        page[0] = 1;
    }
    through(&launcher, root.path(), &settings(&["/bin/true"])).unwrap();
    let sizes = launcher_sizes();
    std::hint::black_box(&big);
    assert!(!sizes.is_empty() && sizes.iter().all(|size| *size < 64), "{sizes:?} MiB");
}

#[test]
fn trap_4_one_filter_holds_the_refusals_and_the_unknown_calls() {
    let spec = spec_of(&settings(&["/bin/true"]));
    let filters = spec.steps.iter().filter(|step| matches!(step, Step::Filter { .. })).count();
    assert_eq!(filters, 1, "a second filter could not be loaded, or would win with the wrong error");
    let last = spec.steps.len() - 2;
    assert!(
        matches!(spec.steps.get(last), Some(Step::Filter { .. })),
        "nothing is left to do after it but exec"
    );
}

#[test]
fn trap_6_programs_that_try_new_calls_still_work() {
    let line =
        "touch /tmp/a && ln -s a /tmp/b && cat /tmp/b && mkdir /tmp/c && rm -r /tmp/a /tmp/c && echo fine";
    let finished = sandbox(&settings(&["/bin/sh", "-c", line])).unwrap();
    assert_eq!(finished.stdout, b"fine\n", "{}", String::from_utf8_lossy(&finished.stderr));
}

#[test]
fn trap_7_the_child_joins_its_cgroups_by_itself() {
    let settings = settings(&["/bin/true"]);
    let root = busybox();
    let folder = root_folder(root.path());
    let spec = Spec::assemble(&settings, &Ground::survey(&settings, &folder, Some(3)).unwrap()).unwrap();
    let place = |wanted: fn(&Step) -> bool| spec.steps.iter().position(wanted).unwrap();
    let joins = spec.steps.iter().filter(|step| matches!(step, Step::JoinGroup { .. })).count();
    assert_eq!(joins, 3, "memory, pids and cpu: moved by another process, each would cost some 10 ms");
    let last = place(|step| matches!(step, Step::JoinGroup { by: Slot::Group(2) }));
    assert!(last < place(|step| matches!(step, Step::NewCgroupNamespace)), "whose root is then the group");
    assert!(last < place(|step| matches!(step, Step::Execute { .. })));
}

#[test]
fn trap_8_mount_options_do_not_show_the_range_of_ids() {
    let finished = sandbox(&settings(&["/bin/cat", "/proc/self/mountinfo"])).unwrap();
    let text = String::from_utf8(finished.stdout).unwrap();
    let range = text.contains("uid=18790");
    assert!(!range, "{text}");
    if !nix::unistd::geteuid().is_root() {
        // The kernel shows an ordinary user's own number, which is in the sandbox's /proc/self/uid_map as well.
        let own = format!("uid={}", nix::unistd::geteuid());
        let shown = text.split([',', ' ', '\n']).filter(|option| option.starts_with("uid="));
        assert!(shown.clone().all(|option| option == own), "{text}");
    }
}

#[test]
fn forty_at_once_all_run_and_nothing_is_left() {
    let _alone = alone();
    let root = busybox();
    let live = tempfile::tempdir().unwrap();
    let nowhere = without_cgroups();
    let before = mounts();
    thread::scope(|scope| {
        let one = || {
            let place = place(&nowhere, live.path());
            let settings = settings(&["/bin/sh", "-c", "echo x; exit 4"]);
            run(&settings, &root_folder(root.path()), Streams::captured(), None, &place).unwrap()
        };
        let runs: Vec<_> = (0..40).map(|_| scope.spawn(one)).collect();
        for run in runs {
            let finished = run.join().unwrap();
            assert_eq!((finished.end, finished.stdout.as_slice()), (End::Exited(4), &b"x\n"[..]));
        }
    });
    assert_eq!(mounts(), before);
    assert_eq!(std::fs::read_dir(live.path()).unwrap().count(), 0);
}
