//! Every system call of a launch fails in turn, on the parent's side and on the child's: each time the run says so, and
//! nothing is left (DESIGN.md, invariant 6).
//!
//! In a copy of this program, with nothing beside it: what is compared is all that the process and the host have.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::thread;
use std::time::Duration;

use super::super::launcher::{leave, send, serve};
use super::super::report::{Report, read_report};
use super::super::run::{conclude, connect, others};
use super::super::settings::Settings;
use super::super::start::StartError;
use super::super::supervise::{Company, Counting, supervise};
use super::super::sys::{Armed, Side};
use super::super::wait::await_readable;
use super::super::warm::split;
use super::rootfs::{busybox, settings};
use super::*;
use crate::egress::Grants;
use crate::outcome::End;

/// What the copies of this program are told: a filter of test names that fits none.
const COPY: &str = "struck-by-faults";

/// Errors that a kernel short of something, or a signal, gives for nearly every call.
const ERRORS: [i32; 4] = [libc::EPERM, libc::ENOMEM, libc::EINTR, libc::EMFILE];

/// Calls whose failure changes nothing, and why: no other may be ignored.
const IGNORED: [(Side, i64, &str); 5] = [
    (Side::Child, libc::SYS_rt_sigaction, "two signals cannot be reset: the kernel answers so each time"),
    (Side::Parent, libc::SYS_rt_sigtimedwait, "there is no such signal to forget"),
    (Side::Parent, libc::SYS_waitid, "interrupted, which is its only failure, it is made again"),
    (Side::Parent, libc::SYS_ppoll, "a process that cannot be asked about is taken for dead, and collected"),
    (Side::Parent, libc::SYS_ioctl, "the size of a terminal's window is a wish"),
];

/// So the kernel answers where the owners of a host folder are mapped already: then all of it is nobody's, which is tighter.
const MAPPED_ALREADY: (Side, i64, i32) = (Side::Parent, libc::SYS_mount_setattr, libc::EPERM);

/// What a run could leave, in this process and on this host.
#[derive(Debug, PartialEq, Eq)]
struct State {
    descriptors: usize,
    children: BTreeSet<String>,
    mounts: String,
    groups: BTreeSet<String>,
    live: usize,
}

fn state(live: &Path) -> State {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    let children = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let mut groups = BTreeSet::new();
    if let Room::V1 { memory, pids, cpu } = Room::find() {
        let own = format!("perry-sandbox-{}-", std::process::id());
        for folder in [memory, pids, cpu] {
            let names = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
            let names = names.map(|path| path.display().to_string());
            groups.extend(names.filter(|name| name.contains(&own)));
        }
    }
    State {
        descriptors: fs::read_dir("/proc/self/fd").unwrap().count(),
        children: children
            .flat_map(|text| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
            .collect(),
        mounts: mounts(),
        groups,
        live: fs::read_dir(live).unwrap().count(),
    }
}

/// What is mounted, but for networks: what is mounted on a file goes, in a namespace of its own too, when another removes
/// the file, as tests beside this one do; and one that lies under another mount cannot be taken away first.
pub(super) fn mounts() -> String {
    let all = fs::read_to_string("/proc/self/mountinfo").unwrap();
    all.lines().filter(|line| !line.contains(" - nsfs ")).flat_map(|line| [line, "\n"]).collect()
}

/// Makes each call of one side fail in turn, until a launch makes no more.
fn strike(name: &str, side: Side, stride: usize, live: &Path, launch: impl Fn() -> Result<End, RunError>) {
    let before = state(live);
    let mut hits = BTreeMap::<i64, u32>::new();
    for nth in (1_u32..).step_by(stride) {
        // Root and an ordinary user try other errors at the same call.
        let turn = nth.saturating_add(u32::from(nix::unistd::geteuid().is_root()));
        let errno = *ERRORS.iter().cycle().nth(usize::try_from(turn).unwrap()).unwrap();
        let armed = Armed::new(side, nth, errno);
        let answer = launch();
        let hit = armed.hit();
        drop(armed);
        assert_eq!(state(live), before, "{name}, {side:?}: after call {nth} ({hit:?}) failed: {answer:?}");
        let Some(hit) = hit else {
            assert!(matches!(answer, Ok(End::Exited(0))), "{name}: {answer:?}");
            break;
        };
        hits.entry(hit).and_modify(|times| *times = times.saturating_add(1)).or_insert(1);
        match answer {
            Err(error) => names_what_failed(&error),
            Ok(end) => {
                let ignored = IGNORED.iter().any(|(of, number, _)| (*of, *number) == (side, hit))
                    || (side, hit, errno) == MAPPED_ALREADY;
                assert!(
                    ignored && end == End::Exited(0),
                    "{name}, {side:?}: call {hit} failed unheard: {end:?}"
                );
            }
        }
    }
    let calls: u32 = hits.values().sum();
    eprintln!("{name}, {side:?}: {calls} calls of {} kinds failed in turn", hits.len());
    assert!(calls >= 2, "{name}, {side:?}: the seam is not where the calls are made");
}

fn names_what_failed(error: &RunError) {
    let text = error.to_string();
    match error {
        RunError::Setup(_) => assert!(text.contains("step ") && text.contains(": "), "{text}"),
        RunError::ProgramNotExecutable { program, errno } => {
            assert!(!program.is_empty() && !errno.is_empty(), "{text}");
        }
        RunError::Start(_) | RunError::Root(_) | RunError::Limits(_) | RunError::Supervision(_) => {
            assert!(text.contains("cannot") || text.contains("lost touch"), "{text}");
        }
        RunError::Secrets(_)
        | RunError::Spec(_)
        | RunError::ProgramNotFound(_)
        | RunError::Live(_)
        | RunError::Tool(_)
        | RunError::Guard(_)
        | RunError::Helper(_)
        | RunError::Store(_)
        | RunError::Recorder(_)
        | RunError::Publish(_)
        | RunError::StillRunning(_)
        | RunError::Project(_)
        | RunError::Output { .. } => panic!("an error of another kind: {error}"),
    }
}

/// One sandbox with everything that a plan can ask for, one with a terminal, and one with an egress grant.
fn asked_for(folder: &Path, room: &Room) -> [(&'static str, Room, Settings); 3] {
    let mut full = settings(&["/bin/true"]);
    full.ephemeral = Some(1 << 20);
    let path = folder.canonicalize().unwrap().to_str().unwrap().to_owned();
    full.mounts = vec![HostFolder::in_place(path, MountAccess::Write)];
    let mut terminal = settings(&["true"]);
    terminal.terminal = true;
    let mut outward = settings(&["true"]);
    outward.egress = Grants::try_from(vec!["a.example:443".to_owned()]).unwrap();
    [
        ("with a grant", room.clone(), full),
        ("with a terminal", without_cgroups(), terminal),
        ("with a way out", without_cgroups(), outward),
    ]
}

/// Not a test of its own: what the copies do.
#[test]
fn struck() {
    if !std::env::args().any(|argument| argument == COPY) {
        return;
    }
    let (tree, live, granted) = (busybox(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let folder = root_folder(tree.path());
    // Looked at once in a process; what a kernel answers who has it or has it not.
    super::super::landlock::abi();
    let room = Room::find();
    for (name, room, settings) in asked_for(granted.path(), &room) {
        let place = place(&room, live.path());
        for side in [Side::Parent, Side::Child] {
            let launch = || run(&settings, &folder, Streams::captured(), None, &place).map(|done| done.end);
            strike(name, side, 1, live.path(), launch);
        }
    }
    let settings = settings(&["true"]);
    let launch = || through_a_launcher(&settings, &folder);
    strike("through a launcher", Side::Parent, 1, live.path(), launch);
    // The child's calls are the same; what differs is how the news of them travels.
    strike("through a launcher", Side::Child, 7, live.path(), launch);
    let launch = || waiting_for_a_call(&settings, &folder);
    strike("waiting for a call", Side::Parent, 1, live.path(), launch);
    strike("waiting for a call", Side::Child, 7, live.path(), launch);
}

/// What the launcher process does, in a thread that is armed, and what its program does, in another.
fn through_a_launcher(settings: &Settings, folder: &RootFolder) -> Result<End, RunError> {
    let (ours, theirs) = UnixStream::pair().unwrap();
    thread::scope(|scope| {
        let program = scope.spawn(move || {
            let spec = Spec::assemble(settings, &Ground::survey(settings, folder, None).unwrap()).unwrap();
            let (mut running, mut given) = connect(settings, folder, Streams::captured(), (24, 80)).unwrap();
            given.others = others(settings, None).unwrap();
            let sent = send(&ours, &spec, &given, Path::new("/nonexistent"));
            sent.map_err(|error| RunError::Start(StartError::Channel(error)))?;
            drop(given);
            running.remote = true;
            let company = Company::of(Counting::Us);
            let ended = supervise(running, &settings.limits, None, company);
            leave(&ours).ok();
            conclude(&spec, ended.map_err(RunError::Supervision)?, None).map(|done| done.end)
        });
        // It ends when its program has closed the socket; an error is the program's to notice.
        drop(serve(&theirs));
        drop(theirs);
        program.join().unwrap()
    })
}

/// The same with a sandbox that is made ahead, and the call that it takes.
fn waiting_for_a_call(settings: &Settings, folder: &RootFolder) -> Result<End, RunError> {
    let (ours, theirs) = UnixStream::pair().unwrap();
    thread::scope(|scope| {
        let program = scope.spawn(move || {
            let answer = made_ahead_and_called(&ours, settings, folder);
            leave(&ours).ok();
            answer
        });
        drop(serve(&theirs));
        drop(theirs);
        program.join().unwrap()
    })
}

fn made_ahead_and_called(
    ours: &UnixStream,
    settings: &Settings,
    folder: &RootFolder,
) -> Result<End, RunError> {
    let spec = Spec::assemble(settings, &Ground::survey(settings, folder, None).unwrap()).unwrap();
    let argv = spec.argv.clone();
    let (spec, call) = split(spec).unwrap();
    let channel = |error| RunError::Start(StartError::Channel(error));
    let (mut running, given) = connect(settings, folder, Streams::captured(), (24, 80)).unwrap();
    send(ours, &spec, &given, Path::new("/nonexistent")).map_err(channel)?;
    drop(given);
    running.remote = true;
    let is_last = |report: &Report| {
        matches!(report, Report::Failed { .. } | Report::Refused(_) | Report::Exited(_) | Report::Closed)
    };
    while !running.heard.last().is_some_and(is_last) {
        await_readable(&running.report, Duration::from_secs(20)).unwrap();
        let report = read_report(&running.report).unwrap();
        if matches!(report, Report::Ready) {
            nix::unistd::write(&running.report, &call.bytes).ok();
            break;
        }
        running.heard.push(report);
    }
    let company = Company::of(Counting::Us);
    let ended = supervise(running, &settings.limits, None, company).map_err(RunError::Supervision)?;
    // What is sent ahead does not know the program; who calls does.
    conclude(&Spec { argv, ..spec }, ended, None).map(|done| done.end)
}

#[test]
fn a_call_that_fails_leaves_nothing_as_root() {
    if nix::unistd::geteuid().is_root() {
        in_a_copy(alone_with_its_mounts(&[]));
    }
}

#[test]
fn a_call_that_fails_leaves_nothing_as_an_ordinary_user() {
    in_a_copy(alone_with_its_mounts(&["setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups"]));
}

/// A copy of this program that does not see what others mount meanwhile; an ordinary user's does.
fn alone_with_its_mounts(through: &[&str]) -> Command {
    let own = std::env::current_exe().unwrap();
    if !nix::unistd::geteuid().is_root() {
        return Command::new(own);
    }
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private"]).args(through).arg(own);
    command
}

fn in_a_copy(mut command: Command) {
    let output = command
        .args(["--exact", "native::tests::faults::struck", COPY, "--nocapture"])
        .current_dir("/")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.contains("failed in turn"), "{out}{text}");
    eprintln!(
        "{}",
        text.lines().filter(|line| line.contains("failed in turn")).collect::<Vec<_>>().join("\n")
    );
}
