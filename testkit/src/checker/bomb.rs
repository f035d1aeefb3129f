//! Programs that do nothing but exhaust one resource; none of them ends by itself unless it is refused more.

use std::fs::File;
use std::io::Write as _;

use crate::raw::call;

/// Explodes. A kind that nobody knows ends with 2.
pub fn explode(kind: &str) {
    match kind {
        "fork" => fork(),
        "zombies" => zombies(),
        "memory" => memory(),
        "files" => files(),
        "disk" => disk(),
        "names" => names(),
        "one-file" => one_file(),
        "output" => output(),
        _ => std::process::exit(2),
    }
}

/// Every process makes more; one that is refused ends, as a shell does, and makes room for another.
fn fork() {
    let first = std::process::id() == 1;
    loop {
        match call(57, &[]) {
            Ok(0) => fork(),
            // wait4 without waiting: the first collects, so that it goes on for ever.
            Ok(_) | Err(_) if first => {
                let _ = call(61, &[-1, 0, 1, 0]);
            }
            Ok(_) => {}
            Err(_) => std::process::exit(1),
        }
    }
}

/// Children that end at once and are never collected.
fn zombies() {
    loop {
        if call(57, &[]) == Ok(0) {
            std::process::exit(0);
        }
    }
}

/// Several processes, each of which grows.
fn memory() {
    let _ = call(57, &[]);
    let mut kept = Vec::new();
    loop {
        kept.push(vec![1_u8; 1 << 20]);
        std::hint::black_box(&kept);
    }
}

/// Files that are opened and never closed.
fn files() {
    let mut kept = Vec::new();
    loop {
        if let Ok(file) = File::open("/dev/null") {
            kept.push(file);
        }
    }
}

/// Many files in /tmp, until no more can be written.
fn disk() {
    let block = vec![7_u8; 256 << 10];
    for number in 0.. {
        let written = File::create(format!("/tmp/{number}")).and_then(|mut file| file.write_all(&block));
        if written.is_err() {
            std::process::exit(1);
        }
    }
}

/// Empty files in /tmp.
fn names() {
    for number in 0.. {
        if File::create(format!("/tmp/{number}")).is_err() {
            std::process::exit(1);
        }
    }
}

/// One file that is longer than any may be, written by a child: the first process is shielded from the signal.
fn one_file() {
    let far = 1 << 40;
    if let Ok(file) = File::create("/tmp/far") {
        let refused = file.set_len(far).is_err();
        std::process::exit(if refused { 1 } else { 0 });
    }
}

/// Output without end.
fn output() {
    let line = [b'x'; 4096];
    while std::io::stdout().write_all(&line).is_ok() {}
}
