//! What a run through an engine costs beside the engine's own call: the very words that a dry run prints, executed without us.
//!
//! `cargo bench -p perry-sandbox-tests --bench engines` as root, with podman installed and `PERRY_SANDBOX_PEERS` naming the folder
//! of runsc. Rounds are interleaved; the second row's ratio is what we add.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use perry_sandbox_testkit::bench::{Report, Row};
use perry_sandbox_testkit::{As, Home, is_root, peer};
use serde_json::Value;

const KEY: &str = "examples/hello/cosign.pub";
const IMAGE: &str = "oci:examples/hello/image";
const FOLDERS: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

fn main() {
    let mut report = Report::from_arguments("engines");
    if !is_root() {
        println!("engines are measured as root");
        return report.finish();
    }
    let home = Home::new(As::Me);
    probes(&mut report, &home);
    for backend in ["podman", "runsc"] {
        let ready = ours(&home, backend, &[]).output().expect("the program starts");
        if !ready.status.success() {
            println!("{backend} is left out: {}", String::from_utf8_lossy(&ready.stderr).trim());
            continue;
        }
        let bare = Bare::of(&home, backend);
        bare.lay();
        let rows = vec![
            Row::new(format!("{backend}, the same words"), "as printed by --dry-run", || bare.run())
                .and_then(|| bare.lay()),
            Row::new(format!("perry-sandbox run --backend {backend}"), "all gates, trail, guard", || {
                done(&mut ours(&home, backend, &[]));
            }),
        ];
        report.compare(backend, 40, rows);
        drop(fs::remove_dir_all(&bare.folder));
    }
    report.finish();
}

/// Looking at all backends, and believing what was found a moment ago.
fn probes(report: &mut Report, home: &Home) {
    let anew = Row::new("backends: all probed", "two seconds at most", || {
        done(&mut with_engines(home, &["backends"]));
    });
    let walls = "an explain that asks for a level that nobody gives";
    let known = Row::new("explain: what was found is believed", walls, || {
        let words = ["explain", "--tier", "untrusted", "--key", KEY, IMAGE];
        let ran = with_engines(home, &words).stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(ran.is_ok_and(|status| status.code() == Some(122)), "nobody gives it");
    });
    report.compare("probes", 20, vec![anew, known]);
}

fn with_engines(home: &Home, words: &[&str]) -> Command {
    let mut command = home.command(words);
    let peers = peer("runsc").and_then(|file| file.parent().map(Path::to_owned)).unwrap_or_default();
    command.env("PATH", format!("{FOLDERS}:{}", peers.display()));
    command
}

fn ours(home: &Home, backend: &str, flags: &[&str]) -> Command {
    let fixed = ["run", "--quiet", "--backend", backend, "--key", KEY];
    let program = [IMAGE, "--", "/bin/busybox", "true"];
    with_engines(home, &[&fixed[..], flags, &program].concat())
}

fn done(command: &mut Command) {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
    assert!(status.is_ok_and(|status| status.success()), "{command:?}");
}

/// The engine's own call, with the files that it needs.
struct Bare {
    folder: PathBuf,
    files: Vec<(String, String)>,
    words: Vec<String>,
}

impl Bare {
    /// Reads a dry run: the folder, its files, and then the call.
    fn of(home: &Home, backend: &str) -> Self {
        let output = ours(home, backend, &["--dry-run", "--json"]).output().expect("the program starts");
        let printed: Value = serde_json::from_slice(&output.stdout).expect("a dry run prints JSON");
        let lines = printed["execution"].as_array().expect("it has lines");
        let mut bare = Self { folder: PathBuf::new(), files: Vec::new(), words: Vec::new() };
        for line in lines.iter().filter_map(Value::as_str) {
            if let Some(rest) = line.strip_prefix("make the folder ") {
                bare.folder = rest.split(',').next().unwrap_or_default().into();
            } else if let Some(file) = line.strip_prefix("write ") {
                bare.files.push((file.trim_end_matches(':').to_owned(), String::new()));
            } else if let (Some(text), Some((_, file))) = (line.strip_prefix("    "), bare.files.last_mut()) {
                file.push_str(text);
                file.push('\n');
            } else if bare.words.is_empty() && !line.starts_with("unless ") {
                bare.words = words(line);
            }
        }
        bare
    }

    fn lay(&self) {
        drop(fs::remove_dir_all(&self.folder));
        fs::create_dir_all(&self.folder).expect("the runtime folder can be written");
        for (file, text) in &self.files {
            fs::write(file, text).expect("the runtime folder can be written");
        }
    }

    fn run(&self) {
        let is_variable = |word: &&String| !word.starts_with('/') && word.contains('=');
        let variables = self.words.iter().take_while(is_variable).filter_map(|word| word.split_once('='));
        let mut rest = self.words.iter().skip_while(is_variable);
        let mut command = Command::new(rest.next().expect("a program"));
        done(command.args(rest).env_clear().envs(variables));
    }
}

/// The words of a printed line, as a shell reads it.
fn words(line: &str) -> Vec<String> {
    let mut shell = Command::new("sh");
    shell.args(["-c", "eval \"set -- $1\"; printf '%s\\036' \"$@\"", "sh", line]);
    let read = String::from_utf8(shell.output().expect("sh starts").stdout).expect("text");
    read.trim_end_matches('\u{1e}').split('\u{1e}').map(str::to_owned).collect()
}
