//! Rows on a terminal, drawn again while something turns.

use std::io;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use perry_sandbox_engine::{Event, Happened};
use terminal_size::{Height, Width, terminal_size_of};

use super::rows::{Canvas, Rows, TURN};
use crate::output;
use crate::screen;

/// Rows that are drawn until this goes.
pub(super) struct Drawing {
    rows: Arc<Mutex<Rows>>,
    /// Its end is the end of the drawing.
    ending: Option<Sender<()>>,
    artist: Option<JoinHandle<()>>,
}

impl Drawing {
    /// Begins; nothing where standard error is no terminal, or one whose size nobody knows.
    pub(super) fn begin() -> Option<Self> {
        canvas()?;
        let rows = Arc::new(Mutex::new(Rows::default()));
        let (ending, ended) = channel();
        let drawn = Arc::clone(&rows);
        let artist = thread::Builder::new().spawn(move || {
            for turn in 0.. {
                if ended.recv_timeout(TURN) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
                draw(&drawn, turn);
            }
        });
        // Without a thread nothing is drawn before the end.
        Some(Self { rows, ending: Some(ending), artist: artist.ok() })
    }

    pub(super) fn tell(&self, event: &Event) {
        if let Happened::Warned(why) = &event.happened {
            output::note(&format!("{}: warning: {why}", event.what));
        }
        locked(&self.rows).tell(event, Instant::now());
    }
}

impl Drop for Drawing {
    /// The last frame has every row, and stays.
    fn drop(&mut self) {
        drop(self.ending.take());
        if let Some(artist) = self.artist.take() {
            // One that failed has drawn as far as it came.
            drop(artist.join());
        }
        screen::leave(&locked(&self.rows).last(Instant::now()));
    }
}

fn draw(rows: &Mutex<Rows>, turn: usize) {
    // It may be made smaller meanwhile.
    if let Some(canvas) = canvas() {
        let frame = locked(rows).frame(Instant::now(), turn, canvas);
        screen::draw(frame);
    }
}

fn canvas() -> Option<Canvas> {
    let (Width(width), Height(height)) = terminal_size_of(io::stderr())?;
    (width > 0 && height > 0).then(|| Canvas { width: width.into(), height: height.into() })
}

fn locked(rows: &Mutex<Rows>) -> MutexGuard<'_, Rows> {
    rows.lock().unwrap_or_else(PoisonError::into_inner)
}
