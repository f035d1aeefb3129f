//! `perry-sandbox run`, warm, as a whole process with all gates, beside the field's own launchers in one run.
//!
//! Every row starts a static `true` in the same root file system. Rounds are interleaved, so that a machine that slows
//! down slows all of them; each figure is the median over the rounds of the ratio to that round's fork and exec.
//! `cargo bench -p perry-sandbox-tests` measures; `cargo test --benches` only runs each row once.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use perry_sandbox_testkit::{As, Home, is_root};

const KEY: &str = "examples/hello/cosign.pub";
const IMAGE: &str = "oci:examples/hello/image";

/// Rounds of a real measurement.
const ROUNDS: usize = 40;

struct Row {
    name: &'static str,
    walls: &'static str,
    command: Box<dyn Fn() -> Command>,
}

fn main() {
    let rounds = if std::env::args().any(|argument| argument == "--bench") { ROUNDS } else { 1 };
    let home = Home::new(As::Me);
    let warm = home.run(&["run", "--quiet", "--key", KEY, IMAGE, "--", "true"]);
    assert_eq!(warm.code, 0, "{warm:?}");
    let root = unpacked(&home);
    let rows = rows(home, &root);
    let mut ratios: Vec<Vec<f64>> = rows.iter().map(|_| Vec::new()).collect();
    let mut first = Vec::new();
    for _ in 0..rounds {
        let base = seconds(&rows[0]);
        first.push(base);
        for (row, ratios) in rows.iter().zip(&mut ratios) {
            ratios.push(seconds(row) / base);
        }
    }
    println!(
        "median of {rounds} rounds; fork+exec of a static true takes {:.2} ms here",
        median(&mut first) * 1000.0
    );
    for (row, ratios) in rows.iter().zip(&mut ratios) {
        println!("{:<28} {:>7.1} x   {}", row.name, median(ratios), row.walls);
    }
}

fn rows(home: Home, root: &Path) -> Vec<Row> {
    let busybox = root.join("bin/busybox");
    let mut rows = vec![Row {
        name: "fork+exec",
        walls: "none",
        command: Box::new(move || {
            let mut command = Command::new(&busybox);
            command.arg("true");
            command
        }),
    }];
    if let Some(bwrap) = installed("bwrap") {
        let root = root.to_owned();
        rows.push(Row {
            name: "bwrap",
            walls: "namespaces, no caps; no seccomp, no limits",
            command: Box::new(move || {
                let mut command = Command::new(&bwrap);
                command.args([
                    "--unshare-all",
                    "--cap-drop",
                    "ALL",
                    "--die-with-parent",
                    "--new-session",
                    "--ro-bind",
                ]);
                command.arg(&root).args([
                    "/",
                    "--proc",
                    "/proc",
                    "--dev",
                    "/dev",
                    "--tmpfs",
                    "/tmp",
                    "/bin/true",
                ]);
                command
            }),
        });
    }
    if let (Some(crun), true) = (installed("crun"), is_root()) {
        let bundle = bundle(&crun, root);
        rows.push(Row {
            name: "crun",
            walls: "its own default configuration, with a cgroup",
            command: Box::new(move || {
                // crun refuses a machine with both kinds of cgroups; hiding the second kind is how it runs on one.
                let script = "umount /sys/fs/cgroup/unified 2>/dev/null; exec \"$0\" run -b \"$1\" bench-$$";
                let mut command = Command::new("unshare");
                command.args(["-m", "sh", "-c", script]).arg(&crun).arg(bundle.path());
                command
            }),
        });
    }
    if let (Some(podman), true) = (installed("podman"), is_root()) {
        let root = root.to_owned();
        let storage = tempfile::tempdir().expect("a temporary folder");
        rows.push(Row {
            name: "podman, hardened",
            walls: "no caps, no network, read-only, its own seccomp profile, limits",
            command: Box::new(move || {
                let mut command = Command::new(&podman);
                command.args([
                    "--storage-driver",
                    "vfs",
                    "--runtime",
                    "runc",
                    "--cgroup-manager",
                    "cgroupfs",
                    "--root",
                ]);
                command.arg(storage.path().join("root")).arg("--runroot").arg(storage.path().join("run"));
                command.args(["run", "--rm", "--network", "none", "--read-only", "--cap-drop", "ALL"]);
                command.args([
                    "--security-opt",
                    "no-new-privileges",
                    "--user",
                    "65534:65534",
                    "--pids-limit",
                    "64",
                ]);
                command.args([
                    "--memory",
                    "64m",
                    "--ulimit",
                    "nofile=1024:1024",
                    "--ulimit",
                    "nproc=512:512",
                ]);
                command.arg("--rootfs").arg(&root).arg("/bin/true");
                command
            }),
        });
    }
    rows.push(Row {
        name: "perry-sandbox run, warm",
        walls: "all gates, the whole baseline, limits, the trail",
        command: Box::new(move || home.command(&["run", "--quiet", "--key", KEY, IMAGE, "--", "true"])),
    });
    rows
}

fn installed(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// The tree that the first run unpacked.
fn unpacked(home: &Home) -> PathBuf {
    let folders =
        std::fs::read_dir(home.data_dir().join("rootfs")).expect("the first run unpacked the image");
    let root = folders.flatten().map(|entry| entry.path().join("root")).find(|root| root.is_dir());
    root.expect("the unpacked tree is in the store")
}

/// crun's own default bundle, with `true` and without a terminal.
fn bundle(crun: &Path, root: &Path) -> tempfile::TempDir {
    let bundle = tempfile::tempdir().expect("a temporary folder");
    let made = Command::new(crun).arg("spec").current_dir(bundle.path()).status();
    assert!(made.is_ok_and(|status| status.success()), "crun writes a bundle");
    let file = bundle.path().join("config.json");
    let mut config: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&file).expect("crun wrote it")).expect("JSON");
    config["process"]["terminal"] = false.into();
    config["process"]["args"] = serde_json::json!(["/bin/true"]);
    config["root"] = serde_json::json!({ "path": root, "readonly": true });
    std::fs::write(&file, config.to_string()).expect("the bundle can be written");
    bundle
}

fn seconds(row: &Row) -> f64 {
    let mut command = (row.command)();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let start = Instant::now();
    let output = command.output().expect("the launcher starts");
    let took = start.elapsed().as_secs_f64();
    assert!(output.status.success(), "{}: {}", row.name, String::from_utf8_lossy(&output.stderr));
    took
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
