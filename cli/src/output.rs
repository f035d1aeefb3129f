//! The only code that prints. A reader that has gone away (`| head`) ends the output, not the program.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Mutex;

use serde::Serialize;

use crate::args::ColorChoice;

/// Settles for the whole process whether colour is written.
pub(crate) fn set_color(choice: ColorChoice) {
    match choice {
        ColorChoice::Auto => {}
        ColorChoice::Always => anstream::ColorChoice::Always.write_global(),
        ColorChoice::Never => anstream::ColorChoice::Never.write_global(),
    }
}

/// Whether messages on standard error may be coloured.
pub(crate) fn stderr_has_color() -> bool {
    anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never
}

/// Whether results on standard output may be coloured.
pub(crate) fn stdout_has_color() -> bool {
    anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never
}

/// Whether somebody watches standard error.
pub(crate) fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Prints a result.
pub(crate) fn result(text: &str) {
    remember(write_line(anstream::stdout().lock(), text));
}

/// Prints a result as one JSON document.
///
/// # Errors
/// The value cannot be written as JSON.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    result(&serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Tells a script why it did not work.
pub(crate) fn failure(exit: u8, message: &str) {
    let report = serde_json::json!({ "schema": "perry-sandbox/error/v1", "verdict": "error", "exit": exit, "message": message });
    result(&format!("{report:#}"));
}

/// Prints raw bytes, as a manual page.
pub(crate) fn bytes(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    remember(out.write_all(bytes).and_then(|()| out.flush()));
}

/// Prints a program's own output as it is, to the stream that it meant. Says whether anybody still reads.
pub(crate) fn raw(to_stderr: bool, bytes: &[u8]) -> bool {
    let written = if to_stderr {
        let mut out = io::stderr().lock();
        out.write_all(bytes).and_then(|()| out.flush())
    } else {
        let mut out = io::stdout().lock();
        out.write_all(bytes).and_then(|()| out.flush())
    };
    let goes_on = written.is_ok();
    remember(written);
    goes_on
}

/// Tells the user something beside the result.
pub(crate) fn note(text: &str) {
    // Whoever cannot be told on standard error cannot be told at all.
    drop(write_line(anstream::stderr().lock(), text));
}

/// Tells the user why it did not work.
pub(crate) fn error(text: &str) {
    note(&format!("perry-sandbox: {text}"));
}

fn write_line(mut out: impl io::Write, text: &str) -> io::Result<()> {
    writeln!(out, "{}", printable(text).trim_end_matches('\n'))?;
    out.flush()
}

/// The first result that could not be written: a full disk must not look like success.
static LOST: Mutex<Option<io::Error>> = Mutex::new(None);

fn remember(written: io::Result<()>) {
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
        && let Ok(mut lost) = LOST.lock()
    {
        lost.get_or_insert(error);
    }
}

/// Why a result was lost, if one was.
pub(crate) fn lost() -> Option<io::Error> {
    LOST.lock().ok()?.take()
}

/// Text that may quote an image, a registry or a policy, without the control characters with which it could
/// drive the reader's terminal. Our own colours (`ESC [ … m`) stay.
fn printable(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_control() && !matches!(c, '\n' | '\t')) {
        let (before, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
        clean.push_str(before);
        let color = from.strip_prefix("\x1b[").and_then(|tail| {
            let end = tail.find(|c: char| !c.is_ascii_digit() && c != ';')?;
            // 8 would hide what follows.
            let hides = tail.get(..end)?.split(';').any(|number| number.trim_start_matches('0') == "8");
            tail.get(end..)?.strip_prefix('m').filter(|_| !hides)
        });
        let mut chars = from.chars();
        rest = match (color, chars.next()) {
            (Some(tail), _) => {
                clean.push_str(from.strip_suffix(tail).unwrap_or(""));
                tail
            }
            (None, Some(control)) => {
                clean.extend(control.escape_default());
                chars.as_str()
            }
            (None, None) => "",
        };
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_cannot_drive_the_terminal() {
        assert_eq!(printable("a\x1b]0;owned\x07b"), "a\\u{1b}]0;owned\\u{7}b");
        assert_eq!(printable("\x1b[2Jx\rmoved\u{9b}31m"), "\\u{1b}[2Jx\\rmoved\\u{9b}31m");
        assert_eq!(printable("\x1b[8mhidden"), "\\u{1b}[8mhidden");
        assert_eq!(
            printable("two\nlines\tand \x1b[1;31mcolour\x1b[0m"),
            "two\nlines\tand \x1b[1;31mcolour\x1b[0m"
        );
    }
}
