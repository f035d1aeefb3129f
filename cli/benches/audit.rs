//! How long an audit takes: 168 stacks at once, and the start alone, beside compose-lint where it is installed.
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a bench prints, and stops where it cannot go on"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// As many as the study of real stacks had.
const STACKS: usize = 168;

/// A stack of ordinary size.
fn stack(number: usize) -> String {
    let service = |name: &str| {
        format!(
            "  {name}:\n    image: example/{name}:{number}\n    restart: unless-stopped\n    environment:\n      \
             MODE: production\n      LEVEL: ${{LEVEL:-info}}\n    ports:\n      - \"{}:80\"\n    volumes:\n      \
             - data:/var/lib/{name}\n      - ./{name}.conf:/etc/{name}.conf:ro\n    healthcheck:\n      \
             test: [CMD, \"true\"]\n      interval: 10s\n",
            8000_usize.saturating_add(number)
        )
    };
    format!("services:\n{}{}{}volumes:\n  data: {{}}\n", service("web"), service("api"), service("db"))
}

fn best(rounds: u32, run: impl Fn()) -> Duration {
    let timed = |_| {
        let start = Instant::now();
        run();
        start.elapsed()
    };
    (0..rounds).map(timed).min().unwrap_or_default()
}

fn quiet(program: &Path, words: &[&str], folder: &Path) {
    let mut command = Command::new(program);
    command.args(words).current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
    // It finds something, so its code is no success.
    command.status().expect("the program starts");
}

fn installed(name: &str) -> Option<PathBuf> {
    let path = Command::new("sh").args(["-c", &format!("command -v {name}")]).output().ok()?.stdout;
    let path = String::from_utf8(path).ok()?;
    Some(PathBuf::from(path.trim())).filter(|path| path.is_file())
}

fn main() {
    let folder = std::env::temp_dir().join(format!("perry-audit-bench-{}", std::process::id()));
    let names: Vec<String> = (0..STACKS).map(|number| format!("s{number}/compose.yaml")).collect();
    for (number, name) in names.iter().enumerate() {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("it has a folder")).expect("folders can be made");
        std::fs::write(path, stack(number)).expect("files can be written");
    }
    // `cargo test --benches` runs it once.
    let rounds = if std::env::args().any(|word| word == "--bench") { 10 } else { 1 };
    let ours = Path::new(env!("CARGO_BIN_EXE_perry-sandbox"));
    let files: Vec<&str> = names.iter().map(String::as_str).collect();
    let all = [&["audit"], files.as_slice()].concat();
    println!("perry-sandbox, {STACKS} stacks: {:?}", best(rounds, || quiet(ours, &all, &folder)));
    println!(
        "perry-sandbox, a page: {:?}",
        best(rounds, || quiet(ours, &["audit", "--explain", "PSB401"], &folder))
    );
    println!(
        "perry-sandbox, one stack: {:?}",
        best(rounds, || quiet(ours, &["audit", "s0/compose.yaml"], &folder))
    );
    match installed("compose-lint") {
        Some(theirs) => {
            println!("compose-lint, {STACKS} stacks: {:?}", best(rounds, || quiet(&theirs, &files, &folder)));
            println!(
                "compose-lint, one stack: {:?}",
                best(rounds, || quiet(&theirs, &["s0/compose.yaml"], &folder))
            );
        }
        None => println!("compose-lint is not installed: pip install compose-lint==0.36.2"),
    }
    std::fs::remove_dir_all(&folder).expect("the folder can be removed");
}
