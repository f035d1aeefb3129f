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

/// Whether waiting has an end.
enum Verdict {
    Reached,
    NotYet,
    Never(String, &'static str),
}

impl Conditions<'_> {
    /// When whoever begins to wait now has waited long enough.
    pub(super) fn deadline(&self) -> Instant {
        let now = Instant::now();
        now.checked_add(self.patience).unwrap_or(now)
    }

    /// Waits for a service's sandbox; `is_over` says that nobody needs the answer any more.
    pub(super) fn wait(
        &self,
        service: &str,
        id: &str,
        wanted: Wanted,
        deadline: Instant,
        is_over: &dyn Fn() -> bool,
    ) -> Result<(), StepError> {
        if wanted == Wanted::Until(Until::Started) {
            return Ok(());
        }
        let mut pause = PAUSES.0;
        let failed = |found: String, hint: &str| {
            let (service, wanted) = (format!("`{service}`"), wanted.words());
            StepError::Condition { service, wanted, found, hint: hint.to_owned() }
        };
        loop {
            if self.interrupt.is_asked() || is_over() {
                return Err(StepError::Interrupted);
            }
            let found = self.world.look(id)?;
            match found.map_or_else(gone, |found| verdict(&found, wanted)) {
                Verdict::Reached => return Ok(()),
                Verdict::Never(found, hint) => return Err(failed(found, hint)),
                Verdict::NotYet if Instant::now() >= deadline => {
                    let found = format!("was not so far after {} s", self.patience.as_secs());
                    return Err(failed(found, "; `--wait-timeout` lets it take longer"));
                }
                Verdict::NotYet => std::thread::sleep(pause),
            }
            pause = pause.saturating_mul(2).min(PAUSES.1);
        }
    }
}

fn gone() -> Verdict {
    Verdict::Never("was removed meanwhile".to_owned(), "")
}

fn verdict(condition: &Condition, wanted: Wanted) -> Verdict {
    let logs = "; see `perry-compose logs`";
    match (condition, wanted) {
        (Condition::Running(_), Wanted::Until(Until::Started))
        | (Condition::Running(Some(Health::Healthy)), Wanted::Until(Until::Healthy) | Wanted::Up)
        | (Condition::Running(None), Wanted::Up)
        | (Condition::Exited(0), Wanted::Until(Until::Completed) | Wanted::Up) => Verdict::Reached,
        (Condition::Running(None), Wanted::Until(Until::Healthy)) => {
            Verdict::Never("has no health check".to_owned(), "; give it one by `healthcheck`")
        }
        (Condition::Running(Some(Health::Unhealthy)), Wanted::Until(Until::Healthy) | Wanted::Up) => {
            Verdict::Never("is unhealthy".to_owned(), logs)
        }
        (Condition::Created | Condition::Running(_), _) => Verdict::NotYet,
        (Condition::Exited(code), _) => Verdict::Never(format!("has ended with code {code}"), logs),
        (Condition::Lost(how), _) => Verdict::Never(how.clone(), logs),
    }
}
