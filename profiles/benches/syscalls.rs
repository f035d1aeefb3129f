//! What the filter costs a program at each system call, and once when it is loaded.
//!
//! One thread makes the same calls before and after it loads the filter, so nothing else differs.
#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::fs::File;
use std::hint::black_box;
use std::os::unix::process::parent_id;
use std::time::Instant;

use perry_sandbox_profiles::{Arch, SeccompProfile, bpf};
use perry_sandbox_testkit::bench::{Report, milliseconds, part};
use seccompiler::sock_filter;
use serde_json::{Value, json};

fn main() {
    let mut report = Report::from_arguments("syscalls");
    let calls = if report.real { 100_000 } else { 100 };
    let names = SeccompProfile::builtin_names();
    let rows = names.iter().flat_map(|name| std::thread::spawn(move || measure(name, calls)).join().unwrap());
    let rows = rows.collect();
    report.add("a system call before and after the filter", "ns", rows);
    report.finish();
}

fn measure(name: &str, calls: u32) -> Vec<Value> {
    let profile = SeccompProfile::builtin(name).unwrap();
    let program = bpf::compile(profile, Arch::host().unwrap()).unwrap();
    let filter: Vec<sock_filter> =
        program.to_bytes().as_chunks::<8>().0.iter().copied().map(instruction).collect();
    let before = each(calls);
    let start = Instant::now();
    seccompiler::apply_filter(&filter).unwrap();
    let load = milliseconds(start.elapsed()) * 1e6;
    let after = each(calls);
    let row = |call: &str, at: usize| {
        let (before, after) = (before.get(at).unwrap(), after.get(at).unwrap());
        json!({ "name": format!("{name}: {call}"), "before": before, "after": after })
    };
    vec![
        row("getppid", 0),
        row("open and close", 1),
        json!({ "name": format!("{name}: load, {} instructions", filter.len()), "once": load }),
    ]
}

fn instruction(word: [u8; 8]) -> sock_filter {
    let [a, b, jt, jf, k @ ..] = word;
    sock_filter { code: u16::from_ne_bytes([a, b]), jt, jf, k: u32::from_ne_bytes(k) }
}

/// Nanoseconds of one `getppid`, and of one `openat` with its `close`: the median of nine loops.
fn each(calls: u32) -> [f64; 2] {
    let one = |call: &dyn Fn()| {
        let took = || {
            let start = Instant::now();
            (0..calls).for_each(|_| call());
            milliseconds(start.elapsed()) * 1e6 / f64::from(calls)
        };
        part((0..9).map(|_| took()).collect(), 50)
    };
    [
        one(&|| {
            black_box(parent_id());
        }),
        one(&|| drop(File::open("/dev/null").unwrap())),
    ]
}
