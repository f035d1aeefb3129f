//! What a capability costs a Perry program: through the package, by spawning the command line tool, and by spawning podman;
//! beside the same call from Rust, in one run.
//!
//! `PERRY_SANDBOX_PERRY=FOLDER cargo bench -p perry-sandbox-tests --bench perry` measures, over a release archive;
//! `cargo test --bench perry` runs each row once.

#[path = "../tests/perry/compilers.rs"]
#[allow(dead_code, reason = "tests use the rest")]
mod compilers;
#[path = "../tests/perry/project.rs"]
#[allow(dead_code, reason = "tests use the rest")]
mod project;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Instant;

use perry_sandbox_ffi::Engine;
use perry_sandbox_testkit::{As, Home, crate_root, is_root};
use serde_json::json;

/// Rounds within each program, and how often the programs are run.
const ROUNDS: (usize, usize) = (21, 5);

fn main() {
    let (rounds, times) =
        if std::env::args().any(|argument| argument == "--bench") { ROUNDS } else { (1, 1) };
    let Some(compiler) = compilers::compilers().into_iter().find(|one| one.version == "0.5.1520") else {
        return;
    };
    let sources = crate_root().join("tests/tests/perry/programs");
    let program = project::compile(&compiler, "suite", project::Kind::Plain, &sources, "suite.ts");
    let home = Home::new(As::Me);
    let mut rows = std::collections::BTreeMap::<String, Vec<f64>>::new();
    let (engine, request) = in_rust(home.path());
    for _ in 0..times {
        for _ in 0..rounds {
            let begun = Instant::now();
            let reply = engine.call_sync(&request);
            rows.entry("rust".to_owned()).or_default().push(begun.elapsed().as_secs_f64() * 1e9);
            assert!(reply.contains("\"ok\":true"), "{reply}");
        }
        for (row, nanoseconds) in measured(&home, &program, rounds) {
            rows.entry(row).or_default().push(nanoseconds);
        }
    }
    let names = [
        ("version", "version, there and back"),
        ("explain", "explainSync, warm"),
        ("rust", "the run from Rust, in process"),
        ("sync", "runCapabilitySync, warm"),
        ("later", "runCapability, warm"),
        ("ready", "runCapabilitySync, of a warm pool"),
        ("cli", "spawnSync of perry-sandbox run"),
        ("podman", "spawnSync of podman run, hardened"),
    ];
    for (row, name) in names {
        if let Some(times) = rows.get_mut(row) {
            println!("{name:<36} {:>10.3} ms", median(times) / 1e6);
        }
    }
}

/// The capability `quick` of the example, through the envelope, in this process.
fn in_rust(home: &Path) -> (Arc<Engine>, Vec<u8>) {
    let folder = home.to_owned();
    let engine = Engine::new(move |name| (name == "HOME").then(|| folder.clone().into_os_string()));
    let engine = Arc::new(engine.with_data_dir(&home.join("rust")));
    let examples = crate_root().join("examples");
    let args = json!({
        "name": "quick", "policy": examples.join("perry/policy.toml"),
        "image": format!("oci:{}", examples.join("hello/image").display()),
    });
    let request = json!({ "v": 1, "id": "1", "op": "runCapability", "args": args }).to_string().into_bytes();
    let warm = engine.call_sync(&request);
    assert!(warm.contains("\"ok\":true"), "{warm}");
    (engine, request)
}

/// One run of the Perry program: names and nanoseconds.
fn measured(home: &Home, program: &Path, rounds: usize) -> Vec<(String, f64)> {
    let mut cli = vec![home.path().join("perry-sandbox").display().to_string(), "--data-dir".to_owned()];
    cli.push(home.data_dir().display().to_string());
    cli.extend(["run", "--quiet", "--policy", "examples/perry/policy.toml"].map(str::to_owned));
    cli.extend(["--image", "oci:examples/hello/image", "quick"].map(str::to_owned));
    assert_eq!(
        home.run(&[
            "run",
            "--quiet",
            "--key",
            "examples/hello/cosign.pub",
            "oci:examples/hello/image",
            "--",
            "true"
        ])
        .code,
        0
    );
    let mut command = home.other_command(program);
    command.env("PART", "pace").env("ROUNDS", rounds.to_string()).stdin(Stdio::null());
    command.env("SPAWN_CLI", json!(cli).to_string());
    if let Some(podman) = podman(home) {
        command.env("SPAWN_PODMAN", json!(podman).to_string());
    }
    let output = command.output().expect("the program starts");
    let text = compilers::told(&output);
    assert!(output.status.success() && !text.contains("FAILED"), "{text}");
    let lines = text.lines().filter_map(|line| line.strip_prefix("pace ")?.split_once(' '));
    lines.map(|(name, time)| (name.to_owned(), time.parse().expect("a number"))).collect()
}

/// podman with the flags that come nearest, over the tree that our own store has unpacked; nothing where it is not.
fn podman(home: &Home) -> Option<Vec<String>> {
    let path = std::env::var_os("PATH")?;
    let program = std::env::split_paths(&path).map(|dir| dir.join("podman")).find(|file| file.is_file())?;
    if !is_root() {
        return None;
    }
    let trees = std::fs::read_dir(home.data_dir().join("rootfs")).ok()?.flatten();
    let root: PathBuf = trees.map(|entry| entry.path().join("root")).find(|root| root.is_dir())?;
    let storage = home.path().join("podman");
    let fixed = "run --rm --network none --read-only --cap-drop ALL --security-opt no-new-privileges --user 65534:65534 \
        --pids-limit 64 --memory 64m --ulimit nofile=1024:1024 --ulimit nproc=512:512";
    let mut words = vec![program.display().to_string()];
    words.extend(
        "--storage-driver vfs --runtime runc --cgroup-manager cgroupfs".split(' ').map(str::to_owned),
    );
    words.extend(["--root".to_owned(), storage.join("root").display().to_string()]);
    words.extend(["--runroot".to_owned(), storage.join("run").display().to_string()]);
    words.extend(fixed.split_whitespace().map(str::to_owned));
    words.extend([
        "--rootfs".to_owned(),
        root.display().to_string(),
        "/bin/busybox".to_owned(),
        "true".to_owned(),
    ]);
    Some(words)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
