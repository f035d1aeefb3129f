//! Answers in rounds: what counts how many requests wait for another, without a clock.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// When nobody else is coming.
const PATIENCE: Duration = Duration::from_secs(60);

/// The rounds that are expected.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// With which request, counted from the first, each round is complete.
    ends: Vec<usize>,
    arrived: usize,
}

impl Rounds {
    /// Expects rounds of these sizes from now on.
    pub(crate) fn expect(&self, sizes: &[usize]) {
        let mut sum = 0;
        let ends = sizes.iter().map(|size| {
            sum += size;
            sum
        });
        let state = State { ends: ends.collect(), arrived: 0 };
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// Holds a request until all of its round have come; whether they did.
    pub(crate) fn hold(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.arrived += 1;
        self.arrived.notify_all();
        let mine = state.arrived;
        let Some(end) = state.ends.iter().copied().find(|end| mine <= *end) else { return true };
        let held = self.arrived.wait_timeout_while(state, PATIENCE, |state| state.arrived < end);
        !held.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}
