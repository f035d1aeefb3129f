//! Whether the program inside does what it is there for: another program joins from time to time and says so.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use perry_sandbox_policy::{LaunchPlan, WallTime};
use serde::{Deserialize, Serialize};

use super::control::AskedJoin;
use super::exec::host_guest;
use super::post::Post;
use crate::io::{Input, Output, Streams};
use crate::native::{Bounds, Settings, run_guest};
use crate::outcome::End;

/// How often to ask, and what to make of the answers; the words are docker's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct HealthCheck {
    /// From one answer to the next question.
    pub interval: WallTime,
    /// How long one answer may take.
    pub timeout: WallTime,
    /// In how long from the start a failure does not count.
    pub start_period: Option<WallTime>,
    /// How many failures in a row make it unhealthy.
    pub retries: NonZeroU32,
}

/// A health check, and the program that answers: allowed by the policy as one that joins the sandbox.
#[derive(Debug, Clone, Copy)]
pub struct HealthStart<'a> {
    /// When to ask.
    pub check: HealthCheck,
    /// The plan of the program; all but what is a joining program's own must be as in the sandbox's plan.
    pub plan: &'a LaunchPlan,
}

/// What the answers came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// No good answer yet, and not too many bad ones.
    Starting,
    /// The last answer was good, or too few bad ones came after it.
    Healthy,
    /// Too many bad answers in a row.
    Unhealthy,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
        })
    }
}

/// What a supervisor has to ask.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct HealthOrder {
    pub(super) argv: Vec<String>,
    pub(super) env: BTreeMap<String, String>,
    pub(super) cwd: String,
    pub(super) check: HealthCheck,
}

/// The answers so far.
#[derive(Debug)]
struct Pulse {
    health: Health,
    failures: u32,
}

impl Pulse {
    const fn new() -> Self {
        Self { health: Health::Starting, failures: 0 }
    }

    /// Counts an answer, so long after the start; answers whether the health changed.
    fn beat(&mut self, good: bool, age: Duration, check: &HealthCheck) -> bool {
        let before = self.health;
        let early = check.start_period.is_some_and(|period| age < period.duration());
        if good {
            *self = Self { health: Health::Healthy, failures: 0 };
        } else if before != Health::Starting || !early {
            self.failures = self.failures.saturating_add(1);
            if self.failures >= check.retries.get() {
                self.health = Health::Unhealthy;
            }
        }
        self.health != before
    }
}

/// Asks until the sandbox has ended for good.
pub(super) fn watch(post: &Post, order: &HealthOrder) {
    let (mut pulse, mut since, mut run) = (Pulse::new(), Instant::now(), post.restarts());
    while !post.ends_within(order.check.interval.duration()) {
        if post.restarts() != run {
            (pulse, since, run) = (Pulse::new(), Instant::now(), post.restarts());
        }
        if let Some(good) = ask(post, order)
            && pulse.beat(good, since.elapsed(), &order.check)
        {
            post.note_health(run, pulse.health);
        }
    }
}

/// Lets the program join; nothing when there is nobody to join.
fn ask(post: &Post, order: &HealthOrder) -> Option<bool> {
    /// What it may write; nobody reads it.
    const OUTPUT: u64 = 64 << 10;
    if !post.is_running() || post.is_paused() {
        return None;
    }
    let (own, theirs) = UnixStream::pair().ok()?;
    let all = &post.order.settings;
    let limits = Bounds { wall: order.check.timeout.duration(), output: OUTPUT, ..all.limits };
    let (argv, env, cwd) = (order.argv.clone(), order.env.clone(), order.cwd.clone());
    let settings = Settings { argv, env, cwd, limits, terminal: false, ..all.clone() };
    let asked = AskedJoin {
        argv: settings.argv.clone(),
        env: settings.env.clone(),
        cwd: settings.cwd.clone(),
        shape: post.order.shape.clone(),
        manifest: post.order.manifest.clone(),
    };
    let streams = Streams { stdin: Input::Null, stdout: Output::Capture, stderr: Output::Capture };
    let answer = thread::scope(|scope| {
        let answer = run_guest(&settings, streams, None, |descriptors| {
            let given = descriptors.iter().map(BorrowedFd::try_clone_to_owned).collect::<Result<_, _>>()?;
            scope.spawn(move || host_guest(&theirs, post, asked, given));
            Ok(())
        });
        // Its end ends what is left of the program.
        drop(own);
        answer
    });
    match answer {
        Ok(finished) => Some(finished.end == End::Exited(0) && finished.limit.is_none()),
        Err(_) => post.is_running().then_some(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(retries: u32, start_period: Option<&str>) -> HealthCheck {
        HealthCheck {
            interval: "1s".parse().unwrap(),
            timeout: "1s".parse().unwrap(),
            start_period: start_period.map(|text| text.parse().unwrap()),
            retries: retries.try_into().unwrap(),
        }
    }

    fn after(answers: &str, check: &HealthCheck) -> (Health, usize) {
        let mut pulse = Pulse::new();
        let beats = (0..).zip(answers.chars());
        let changes = beats
            .filter(|(second, answer)| pulse.beat(*answer == '+', Duration::from_secs(*second), check))
            .count();
        (pulse.health, changes)
    }

    #[test]
    fn failures_in_a_row_make_it_unhealthy_and_one_good_answer_healthy() {
        let three = check(3, None);
        assert_eq!(after("", &three), (Health::Starting, 0));
        assert_eq!(after("--", &three), (Health::Starting, 0));
        assert_eq!(after("---", &three), (Health::Unhealthy, 1));
        assert_eq!(after("--+--", &three), (Health::Healthy, 1));
        assert_eq!(after("---+---", &three), (Health::Unhealthy, 3));
    }

    #[test]
    fn failures_at_the_start_do_not_count_until_the_first_good_answer() {
        let patient = check(2, Some("5s"));
        assert_eq!(after("-----", &patient), (Health::Starting, 0));
        assert_eq!(after("-------", &patient), (Health::Unhealthy, 1));
        assert_eq!(after("-+--", &patient), (Health::Unhealthy, 2));
    }
}
