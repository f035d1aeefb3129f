//! What a launch costs in a program that uses the library: one, many at once, and while it runs.
//!
//! Rows are interleaved: each round measures every launcher once, so that a machine that slows down slows all of them.
//! Each ratio is the median over the rounds of the ratio to that round's fork and exec of a static `true`.
//! `cargo bench -p perry-sandbox-runner --bench launch -- --json FILE` also writes a file.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a bench fails by panicking"
)]

#[path = "../tests/support/spine.rs"]
mod spine;

use std::num::NonZeroU32;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use perry_sandbox_policy::LaunchPlan;
use perry_sandbox_runner::{End, Launcher, Streams, Surroundings, dry_run, launch, launcher_main};
use perry_sandbox_testkit::bench::{Report, Row, proportional_memory, with_descendants};
use serde_json::json;
use spine::{Spine, request, spine};

const BWRAP: &str = "/usr/bin/bwrap";
/// Sandboxes that wait for a call.
const READY: usize = 2;
const WALLS: &str = "the whole baseline, limits";

fn main() -> ExitCode {
    if let Some(code) = launcher_main() {
        return code;
    }
    let mut report = Report::from_arguments("launch");
    let spine = spine(&request(&["/bin/busybox", "true"]));
    let launcher = Launcher::start(&std::env::current_exe().unwrap()).unwrap();
    one(&mut report, &spine, &launcher);
    drop(launcher);
    let launcher = Launcher::start(&std::env::current_exe().unwrap()).unwrap();
    big_parent(&mut report, &spine, &launcher);
    at_once(&mut report, &spine, &launcher);
    memory(&mut report);
    report.finish();
    ExitCode::SUCCESS
}

fn one(report: &mut Report, spine: &Spine, launcher: &Launcher) {
    let mut warm = spine.plan.clone();
    warm.warm = NonZeroU32::new(u32::try_from(READY).unwrap());
    plan(&warm, spine, Some(launcher));
    let mut rows = vec![
        Row::new("fork+exec", "none", || finish(plain(spine).spawn().unwrap())),
        Row::new("in process", WALLS, || sandbox(spine, None)),
        Row::new("launcher process", WALLS, || sandbox(spine, Some(launcher))),
        Row::new("of its warm pool", WALLS, || plan(&warm, spine, Some(launcher))).and_then(|| {
            // What the next call takes is being made, and would be in the way of the next row.
            while launcher.ready() < READY {
                thread::sleep(Duration::from_millis(1));
            }
        }),
        Row::new("of it: plan, steps", "", || {
            drop(dry_run(&spine.plan, &spine.image, &spine.rootfs, None).unwrap());
        }),
        Row::new("of it: plan digest", "", || drop(spine.plan.digest())),
    ];
    if Path::new(BWRAP).exists() {
        rows.push(Row::new("bwrap", "namespaces; no seccomp, no limits", || {
            finish(bwrap(spine).spawn().unwrap());
        }));
    }
    report.compare("one launch, in process", 100, rows);
}

/// A parent of 512 MiB: whoever clones it copies its page tables.
fn big_parent(report: &mut Report, spine: &Spine, launcher: &Launcher) {
    let size = if report.real { 512 << 20 } else { 1 << 20 };
    let memory = vec![1_u8; size];
    let rows = vec![
        Row::new("fork+exec", "none", || finish(plain(spine).spawn().unwrap())),
        Row::new("in process", WALLS, || sandbox(spine, None)),
        Row::new("launcher process", WALLS, || sandbox(spine, Some(launcher))),
    ];
    report.compare("one launch, parent of 512 MiB", 30, rows);
    drop(std::hint::black_box(memory));
}

fn at_once(report: &mut Report, spine: &Spine, launcher: &Launcher) {
    let sizes: &[(usize, usize)] =
        if report.real { &[(1, 40), (10, 20), (100, 7), (1000, 3)] } else { &[(2, 1)] };
    for (size, rounds) in sizes {
        let size = *size;
        let mut rows = vec![Row::new("fork+exec", "none", move || many(size, || plain(spine)))];
        rows.push(Row::new("launcher process", WALLS, move || {
            thread::scope(|scope| {
                for _ in 0..size {
                    thread::Builder::new()
                        .stack_size(256 << 10)
                        .spawn_scoped(scope, || sandbox(spine, Some(launcher)))
                        .unwrap();
                }
            });
        }));
        if Path::new(BWRAP).exists() {
            rows.push(Row::new("bwrap", "namespaces; no seccomp, no limits", move || {
                many(size, || bwrap(spine));
            }));
        }
        report.compare(&format!("{size} at once, in process"), *rounds, rows);
    }
}

/// Starts that many, then waits for all.
fn many(size: usize, make: impl Fn() -> Command) {
    let children: Vec<Child> = (0..size).map(|_| make().spawn().unwrap()).collect();
    children.into_iter().for_each(finish);
}

/// What the launcher process and a sandbox take while twenty sandboxes sleep.
fn memory(report: &mut Report) {
    const MANY: usize = 20;
    let sleeping = spine(&request(&["/bin/busybox", "sleep", "20"]));
    let launcher = Launcher::start(&std::env::current_exe().unwrap()).unwrap();
    let idle = proportional_memory(&[launcher.id()]);
    let (busy, programs) = thread::scope(|scope| {
        for _ in 0..MANY {
            scope.spawn(|| sandbox(&sleeping, Some(&launcher)));
        }
        // A launcher process and one process for each sandbox, which is smaller before it is its program.
        let mut all = Vec::new();
        while all.len() != MANY + 1 {
            thread::sleep(Duration::from_millis(50));
            all = with_descendants(launcher.id());
        }
        thread::sleep(Duration::from_secs(1));
        (proportional_memory(&all[..1]), proportional_memory(&all[1..]))
    });
    let each = |total: u64| total / u64::try_from(MANY).unwrap();
    report.add(
        "memory, launcher process and twenty sandboxes",
        "KiB",
        vec![
            json!({ "name": "launcher process, idle", "KiB": idle }),
            json!({ "name": "launcher process, for each sandbox", "KiB": each(busy.saturating_sub(idle)) }),
            json!({ "name": "one sandbox: its program", "KiB": each(programs) }),
        ],
    );
}

fn plain(spine: &Spine) -> Command {
    quiet(Command::new(spine.rootfs.path().join("bin/busybox")), &["true"])
}

fn bwrap(spine: &Spine) -> Command {
    let root = spine.rootfs.path().display().to_string();
    quiet(
        Command::new(BWRAP),
        &[
            "--unshare-all",
            "--unshare-user",
            "--die-with-parent",
            "--new-session",
            "--ro-bind",
            &root,
            "/",
            "--proc",
            "/proc",
            "--dev",
            "/dev",
            "--tmpfs",
            "/tmp",
            "/bin/busybox",
            "true",
        ],
    )
}

fn quiet(mut command: Command, words: &[&str]) -> Command {
    command.args(words).stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn finish(mut child: Child) {
    let status = child.wait().unwrap();
    assert!(status.success(), "{status}");
}

fn sandbox(spine: &Spine, launcher: Option<&Launcher>) {
    plan(&spine.plan, spine, launcher);
}

fn plan(plan: &LaunchPlan, spine: &Spine, launcher: Option<&Launcher>) {
    let runtime = spine.scratch.path().join("live");
    let surroundings = Surroundings {
        runtime: &runtime,
        trail: None,
        commands: None,
        secrets: None,
        window: (24, 80),
        clock: Timestamp::now,
        engines: None,
    };
    let streams = Streams::captured();
    let outcome = match launcher {
        Some(launcher) => launcher.launch(plan, &spine.image, &spine.rootfs, streams, &surroundings),
        None => launch(plan, &spine.image, &spine.rootfs, streams, &surroundings),
    };
    assert_eq!(outcome.unwrap().end, End::Exited(0));
}
