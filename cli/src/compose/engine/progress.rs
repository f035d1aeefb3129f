//! How people and programs see what happens.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use perry_sandbox_engine::{Event, Events, Happened};
use serde_json::json;

use crate::args;
use crate::output;

/// Lines on standard error, one for each thing that has come to its end.
pub(super) struct Lines {
    how: How,
    begun: Mutex<BTreeMap<String, Instant>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    /// Marks and colour.
    Tty,
    Plain,
    Json,
    Quiet,
}

impl Lines {
    pub(super) fn new(how: args::Progress) -> Self {
        let how = match how {
            args::Progress::Auto if std::io::stderr().is_terminal() => How::Tty,
            args::Progress::Tty => How::Tty,
            args::Progress::Auto | args::Progress::Plain => How::Plain,
            args::Progress::Json => How::Json,
            args::Progress::Quiet => How::Quiet,
        };
        Self { how, begun: Mutex::default() }
    }

    fn seconds(&self, event: &Event) -> Option<f64> {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        match event.happened {
            Happened::Begun => {
                begun.insert(event.what.clone(), Instant::now());
                None
            }
            Happened::Done | Happened::Failed(_) => {
                begun.remove(&event.what).map(|at| at.elapsed().as_secs_f64())
            }
            Happened::Waits | Happened::Warned(_) | Happened::Undone => None,
        }
    }
}

impl Events for Lines {
    fn tell(&self, event: Event) {
        let seconds = self.seconds(&event);
        match self.how {
            How::Quiet => {}
            How::Json => output::note(&as_json(&event, seconds)),
            How::Plain => plain(&event, seconds, ["", ""]),
            How::Tty => {
                let colour = match event.happened {
                    Happened::Done => ["\u{1b}[32m✔\u{1b}[0m ", ""],
                    Happened::Failed(_) => ["\u{1b}[31m✘\u{1b}[0m ", ""],
                    Happened::Waits | Happened::Begun => ["\u{1b}[2m⠿ ", "\u{1b}[0m"],
                    Happened::Warned(_) => ["\u{1b}[33m!\u{1b}[0m ", ""],
                    Happened::Undone => ["\u{1b}[33m↩\u{1b}[0m ", ""],
                };
                plain(&event, seconds, colour);
            }
        }
    }
}

fn plain(event: &Event, seconds: Option<f64>, [mark, end]: [&str; 2]) {
    let what = output::printable(&event.what);
    let line = match &event.happened {
        // A thing that is kept is not worth a line of its own beginning.
        Happened::Begun => return,
        Happened::Waits => format!("{what}: waits"),
        Happened::Done => what,
        Happened::Failed(why) => format!("{what}: failed: {}", output::printable(why)),
        Happened::Warned(why) => format!("{what}: warning: {}", output::printable(why)),
        Happened::Undone => format!("undone: {what}"),
    };
    let seconds = seconds.map_or_else(String::new, |seconds| format!("  {seconds:.1}s"));
    output::coloured(&format!("{mark}{line}{seconds}{end}"));
}

fn as_json(event: &Event, seconds: Option<f64>) -> String {
    let (happened, why) = match &event.happened {
        Happened::Waits => ("waits", None),
        Happened::Begun => ("begun", None),
        Happened::Done => ("done", None),
        Happened::Failed(why) => ("failed", Some(why)),
        Happened::Warned(why) => ("warned", Some(why)),
        Happened::Undone => ("undone", None),
    };
    json!({ "what": event.what, "happened": happened, "why": why, "seconds": seconds }).to_string()
}
