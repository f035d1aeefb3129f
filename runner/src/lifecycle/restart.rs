//! Whether and when a supervisor runs a sandbox again that has ended.
//!
//! It is the same plan, and the plan's wall time is that of all runs and pauses together: running again never makes a
//! sandbox live longer than its policy lets it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::native::Finished;
use crate::outcome::{End, Limit};

/// Which ends are not the last. Who stops a sandbox ends it whatever this says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Restart {
    /// The first end is the last.
    #[default]
    No,
    /// An end with another code than 0, by a signal, or at a limit; at most so often.
    OnFailure {
        /// How often; nothing: without end.
        most: Option<u32>,
    },
    /// Every end.
    Always,
}

/// A text that is none of them.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` says nothing about restarts: write `no`, `on-failure`, `on-failure:5` or `always`")]
pub struct RestartError(String);

impl FromStr for Restart {
    type Err = RestartError;

    fn from_str(text: &str) -> Result<Self, RestartError> {
        let read = match text.split_once(':') {
            None if text == "no" => Some(Self::No),
            None if text == "on-failure" => Some(Self::OnFailure { most: None }),
            // Docker's word for one that a person has not stopped: no daemon of ours starts any after a boot.
            None if matches!(text, "always" | "unless-stopped") => Some(Self::Always),
            Some(("on-failure", most)) => most.parse().map(|most| Self::OnFailure { most: Some(most) }).ok(),
            _ => None,
        };
        read.ok_or_else(|| RestartError(text.chars().take(80).collect()))
    }
}

impl fmt::Display for Restart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::No => f.write_str("no"),
            Self::OnFailure { most: None } => f.write_str("on-failure"),
            Self::OnFailure { most: Some(most) } => write!(f, "on-failure:{most}"),
            Self::Always => f.write_str("always"),
        }
    }
}

impl TryFrom<String> for Restart {
    type Error = RestartError;

    fn try_from(text: String) -> Result<Self, RestartError> {
        text.parse()
    }
}

impl From<Restart> for String {
    fn from(restart: Restart) -> Self {
        restart.to_string()
    }
}

impl Restart {
    /// Whether this end is not the last, after so many restarts.
    pub(super) fn wants(self, finished: &Finished, restarts: u32) -> bool {
        if finished.limit == Some(Limit::Wall) {
            return false;
        }
        match self {
            Self::No => false,
            Self::OnFailure { most } => {
                let failed = finished.end != End::Exited(0) || finished.limit.is_some();
                failed && most.is_none_or(|most| restarts < most)
            }
            Self::Always => true,
        }
    }
}

/// How long to pause before the next run: longer each time, until one has run for a while.
#[derive(Debug)]
pub(super) struct BackOff {
    next: Duration,
}

impl BackOff {
    const FIRST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(60);
    /// One that ran so long was well.
    const WELL: Duration = Duration::from_secs(10);

    pub(super) const fn new() -> Self {
        Self { next: Self::FIRST }
    }

    /// The pause after a run of so long.
    pub(super) fn after(&mut self, ran: Duration) -> Duration {
        if ran >= Self::WELL {
            self.next = Self::FIRST;
        }
        let pause = self.next;
        self.next = pause.saturating_mul(2).min(Self::LONGEST);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Measured, Usage};

    fn finished(end: End, limit: Option<Limit>) -> Finished {
        let none = Duration::ZERO;
        let peak_measured = Measured::Sampled;
        let usage = Usage { wall: none, user: none, system: none, peak_memory: 0, peak_measured };
        Finished { end, limit, stdout: Vec::new(), stderr: Vec::new(), usage, output: 0, egress: None }
    }

    #[test]
    fn it_is_written_as_it_is_read() {
        for text in ["no", "on-failure", "on-failure:5", "always"] {
            assert_eq!(text.parse::<Restart>().unwrap().to_string(), text);
        }
        assert_eq!("unless-stopped".parse(), Ok(Restart::Always));
        for text in ["", "No", "on-failure:", "on-failure:-1", "on-failure:99999999999", "always:1", "5"] {
            assert!(text.parse::<Restart>().unwrap_err().to_string().contains("on-failure:5"), "{text}");
        }
    }

    #[test]
    fn a_failure_is_an_end_without_success_and_the_end_of_the_time_is_final() {
        let (well, ill) = (finished(End::Exited(0), None), finished(End::Exited(1), None));
        let full = finished(End::Killed(9), Some(Limit::Memory));
        let over = finished(End::Killed(9), Some(Limit::Wall));
        let wants =
            |text: &str, end: &Finished, restarts| text.parse::<Restart>().unwrap().wants(end, restarts);
        assert!(!wants("no", &ill, 0) && !wants("on-failure", &well, 0) && wants("always", &well, 1_000_000));
        assert!(wants("on-failure", &full, 1_000_000) && wants("on-failure:2", &ill, 1));
        assert!(!wants("on-failure:2", &ill, 2) && !wants("on-failure:0", &ill, 0));
        assert!(!wants("always", &over, 0) && !wants("on-failure", &over, 0));
    }

    #[test]
    fn pauses_double_up_to_a_minute_and_begin_again_after_a_good_run() {
        let mut back_off = BackOff::new();
        let quick = Duration::from_millis(5);
        let pauses: Vec<_> = (0..12).map(|_| back_off.after(quick).as_millis()).collect();
        assert_eq!(pauses[..4], [100, 200, 400, 800]);
        assert_eq!(pauses[11], 60_000);
        assert_eq!(back_off.after(Duration::from_secs(11)), BackOff::FIRST);
    }
}
