//! What is worked on, a row for each, as it looks at one moment.

use std::time::{Duration, Instant};

use perry_sandbox_engine::{Event, Happened};

use crate::output::printable;

/// What turns while something is worked on.
const TURNING: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
/// How long each of them stands.
pub(super) const TURN: Duration = Duration::from_millis(100);
/// Lines of the terminal that stay free: the head, and where the cursor stands.
const TAKEN: usize = 2;

/// Everything that was told of, in the order in which it came.
#[derive(Debug, Default)]
pub(super) struct Rows(Vec<Row>);

#[derive(Debug)]
struct Row {
    what: String,
    state: State,
    begun: Option<Instant>,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Waits,
    Works,
    Done(Option<Duration>),
    Failed(String),
    Undone,
}

/// How large the terminal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Canvas {
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Rows {
    /// Something has happened.
    pub(super) fn tell(&mut self, event: &Event, now: Instant) {
        let at = self.0.iter().position(|row| row.what == event.what);
        let at = at.unwrap_or_else(|| {
            self.0.push(Row { what: event.what.clone(), state: State::Waits, begun: None });
            self.0.len().saturating_sub(1)
        });
        let Some(row) = self.0.get_mut(at) else { return };
        let took = |row: &Row| row.begun.map(|begun| now.saturating_duration_since(begun));
        match &event.happened {
            Happened::Waits => row.state = State::Waits,
            Happened::Begun => (row.state, row.begun) = (State::Works, Some(now)),
            Happened::Done => row.state = State::Done(took(row)),
            Happened::Failed(why) => row.state = State::Failed(why.clone()),
            Happened::Undone => row.state = State::Undone,
            // It is said beside, and changes nothing of what is worked on.
            Happened::Warned(_) => {}
        }
    }

    /// All rows as they look now, no wider and no more than the terminal has: what is done makes room first.
    pub(super) fn frame(&self, now: Instant, turn: usize, canvas: Canvas) -> Vec<String> {
        let mut lines = vec![self.head()];
        let room = canvas.height.saturating_sub(TAKEN).max(1);
        let line = |row: &Row| cut(row.line(now, turn), canvas);
        if self.0.len() <= room {
            lines.extend(self.0.iter().map(line));
            return lines;
        }
        let (settled, open): (Vec<&Row>, Vec<&Row>) = self.0.iter().partition(|row| row.is_settled());
        // Two lines say how many there are of those that are not shown.
        let shown = room.saturating_sub(2);
        if !settled.is_empty() {
            lines.push(format!(" {} more are done", settled.len()));
        }
        lines.extend(open.iter().take(shown).map(|row| line(row)));
        if let Some(more) = open.len().checked_sub(shown).filter(|more| *more > 0) {
            lines.push(format!(" {more} more are worked on"));
        }
        lines
    }

    /// All rows as they are in the end, each as long as it is.
    pub(super) fn last(&self, now: Instant) -> Vec<String> {
        let canvas = Canvas { width: usize::MAX, height: usize::MAX };
        if self.0.is_empty() { Vec::new() } else { self.frame(now, 0, canvas) }
    }

    fn head(&self) -> String {
        let done = self.0.iter().filter(|row| matches!(row.state, State::Done(_))).count();
        format!("[+] {done}/{}", self.0.len())
    }
}

/// A row in words: its mark, the mark's colour, and the rest.
type Line = (char, &'static str, String);

impl Row {
    const fn is_settled(&self) -> bool {
        matches!(self.state, State::Done(_) | State::Undone)
    }

    fn line(&self, now: Instant, turn: usize) -> Line {
        let what = printable(&self.what).replace('\n', " ");
        let seconds = |time: Option<Duration>| {
            time.map_or_else(String::new, |time| format!("  {:.1}s", time.as_secs_f64()))
        };
        let turning = TURNING.get(turn.checked_rem(TURNING.len()).unwrap_or(0)).copied().unwrap_or('⠿');
        match &self.state {
            State::Waits => ('⠿', "2", format!("{what}: waits")),
            State::Works => {
                let since = self.begun.map(|begun| now.saturating_duration_since(begun));
                (turning, "36", format!("{what}{}", seconds(since)))
            }
            State::Done(took) => ('✔', "32", format!("{what}{}", seconds(*took))),
            State::Failed(why) => {
                ('✘', "31", format!("{what}: failed: {}", printable(why).replace('\n', " ")))
            }
            State::Undone => ('↩', "33", format!("undone: {what}")),
        }
    }
}

/// A row that fits. What is outside of ASCII may be two columns wide.
fn cut((mark, colour, rest): Line, canvas: Canvas) -> String {
    let mut left = canvas.width.saturating_sub(4);
    let fits = |char: &char| {
        let wide = if char.is_ascii() { 1 } else { 2 };
        let fits = left >= wide;
        left = left.saturating_sub(wide);
        fits
    };
    let rest: String = rest.chars().take_while(fits).collect();
    format!(" \u{1b}[{colour}m{mark}\u{1b}[0m {rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANVAS: Canvas = Canvas { width: 40, height: 24 };

    /// Without colour.
    fn plain(frame: &[String]) -> Vec<String> {
        let cut = |line: &String| {
            let parts = line.split('\u{1b}');
            parts
                .map(|part| {
                    part.split_once('m')
                        .map_or(part, |(codes, rest)| if codes.starts_with('[') { rest } else { part })
                })
                .collect()
        };
        frame.iter().map(cut).collect()
    }

    fn event(what: &str, happened: Happened) -> Event {
        Event { what: what.to_owned(), happened }
    }

    fn rows(events: &[(&str, Happened)]) -> (Rows, Instant) {
        let (mut rows, now) = (Rows::default(), Instant::now());
        for (what, happened) in events {
            rows.tell(&event(what, happened.clone()), now);
        }
        (rows, now)
    }

    #[test]
    fn a_row_stays_where_it_came_and_says_what_became_of_it() {
        let (mut rows, now) = rows(&[
            ("create network back", Happened::Begun),
            ("start web", Happened::Waits),
            ("create network back", Happened::Done),
        ]);
        let later = now + Duration::from_millis(1500);
        let frame = plain(&rows.frame(later, 0, CANVAS));
        assert_eq!(frame, ["[+] 1/2", " ✔ create network back  0.0s", " ⠿ start web: waits"]);
        rows.tell(&event("start web", Happened::Begun), now);
        assert_eq!(plain(&rows.frame(later, 1, CANVAS))[2], " ⠙ start web  1.5s");
        rows.tell(&event("start web", Happened::Failed("no\nway \u{1b}[2J".to_owned())), later);
        assert_eq!(plain(&rows.frame(later, 1, CANVAS))[2], " ✘ start web: failed: no way \u{fffd}[2J");
        rows.tell(&event("create network back", Happened::Undone), later);
        assert_eq!(plain(&rows.last(later))[1], " ↩ undone: create network back");
    }

    #[test]
    fn no_frame_is_larger_than_the_terminal() {
        let names: Vec<String> =
            (0..50).map(|number| format!("start ü-{number}-{}", "x".repeat(80))).collect();
        let mut events: Vec<(&str, Happened)> = names.iter().map(|name| (&**name, Happened::Begun)).collect();
        events.extend(names.iter().take(9).map(|name| (&**name, Happened::Done)));
        let (rows, now) = rows(&events);
        for height in 0..60 {
            let frame = plain(&rows.frame(now, 0, Canvas { height, ..CANVAS }));
            assert!(frame.len() < height.max(5), "{height}: {frame:?}");
            assert!(frame.iter().all(|line| line.chars().count() < 40), "{frame:?}");
        }
        let frame = plain(&rows.frame(now, 0, Canvas { height: 10, ..CANVAS }));
        assert_eq!(
            (&*frame[0], &*frame[1], &*frame[8]),
            ("[+] 9/50", " 9 more are done", " 35 more are worked on")
        );
        assert_eq!(rows.last(now).len(), 51, "nothing is left out in the end");
    }
}
