//! Waiting until what was started is as far as somebody needs it.

use std::fmt;
use std::time::{Duration, Instant};

use perry_sandbox_runner::Health;

use crate::desired::Until;
use crate::error::StepError;
use crate::interrupt::Interrupt;
use crate::world::{Condition, World};

/// The first pause between two looks, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(200));

/// How long one that was run again must stay up until it counts as up: after that its restarts begin to be counted anew.
const STEADY: Duration = Duration::from_secs(10);

/// How conditions are waited for.
#[derive(Clone, Copy)]
pub(super) struct Conditions<'a> {
    /// Where is looked.
    pub(super) world: &'a dyn World,
    /// How long.
    pub(super) patience: Duration,
    /// Who ends the waiting.
    pub(super) interrupt: &'a Interrupt,
}

impl fmt::Debug for Conditions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conditions").field("patience", &self.patience).finish_non_exhaustive()
    }
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// As a dependency says.
    Until(Until),
    /// Well, running, or ended with code 0: whatever is right for it.
    Up,
}

impl Wanted {
    const fn words(self) -> &'static str {
        match self {
            Self::Until(Until::Started) => "run",
            Self::Until(Until::Healthy) => "become healthy",
            Self::Until(Until::Completed) => "end with code 0",
            Self::Up => "come up",
        }
    }
}

/// How far what was waited for is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reached {
    /// As far as it was to come.
    Surely,
    /// It runs, and nobody says whether it is well.
    ForNow,
}

/// Whether waiting has an end.
enum Verdict {
    Reached(Reached),
    NotYet,
    /// It was run again so often, and may stay up now.
    Restarted(u32),
    Never(String, &'static str),
}

impl Conditions<'_> {
    /// When whoever begins to wait now has waited long enough.
    pub(super) fn deadline(&self) -> Instant {
        let now = Instant::now();
        now.checked_add(self.patience).unwrap_or(now)
    }

    /// Waits for a service's sandbox, and says how sure it is; `is_over` says that nobody needs the answer any more.
    pub(super) fn wait(
        &self,
        service: &str,
        id: &str,
        wanted: Wanted,
        deadline: Instant,
        is_over: &dyn Fn() -> bool,
    ) -> Result<Reached, StepError> {
        if wanted == Wanted::Until(Until::Started) {
            return Ok(Reached::Surely);
        }
        let mut pause = PAUSES.0;
        let mut steady = (0, Instant::now());
        let failed = |found: String, hint: &str| {
            let (service, wanted) = (format!("`{service}`"), wanted.words());
            // Whoever cannot say it has nothing to say.
            let answer = self.world.bad_answer(id).ok().flatten();
            let said = answer.map(|said| format!("; its last check {said}"));
            let words = || {
                let words = self.world.last_words(id).ok().flatten()?;
                Some(format!("; it wrote last: `{words}`"))
            };
            let said = said.or_else(words).unwrap_or_default();
            StepError::Condition { service, wanted, found, hint: format!("{said}{hint}") }
        };
        loop {
            if self.interrupt.is_asked() || is_over() {
                return Err(StepError::Interrupted);
            }
            let found = self.world.look(id)?;
            let verdict = found.map_or_else(gone, |found| verdict(&found, wanted));
            let is_late = Instant::now() >= deadline;
            match verdict {
                Verdict::Reached(reached) => return Ok(reached),
                Verdict::Never(found, hint) => return Err(failed(found, hint)),
                Verdict::Restarted(times) if steady.0 == times && steady.1.elapsed() >= STEADY => {
                    return Ok(Reached::Surely);
                }
                Verdict::Restarted(times) if is_late => {
                    let found = format!(
                        "was run again {times} times, and did not stay up for {} s",
                        STEADY.as_secs()
                    );
                    return Err(failed(found, ""));
                }
                Verdict::NotYet if is_late => {
                    let found = format!("was not so far after {} s", self.patience.as_secs());
                    return Err(failed(found, "; `--wait-timeout` lets it take longer"));
                }
                Verdict::Restarted(times) if steady.0 != times => steady = (times, Instant::now()),
                Verdict::Restarted(_) | Verdict::NotYet => {}
            }
            std::thread::sleep(pause);
            pause = pause.saturating_mul(2).min(PAUSES.1);
        }
    }
}

fn gone() -> Verdict {
    Verdict::Never("was removed meanwhile".to_owned(), "")
}

fn verdict(condition: &Condition, wanted: Wanted) -> Verdict {
    let logs = "; `up --keep-failed` keeps what failed";
    match (condition, wanted) {
        (Condition::Running(_) | Condition::Restarted(_), Wanted::Until(Until::Started))
        | (Condition::Running(Some(Health::Healthy)), Wanted::Until(Until::Healthy) | Wanted::Up)
        | (Condition::Exited(0), Wanted::Until(Until::Completed) | Wanted::Up) => {
            Verdict::Reached(Reached::Surely)
        }
        (Condition::Running(None), Wanted::Up) => Verdict::Reached(Reached::ForNow),
        (Condition::Restarted(times), Wanted::Up) => Verdict::Restarted(*times),
        (Condition::Running(None) | Condition::Restarted(_), Wanted::Until(Until::Healthy)) => {
            Verdict::Never("has no health check".to_owned(), "; give it one by `healthcheck`")
        }
        (Condition::Running(Some(Health::Unhealthy)), Wanted::Until(Until::Healthy) | Wanted::Up) => {
            Verdict::Never("is unhealthy".to_owned(), logs)
        }
        (Condition::Created | Condition::Running(_) | Condition::Restarted(_), _) => Verdict::NotYet,
        (Condition::Exited(code), _) => Verdict::Never(format!("has ended with code {code}"), logs),
        (Condition::Lost(how), _) => Verdict::Never(how.clone(), logs),
    }
}
