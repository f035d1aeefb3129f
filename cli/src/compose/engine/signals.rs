//! Interrupts of the user, passed on to whoever works.

use std::sync::{Arc, OnceLock};
use std::thread;

use perry_sandbox_engine::Interrupt;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::output::{self, Failure};

/// From now on SIGINT, SIGTERM and SIGHUP ask to stop, and do not end this program. A command of several parts has one
/// interrupt.
pub(super) fn listen() -> Result<Arc<Interrupt>, Failure> {
    static LISTENING: OnceLock<Arc<Interrupt>> = OnceLock::new();
    if let Some(interrupt) = LISTENING.get() {
        return Ok(Arc::clone(interrupt));
    }
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])
        .map_err(|error| Failure::Folder(format!("listening for signals: {error}")))?;
    let interrupt = Arc::new(Interrupt::default());
    let asked = Arc::clone(&interrupt);
    let listening = thread::Builder::new().spawn(move || {
        for signal in signals.forever() {
            asked.ask_by(signal);
            match asked.times() {
                1 => output::note("stopping: again to kill instead of asking"),
                _ => output::note("killing"),
            }
        }
    });
    listening.map_err(|error| Failure::Folder(format!("listening for signals: {error}")))?;
    Ok(Arc::clone(LISTENING.get_or_init(|| interrupt)))
}
