//! How people and programs see what happens.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use perry_sandbox_engine::{Event, Events, Happened};
use serde_json::json;

use super::drawing::Drawing;
use crate::args;
use crate::output;

/// Standard error: lines that stay, one for each thing that has come to its end, or rows that are drawn over.
pub(super) struct Lines {
    how: How,
    begun: Mutex<BTreeMap<String, Instant>>,
}

enum How {
    Drawn(Drawing),
    Plain,
    Json,
    Quiet,
}

impl Lines {
    pub(super) fn new(how: args::Progress) -> Self {
        let drawn = || Drawing::begin().map_or(How::Plain, How::Drawn);
        let how = match how {
            // Whoever wants no colour, and a terminal that has none, wants lines that stay.
            args::Progress::Auto | args::Progress::Tty if !output::errors_have_colour() => How::Plain,
            args::Progress::Auto | args::Progress::Tty => drawn(),
            args::Progress::Plain => How::Plain,
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
        match &self.how {
            How::Quiet => {}
            How::Drawn(drawing) => drawing.tell(&event),
            How::Json => output::note(&as_json(&event, self.seconds(&event))),
            How::Plain => plain(&event, self.seconds(&event)),
        }
    }
}

fn plain(event: &Event, seconds: Option<f64>) {
    let what = &event.what;
    let line = match &event.happened {
        // A thing that is kept is not worth a line of its own beginning.
        Happened::Begun => return,
        Happened::Waits => format!("{what}: waits"),
        Happened::Done => what.clone(),
        Happened::Failed(why) => format!("{what}: failed: {why}"),
        Happened::Warned(why) => format!("{what}: warning: {why}"),
        Happened::Undone => format!("undone: {what}"),
    };
    let seconds = seconds.map_or_else(String::new, |seconds| format!("  {seconds:.1}s"));
    output::note(&format!("{line}{seconds}"));
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
