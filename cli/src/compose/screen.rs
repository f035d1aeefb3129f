//! Lines at the end of a terminal that are drawn over. Whatever else is said there meanwhile comes to stand above them.

use std::io::{self, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The lines that stand at the end now.
static SHOWN: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn shown() -> MutexGuard<'static, Vec<String>> {
    SHOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Puts these lines in the place of those that stand there. None may be wider than the terminal.
pub(crate) fn draw(lines: Vec<String>) {
    let mut shown = shown();
    write(&format!("{}{}", erased(shown.len()), joined(&lines)));
    *shown = lines;
}

/// Puts these lines in the place of those that stand there, and leaves them.
pub(crate) fn leave(lines: &[String]) {
    let mut shown = shown();
    write(&format!("{}{}", erased(shown.len()), joined(lines)));
    shown.clear();
}

/// Says something above the lines; whatever ends in no line break would be drawn over.
pub(crate) fn above(say: impl FnOnce()) {
    let shown = shown();
    if !shown.is_empty() {
        write(&erased(shown.len()));
    }
    say();
    if !shown.is_empty() {
        write(&joined(&shown));
    }
}

/// What takes the cursor back over so many lines, and wipes them away.
fn erased(lines: usize) -> String {
    if lines == 0 { String::new() } else { format!("\u{1b}[{lines}A\r\u{1b}[J") }
}

fn joined(lines: &[String]) -> String {
    lines.iter().flat_map(|line| [line, "\n"]).collect()
}

fn write(text: &str) {
    let mut out = io::stderr().lock();
    // Nobody is left to tell if this fails.
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}
