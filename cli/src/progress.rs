//! A progress bar on a terminal, and silence elsewhere.

use std::io::Write as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use perry_sandbox_image::{Progress, Silent};

use crate::output;

const EVERY: Duration = Duration::from_millis(80);
const WIDTH: u64 = 30;

/// A bar where somebody watches and did not ask for quiet.
pub(crate) fn progress(quiet: bool) -> Box<dyn Progress> {
    if quiet || !output::stderr_is_terminal() { Box::new(Silent) } else { Box::new(Bar::default()) }
}

#[derive(Debug, Default)]
struct Bar(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    what: String,
    total: u64,
    so_far: u64,
    drawn: Option<Instant>,
}

impl Bar {
    fn with(&self, change: impl FnOnce(&mut State)) {
        // A poisoned lock means that another thread's drawing failed: there is nothing left to draw.
        if let Ok(mut state) = self.0.lock() {
            change(&mut state);
        }
    }
}

impl Progress for Bar {
    fn start(&self, what: &str, total: u64) {
        self.with(|state| *state = State { what: what.to_owned(), total, so_far: 0, drawn: None });
    }

    fn advance(&self, bytes: u64) {
        self.with(|state| {
            state.so_far = state.so_far.saturating_add(bytes);
            if state.drawn.is_none_or(|at| at.elapsed() >= EVERY) {
                state.drawn = Some(Instant::now());
                write(&state.line());
            }
        });
    }

    fn done(&self) {
        self.with(|state| {
            if state.drawn.is_some() {
                write("\r\x1b[K");
            }
            *state = State::default();
        });
    }
}

impl State {
    fn line(&self) -> String {
        let part = self.so_far.min(self.total);
        let filled = part.saturating_mul(WIDTH).checked_div(self.total).unwrap_or(0);
        let bar: String = (0..WIDTH).map(|at| if at < filled { '#' } else { '.' }).collect();
        let percent = part.saturating_mul(100).checked_div(self.total).unwrap_or(0);
        format!("\r\x1b[K{} [{bar}] {percent:>3} % of {}", self.what, size(self.total))
    }
}

/// A number of bytes for people: `1.9 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    let units = [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    for (unit, factor) in units {
        if bytes >= factor {
            let tenths = bytes.saturating_mul(10).checked_div(factor).unwrap_or(0);
            let (whole, part) = (tenths.checked_div(10).unwrap_or(0), tenths.checked_rem(10).unwrap_or(0));
            return format!("{whole}.{part} {unit}");
        }
    }
    format!("{bytes} B")
}

fn write(text: &str) {
    let mut out = std::io::stderr().lock();
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_rounded_down_to_one_place() {
        assert_eq!((size(0), size(1023), size(2048)), ("0 B".into(), "1023 B".into(), "2.0 KiB".into()));
        assert_eq!(size(1_989_000), "1.8 MiB");
    }
}
