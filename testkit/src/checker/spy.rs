//! Lies in wait for processes that come into the sandbox, and takes what it can from them before they are ready.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::report::Report;

/// Looks at all processes but itself, again and again, until so many have come or a minute is over.
pub fn watch(report: &mut Report, wanted: usize) {
    println!("watching");
    let (mut seen, mut foreign) = (BTreeSet::new(), BTreeSet::new());
    let begun = Instant::now();
    let own = std::process::id().to_string();
    while seen.len() < wanted && begun.elapsed() < Duration::from_secs(60) {
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.parse::<u32>().is_ok() && name != own {
                look(&entry.path(), &mut foreign);
                seen.insert(name);
            }
        }
    }
    report.held("spy-found-nothing", foreign.is_empty(), format_args!("{foreign:?}"));
    report.held("spy-saw-them", seen.len() >= wanted, format_args!("{} came", seen.len()));
}

/// Everything that /proc shows of a process and that is not of this sandbox.
fn look(process: &Path, foreign: &mut BTreeSet<String>) {
    for name in ["exe", "cwd", "root"] {
        if let Ok(target) = fs::read_link(process.join(name))
            && !target.exists()
        {
            foreign.insert(format!("{name} {}", target.display()));
        }
    }
    for entry in fs::read_dir(process.join("fd")).into_iter().flatten().flatten() {
        let Ok(target) = fs::read_link(entry.path()) else { continue };
        let text = target.to_string_lossy().into_owned();
        if !text.starts_with("pipe:") && text != "/dev/null" {
            foreign.insert(format!("fd {text}"));
        }
    }
    for file in ["maps", "environ", "cmdline"] {
        let text = String::from_utf8_lossy(&fs::read(process.join(file)).unwrap_or_default()).into_owned();
        // The kernel shows everybody the arguments of everybody: those of a supervisor are its constant name.
        if file == "cmdline" && text == "perry-sandbox-supervisor\0" {
            continue;
        }
        if text.contains("perry") || text.contains("/work/") {
            foreign.insert(format!("{file} {}", text.chars().take(200).collect::<String>()));
        }
    }
}
