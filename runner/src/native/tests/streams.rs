//! Streams, limits, signals, and the end of a run.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::os::fd::BorrowedFd;
use std::thread;
use std::time::{Duration, Instant};

use perry_sandbox_policy::Publication;

use super::super::cgroup::Group;
use super::super::observer::Observer;
use super::rootfs::{busybox, put_busybox, settings};
use super::*;
use crate::io::{Commands, Input, Output, remote};
use crate::outcome::{End, Limit};

fn script(line: &str) -> Settings {
    settings(&["/bin/sh", "-c", line])
}

/// A program that catches nothing and says that it is ready itself: a shell before it would catch an interrupt.
const STAYS: &str = "echo ready >/tmp/said; exec busybox tail -f /tmp/said";

/// Runs a program that says that it is ready, and acts then; how it ended, and what else it said.
fn once_ready(
    settings: &Settings,
    (stdin, commands): (Input, Option<&Commands>),
    act: impl FnOnce() + Send,
) -> (End, String) {
    let (ours, theirs) = nix::unistd::pipe().unwrap();
    let streams = Streams { stdin, stdout: Output::Descriptor(theirs), ..Streams::captured() };
    thread::scope(|scope| {
        let listener = scope.spawn(|| {
            let (mut heard, mut ready, mut rest) =
                (BufReader::new(File::from(ours)), String::new(), String::new());
            heard.read_line(&mut ready).unwrap();
            assert_eq!(ready.trim_end(), "ready");
            act();
            heard.read_to_string(&mut rest).unwrap();
            rest
        });
        let finished = sandbox_with(settings, streams, commands).unwrap();
        (finished.end, listener.join().unwrap())
    })
}

#[test]
fn output_error_and_exit_code_come_back() {
    let finished = sandbox(&script("echo out; echo lost >/dev/null; echo err >&2; exit 7")).unwrap();
    assert_eq!((finished.stdout.as_slice(), finished.stderr.as_slice()), (&b"out\n"[..], &b"err\n"[..]));
    assert_eq!((finished.end, finished.limit), (End::Exited(7), None));
    assert!(finished.usage.peak_memory > 0);
}

#[test]
fn input_is_given_and_ended() {
    let streams = Streams { stdin: Input::Bytes(vec![b'x'; 300_000]), ..Streams::captured() };
    let finished = sandbox_with(&script("wc -c"), streams, None).unwrap();
    assert_eq!(String::from_utf8_lossy(&finished.stdout).trim(), "300000");
}

#[test]
fn output_goes_to_a_file_without_showing_it() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let streams =
        Streams { stdout: Output::Descriptor(file.reopen().unwrap().into()), ..Streams::captured() };
    sandbox_with(&script("ls -l /proc/self/fd/1"), streams, None).unwrap();
    let mut text = String::new();
    File::open(file.path()).unwrap().read_to_string(&mut text).unwrap();
    assert!(text.contains("pipe:"), "trap 5: a regular file as stdio would show its path: {text}");
}

#[test]
fn a_flood_of_output_is_cut_and_killed() {
    let mut settings = script("yes");
    settings.limits.output = 100_000;
    let finished = sandbox(&settings).unwrap();
    assert_eq!((finished.limit, finished.stdout.len()), (Some(Limit::Output), 100_000));
}

#[test]
fn a_reader_that_never_reads_does_not_hold_the_deadline() {
    let (_kept, full) = nix::unistd::pipe().unwrap();
    let mut settings = script("yes");
    settings.limits.wall = Duration::from_secs(1);
    let streams = Streams { stdout: Output::Descriptor(full), ..Streams::captured() };
    let start = Instant::now();
    let finished = sandbox_with(&settings, streams, None).unwrap();
    assert_eq!(finished.limit, Some(Limit::Wall));
    assert!(start.elapsed() < Duration::from_secs(50), "{:?}", start.elapsed());
}

#[test]
fn one_pipe_for_both_streams_and_no_reader_do_not_hold_the_deadline() {
    let (_kept, full) = nix::unistd::pipe().unwrap();
    let mut settings = script("yes & yes >&2 & sleep 200");
    settings.limits.wall = Duration::from_secs(1);
    let streams = Streams {
        stdout: Output::Descriptor(full.try_clone().unwrap()),
        stderr: Output::Descriptor(full),
        ..Streams::captured()
    };
    let start = Instant::now();
    let finished = sandbox_with(&settings, streams, None).unwrap();
    assert_eq!(finished.limit, Some(Limit::Wall));
    assert!(start.elapsed() < Duration::from_secs(50), "{:?}", start.elapsed());
}

#[test]
fn output_that_cannot_be_written_ends_the_run_and_is_named() {
    let full = || Output::Descriptor(File::options().write(true).open("/dev/full").unwrap().into());
    let streams = Streams { stdout: full(), ..Streams::captured() };
    let error = sandbox_with(&script("echo x; sleep 20"), streams, None).unwrap_err().to_string();
    assert!(error.contains("standard output") && error.contains("os error 28"), "{error}");
    let streams = Streams { stderr: full(), ..Streams::captured() };
    let error = sandbox_with(&script("echo x >&2"), streams, None).unwrap_err().to_string();
    assert!(error.contains("standard error") && error.contains("os error 28"), "{error}");
}

#[test]
fn the_deadline_kills_daemons_too() {
    let mut settings =
        script("(setsid sleep 770001 &) ; (setsid sh -c 'sleep 770002 & sleep 770003' &); sleep 770004");
    settings.limits.wall = Duration::from_secs(1);
    let finished = sandbox(&settings).unwrap();
    assert_eq!(finished.limit, Some(Limit::Wall));
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let line = std::fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
        assert!(!line.contains("sleep\x0077000"), "left: {line}");
    }
}

#[test]
fn a_program_that_ends_takes_its_daemons_along() {
    let start = Instant::now();
    let finished = sandbox(&script("(setsid sleep 1004 &); echo done")).unwrap();
    assert_eq!((finished.end, finished.stdout.as_slice()), (End::Exited(0), &b"done\n"[..]));
    // Well before its wall time, which would end them too.
    assert!(start.elapsed() < Duration::from_secs(25));
}

#[test]
fn more_memory_than_allowed_is_killed() {
    let mut settings = script("dd if=/dev/zero of=/tmp/fill bs=1M count=40 2>/dev/null; sleep 5");
    settings.tmp = 64 << 20;
    settings.limits.disk = 64 << 20;
    settings.limits.memory = 16 << 20;
    let finished = sandbox(&settings).unwrap();
    assert_eq!(finished.limit, Some(Limit::Memory));
}

#[test]
fn a_host_folder_on_tmp_is_not_taken_for_memory() {
    let mut settings = script("sleep 0.2");
    settings.mounts = vec![HostFolder::in_place("/tmp".to_owned(), MountAccess::Read)];
    settings.limits.memory = 16 << 20;
    let finished = sandbox(&settings).unwrap();
    assert_eq!((finished.end, finished.limit), (End::Exited(0), None));
}

#[test]
fn what_is_written_to_the_root_is_memory_too() {
    let mut settings = script("dd if=/dev/zero of=/fill bs=1M count=40 2>/dev/null; sleep 5");
    settings.ephemeral = Some(64 << 20);
    settings.limits.disk = 80 << 20;
    settings.limits.memory = 16 << 20;
    (settings.uid, settings.gid) = (0, 0);
    assert_eq!(sandbox(&settings).unwrap().limit, Some(Limit::Memory));
}

#[test]
fn the_number_of_files_in_tmp_follows_from_the_memory_limit() {
    let mut settings = script("df -i /tmp");
    settings.tmp = 1 << 30;
    settings.limits.memory = 16 << 20;
    let finished = sandbox(&settings).unwrap();
    let text = String::from_utf8_lossy(&finished.stdout).into_owned();
    assert!(text.contains(" 4160 "), "one for each 4 KiB, and 64: {text}");
}

#[test]
fn a_busy_loop_without_a_cgroup_ends_at_the_limit_of_processor_time() {
    let mut settings = script("while :; do :; done");
    // One second of a tenth of a processor.
    settings.limits.wall = Duration::from_secs(10);
    settings.limits.milli_cpu = 100;
    let finished = sandbox(&settings).unwrap();
    assert_eq!((finished.limit, finished.end), (Some(Limit::Cpu), End::Killed(libc::SIGKILL)));
}

#[test]
fn an_uncaught_signal_ends_the_program_and_a_caught_one_is_its_own() {
    let send = |line: &str| {
        let (remote, commands) = remote().unwrap();
        once_ready(&script(line), (Input::Null, Some(&commands)), || remote.signal(libc::SIGTERM).unwrap())
    };
    assert_eq!(send(STAYS), (End::Killed(libc::SIGTERM), String::new()));
    let caught = send("trap 'echo caught; exit 3' TERM; echo ready; sleep 30 & wait");
    assert_eq!(caught, (End::Exited(3), "caught\n".to_owned()));
}

#[test]
fn a_terminal_is_the_sandboxs_own() {
    let mut settings = script("tty; stty size; read line; echo \"got $line\"; ls /dev/pts");
    settings.terminal = true;
    let streams = Streams { stdin: Input::Bytes(b"hello\n".to_vec()), ..Streams::captured() };
    let finished = sandbox_with(&settings, streams, None).unwrap();
    let text = String::from_utf8_lossy(&finished.stdout).into_owned();
    assert!(text.contains("/dev/pts/0") && text.contains("24 80") && text.contains("got hello"), "{text}");
    assert_eq!(finished.end, End::Exited(0));
}

/// Keeps the supervisor busy while the sandbox sets itself up.
struct Late;

impl Observer for Late {
    fn published(&self, _: &[Publication]) -> io::Result<()> {
        Ok(())
    }

    fn started(&self, _: i32, _: BorrowedFd<'_>, _: Option<&Group>) {
        thread::sleep(Duration::from_millis(300));
    }

    fn executed(&self) {}

    fn joined(&self) -> Vec<i32> {
        Vec::new()
    }

    fn spent(&self) -> u64 {
        0
    }
}

#[test]
fn a_window_has_its_size_before_the_program_can_ask() {
    let (tree, live) = (busybox(), tempfile::tempdir().unwrap());
    let mut settings = settings(&["/bin/busybox", "stty", "size"]);
    settings.terminal = true;
    let room = without_cgroups();
    let place = Place { observer: Some(&Late), ..place(&room, live.path()) };
    let finished = run(&settings, &root_folder(tree.path()), Streams::captured(), None, &place).unwrap();
    assert_eq!(String::from_utf8_lossy(&finished.stdout), "24 80\r\n");
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let error = sandbox(&settings(&["nonesuch"])).unwrap_err();
    assert!(matches!(&error, RunError::ProgramNotFound(name) if name == "nonesuch"), "{error}");
    let error = sandbox(&settings(&["/etc"])).unwrap_err();
    assert!(matches!(error, RunError::ProgramNotExecutable { .. }), "{error}");
}

#[test]
fn a_working_folder_that_is_not_there_is_named() {
    let mut settings = settings(&["/bin/true"]);
    settings.cwd = "/nowhere".to_owned();
    let error = sandbox(&settings).unwrap_err().to_string();
    assert!(error.contains("change to the folder /nowhere") && error.contains("choose another"), "{error}");
    settings.cwd = "/proc/self/fd/7".to_owned();
    assert!(sandbox(&settings).unwrap_err().to_string().contains("outside /proc"));
}

#[test]
fn an_ephemeral_root_takes_writes_and_loses_them() {
    let root = busybox();
    let mut settings = script("echo x > /etc/new && rm /bin/yes && mkdir /srv && cat /etc/new");
    settings.ephemeral = Some(8 << 20);
    settings.uid = 0;
    settings.gid = 0;
    let finished = sandbox_in(root.path(), &settings, Streams::captured(), None).unwrap();
    assert_eq!(
        (finished.end, finished.stdout.as_slice()),
        (End::Exited(0), &b"x\n"[..]),
        "{:?}",
        finished.stderr
    );
    assert!(!root.path().join("etc/new").exists() && root.path().join("bin/yes").is_symlink());
}

#[test]
fn an_image_without_the_usual_folders_runs_read_only() {
    let root = busybox();
    for folder in ["proc", "dev", "sys", "tmp"] {
        std::fs::remove_dir(root.path().join(folder)).unwrap();
    }
    let finished =
        sandbox_in(root.path(), &script("ls /; touch /x; mount"), Streams::captured(), None).unwrap();
    let text = String::from_utf8_lossy(&finished.stdout).into_owned();
    assert!(
        text.contains("proc\n") && text.contains("bin\n"),
        "{text} {:?}",
        String::from_utf8_lossy(&finished.stderr)
    );
    assert!(!text.contains("runner-root"), "no path of the host: {text}");
    assert!(String::from_utf8_lossy(&finished.stderr).contains("Read-only"));
}

#[test]
fn a_link_where_a_folder_is_mounted_is_refused() {
    let root = busybox();
    std::fs::remove_dir(root.path().join("proc")).unwrap();
    std::os::unix::fs::symlink("/etc", root.path().join("proc")).unwrap();
    let error = sandbox_in(root.path(), &settings(&["/bin/true"]), Streams::captured(), None).unwrap_err();
    assert!(error.to_string().contains("symbolic link on the way to /proc"), "{error}");
}

#[test]
fn host_folders_are_seen_as_granted_and_no_wider() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    std::fs::write(folder.path().join("seen"), "inside").unwrap();
    let path = folder.path().to_str().unwrap().to_owned();
    let mut settings = script(&format!("cat {path}/seen; echo w > {path}/new"));
    settings.mounts = vec![HostFolder::in_place(path.clone(), MountAccess::Read)];
    let finished = sandbox(&settings).unwrap();
    assert_eq!(finished.stdout, b"inside");
    assert!(String::from_utf8_lossy(&finished.stderr).contains("Read-only"), "{finished:?}");
    settings.mounts = vec![HostFolder::in_place(path.clone(), MountAccess::Write)];
    assert_eq!(sandbox(&settings).unwrap().end, End::Exited(0));
    assert_eq!(std::fs::read_to_string(folder.path().join("new")).unwrap(), "w\n");
}

#[test]
fn nothing_of_a_host_folder_is_executed() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    put_busybox(&folder.path().join("busybox"));
    let path = folder.path().to_str().unwrap().to_owned();
    for writable in [false, true] {
        let mut settings = script(&format!("test -x {path} && {path}/busybox echo ran"));
        settings.mounts = vec![HostFolder::in_place(
            path.clone(),
            if writable { MountAccess::Write } else { MountAccess::Read },
        )];
        let finished = sandbox(&settings).unwrap();
        assert_eq!((finished.end, finished.stdout.as_slice()), (End::Exited(126), &b""[..]), "{finished:?}");
    }
}

#[test]
fn an_interrupt_typed_on_the_terminal_ends_a_program_that_does_not_catch_it() {
    let (typed, keyboard) = nix::unistd::pipe().unwrap();
    let mut settings = script(STAYS);
    settings.terminal = true;
    let interrupts = || assert_eq!(nix::unistd::write(&keyboard, b"\x03").unwrap(), 1);
    let (end, _) = once_ready(&settings, (Input::Descriptor(typed), None), interrupts);
    assert_eq!(end, End::Killed(libc::SIGINT));
}
