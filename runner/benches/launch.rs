//! What a launch costs, as ratios to a plain fork and exec of a static `true` in the same run.
//!
//! Rows are interleaved: each round measures every launcher once, so that a machine that slows down slows all of them.
//! Each figure is the median over the rounds of the ratio to that round's fork and exec.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench prints its table and fails by panicking"
)]

#[path = "../tests/support/spine.rs"]
mod spine;

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use perry_sandbox_runner::{End, Launcher, Streams, Surroundings, dry_run, launch, launcher_main};
use spine::{Spine, request, spine};

const ROUNDS: usize = 100;

type Row<'a> = (&'static str, Box<dyn Fn() + 'a>);

fn main() -> ExitCode {
    if let Some(code) = launcher_main() {
        return code;
    }
    // `cargo test` runs benches too: once each is enough there.
    let rounds = if std::env::args().any(|argument| argument == "--bench") { ROUNDS } else { 2 };
    let spine = spine(&request(&["/bin/busybox", "true"]));
    let launcher = Launcher::start(&std::env::current_exe().unwrap()).unwrap();
    let rows = rows(&spine, &launcher);
    let mut times: Vec<Vec<Duration>> = rows.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for ((_, work), times) in rows.iter().zip(&mut times) {
            let start = Instant::now();
            work();
            times.push(start.elapsed());
        }
    }
    print_table(&rows, &times);
    ExitCode::SUCCESS
}

fn rows<'a>(spine: &'a Spine, launcher: &'a Launcher) -> Vec<Row<'a>> {
    let busybox = spine.rootfs.path().join("bin/busybox");
    let mut rows: Vec<Row<'a>> =
        vec![("fork+exec", Box::new(move || finish(Command::new(&busybox).arg("true"))))];
    rows.push(("in process", Box::new(|| sandbox(spine, None))));
    rows.push(("launcher process", Box::new(|| sandbox(spine, Some(launcher)))));
    rows.push((
        "of it: plan, steps",
        Box::new(|| drop(dry_run(&spine.plan, &spine.image, &spine.rootfs).unwrap())),
    ));
    rows.push(("of it: plan digest", Box::new(|| drop(spine.plan.digest()))));
    if Path::new("/usr/bin/bwrap").exists() {
        let root = spine.rootfs.path().to_owned();
        rows.push((
            "bwrap",
            Box::new(move || {
                let mut command = Command::new("/usr/bin/bwrap");
                command.args([
                    "--unshare-all",
                    "--unshare-user",
                    "--die-with-parent",
                    "--new-session",
                    "--ro-bind",
                ]);
                command.arg(&root).args(["/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]);
                finish(command.args(["/bin/busybox", "true"]));
            }),
        ));
    } else {
        println!("skipped: no bwrap");
    }
    rows
}

fn finish(command: &mut Command) {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status().unwrap();
    assert!(status.success(), "{status}");
}

fn sandbox(spine: &Spine, launcher: Option<&Launcher>) {
    let runtime = spine.scratch.path().join("live");
    let surroundings = Surroundings {
        runtime: &runtime,
        trail: None,
        commands: None,
        window: (24, 80),
        clock: Timestamp::now,
    };
    let streams = Streams::captured();
    let outcome = match launcher {
        Some(launcher) => launcher.launch(&spine.plan, &spine.image, &spine.rootfs, streams, &surroundings),
        None => launch(&spine.plan, &spine.image, &spine.rootfs, streams, &surroundings),
    };
    assert_eq!(outcome.unwrap().end, End::Exited(0));
}

fn print_table(rows: &[Row<'_>], times: &[Vec<Duration>]) {
    let base: Vec<f64> = times.first().into_iter().flatten().map(Duration::as_secs_f64).collect();
    println!("{:<20} {:>9} {:>9} {:>7}", "launcher", "p50 ms", "p90 ms", "x");
    for ((name, _), times) in rows.iter().zip(times) {
        let seconds: Vec<f64> = times.iter().map(Duration::as_secs_f64).collect();
        let ratios = seconds.iter().zip(&base).map(|(time, base)| time / base).collect();
        let (half, most) = (part(seconds.clone(), 50), part(seconds, 90));
        println!("{name:<20} {:>9.3} {:>9.3} {:>7.2}", half * 1e3, most * 1e3, part(ratios, 50));
    }
}

fn part(mut values: Vec<f64>, percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let index = values.len().saturating_sub(1).saturating_mul(percent).div_euclid(100);
    values.get(index).copied().unwrap_or(f64::NAN)
}
