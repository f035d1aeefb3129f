//! `perry-sandbox run`, warm, as a whole process with all gates, beside the field's own launchers in one run.
//!
//! Every row starts a static `true` in the same root file system. Rounds are interleaved, so that a machine that slows
//! down slows all of them; each ratio is the median over the rounds of the ratio to that round's fork and exec.
//! `cargo bench -p perry-sandbox-tests` measures, with `-- --json FILE` into a file that `benches/plot.py` draws;
//! `cargo test --bench peers` only runs each row once.

mod launchers;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use perry_sandbox_testkit::bench::{Report, Row, proportional_memory, with_descendants};
use perry_sandbox_testkit::{As, Home, is_root};
use serde_json::json;

use launchers::{Launchers, Make};

const KEY: &str = "examples/hello/cosign.pub";
const IMAGE: &str = "oci:examples/hello/image";

fn main() {
    let mut report = Report::from_arguments("peers");
    let home = warm(As::Me);
    let root = unpacked(&home);
    let launchers = Launchers::new(root.clone());
    one_run(&mut report, &home, &root, &launchers);
    if is_root() {
        let ordinary = warm(As::Ordinary);
        let root = unpacked(&ordinary);
        ordinary_user(&mut report, &ordinary, &root);
    }
    at_once(&mut report, &home, &root, &launchers);
    memory(&mut report, &home, &launchers);
    report.finish();
}

/// A home whose image is verified and unpacked.
fn warm(user: As) -> Home {
    let home = Home::new(user);
    let warm = home.run(&["run", "--quiet", "--key", KEY, IMAGE, "--", "true"]);
    assert_eq!(warm.code, 0, "{warm:?}");
    home
}

fn run<'a>(home: &'a Home, command: &'a [&str]) -> Make<'a> {
    let words: Vec<&str> =
        ["run", "--quiet", "--key", KEY, IMAGE, "--"].into_iter().chain(command.iter().copied()).collect();
    Box::new(move || home.command(&words))
}

fn plain(root: &Path) -> Make<'static> {
    let busybox = root.join("bin/busybox");
    Box::new(move || {
        let mut command = Command::new(&busybox);
        command.arg("true");
        command
    })
}

fn one_run(report: &mut Report, home: &Home, root: &Path, launchers: &Launchers) {
    let mut rows = vec![row("fork+exec", "none", plain(root))];
    rows.extend(
        launchers
            .all(&["/bin/true"])
            .into_iter()
            .map(|(name, walls, make)| row(name, walls, make).every(every(name))),
    );
    let walls = "all gates, the whole baseline, limits, the trail";
    rows.push(row("perry-sandbox run, warm", walls, run(home, &["true"])));
    report.compare("one run, whole process", 40, rows);
}

/// Some take a fifth of a second.
fn every(name: &str) -> usize {
    if name.starts_with("podman") { 4 } else { 1 }
}

fn ordinary_user(report: &mut Report, home: &Home, root: &Path) {
    let busybox = root.join("bin/busybox");
    let base: Make<'_> = Box::new(move || {
        let mut command = home.plain_command(&busybox);
        command.arg("true");
        command
    });
    let mut rows = vec![row("fork+exec", "none", base)];
    if let Some(bwrap) = launchers::installed("bwrap") {
        let root = root.to_owned();
        let make: Make<'_> = Box::new(move || {
            let mut command = home.plain_command(&bwrap);
            command.args(launchers::bwrap_words(&root, &["/bin/true"]));
            command
        });
        rows.push(row("bwrap", launchers::BWRAP, make));
    }
    let walls = "all gates, the whole baseline, limits, the trail";
    rows.push(row("perry-sandbox run, warm", walls, run(home, &["true"])));
    report.compare("one run, whole process, ordinary user", 40, rows);
}

fn at_once(report: &mut Report, home: &Home, root: &Path, launchers: &Launchers) {
    let sizes: &[usize] = if report.real { &[1, 10, 100] } else { &[2] };
    for size in sizes {
        let mut rows = vec![many("fork+exec", "none", plain(root), *size)];
        for (name, walls, make) in launchers.all(&["/bin/true"]) {
            // An engine that serialises needs its own seconds; it is measured where that is bearable.
            if !name.starts_with("podman") || *size <= 10 {
                rows.push(many(name, walls, make, *size));
            }
        }
        let walls = "all gates, the whole baseline, limits, the trail";
        rows.push(many("perry-sandbox run, warm", walls, run(home, &["true"]), *size));
        report.compare(&format!("{size} at once, whole processes"), 7, rows);
    }
}

fn row<'a>(name: &str, walls: &'static str, make: Make<'a>) -> Row<'a> {
    many(name, walls, make, 1)
}

/// Starts that many, then waits for all.
fn many<'a>(name: &str, walls: &'static str, make: Make<'a>, size: usize) -> Row<'a> {
    let named = name.to_owned();
    Row::new(name, walls, move || {
        let children: Vec<Child> = (0..size).map(|_| spawn(&mut make())).collect();
        for child in children {
            let output = child.wait_with_output().expect("the launcher ends");
            assert!(output.status.success(), "{named}: {}", String::from_utf8_lossy(&output.stderr));
        }
    })
}

fn spawn(command: &mut Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().expect("the launcher starts")
}

/// What a sandbox costs while it runs: whoever looks after it, and the program, in proportional set size.
fn memory(report: &mut Report, home: &Home, launchers: &Launchers) {
    let mut makes = vec![("perry-sandbox run", "", run(home, &["sleep", "2"]))];
    makes.extend(
        launchers.all(&["/bin/sleep", "2"]).into_iter().filter(|(name, ..)| !name.starts_with("podman")),
    );
    let rows = makes.into_iter().map(|(name, _, make)| {
        let child = spawn(&mut make());
        sleep(Duration::from_millis(1000));
        let all = with_descendants(child.id());
        let (first, rest) = all.split_at(1);
        let figures = json!({
            "name": name, "launcher KiB": proportional_memory(first), "rest KiB": proportional_memory(rest),
            "processes": all.len(),
        });
        assert!(child.wait_with_output().is_ok_and(|output| output.status.success()), "{name} ends");
        figures
    });
    report.add("memory of one running sandbox", "KiB", rows.collect());
}

/// The tree that the first run unpacked.
fn unpacked(home: &Home) -> PathBuf {
    let folders =
        std::fs::read_dir(home.data_dir().join("rootfs")).expect("the first run unpacked the image");
    let root = folders.flatten().map(|entry| entry.path().join("root")).find(|root| root.is_dir());
    root.expect("the unpacked tree is in the store")
}
