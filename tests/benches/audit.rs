//! What auditing Compose stacks costs, beside `compose-lint`: whole processes, from start to the last byte of the report.
//!
//! `cargo bench -p perry-sandbox-tests --bench audit`, with `PERRY_SANDBOX_PEERS` naming the folder of `compose-lint`, or with it on
//! `PATH`; without it only our own figures are printed. Bars: 168 stacks 200 ms, a start 10 ms.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use perry_sandbox_testkit::bench::{Report, Row};
use perry_sandbox_testkit::{As, Home, peer};

/// As many as the study of real stacks had.
const STACKS: usize = 168;

fn main() {
    let mut report = Report::from_arguments("audit");
    let home = Home::new(As::Me);
    let files: Vec<PathBuf> = (0..STACKS).map(|number| stack(home.path(), number)).collect();
    let theirs = peer("compose-lint");
    for (name, files) in [("168 stacks", files.as_slice()), ("1 stack", files.get(..1).unwrap_or_default())] {
        let mut rows = Vec::new();
        if let Some(theirs) = &theirs {
            let theirs = || home.plain_command(theirs);
            rows.push(Row::new("compose-lint", "", move || audit(theirs(), "check", files)).every(4));
        }
        let ours = || home.command::<&str>(&[]);
        rows.push(Row::new("perry-sandbox audit", "", move || audit(ours(), "audit", files)));
        report.compare(name, 20, rows);
    }
    report.finish();
}

/// Both tools have 0 for a clean stack and 1 for one with findings; 2 says that one could not be read.
fn audit(mut command: Command, verb: &str, files: &[PathBuf]) {
    command.arg(verb).args(files);
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(status.is_ok_and(|status| matches!(status.code(), Some(0 | 1))), "{command:?}");
}

/// Three services as people write them.
fn stack(folder: &Path, number: usize) -> PathBuf {
    let service = |name: &str| {
        format!(
            "  {name}:\n    image: example/{name}:{number}\n    restart: unless-stopped\n    environment:\n      \
             MODE: production\n      LEVEL: ${{LEVEL:-info}}\n    ports:\n      - \"8080:80\"\n    volumes:\n      \
             - data:/var/lib/{name}\n      - ./{name}.conf:/etc/{name}.conf:ro\n    healthcheck:\n      \
             test: [CMD, \"true\"]\n      interval: 10s\n",
        )
    };
    let text =
        format!("services:\n{}{}{}volumes:\n  data: {{}}\n", service("web"), service("api"), service("db"));
    let path = folder.join(format!("stack-{number}.yaml"));
    fs::write(&path, text).expect("the home can be written");
    path
}
