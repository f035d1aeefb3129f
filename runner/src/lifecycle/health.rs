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
use crate::backends::one_line;
use crate::io::{Input, Output, Streams};
use crate::native::{Bounds, Finished, Settings, run_guest};
use crate::outcome::{End, Limit};

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

/// The last answer of a sandbox that is not well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BadAnswer {
    /// How the program that was to answer ended.
    pub end: ProbeEnd,
    /// The end of what it said, as one line without control characters.
    pub said: String,
}

/// How a program ended that was to say whether a sandbox is well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeEnd {
    /// By itself, with this code, which is not 0.
    Exited(i32),
    /// By this signal.
    Killed(i32),
    /// It had this limit.
    Limit(Limit),
    /// It could not join.
    NotStarted,
}

impl BadAnswer {
    /// The longest text of one that is kept.
    const LONGEST: usize = 1000;

    fn new(end: ProbeEnd, said: &[u8]) -> Self {
        let line = one_line(said);
        // The last words say best what is wrong.
        let first = line.chars().count().saturating_sub(Self::LONGEST);
        Self { end, said: line.chars().skip(first).collect() }
    }

    /// Nothing of a program that ended well.
    fn of(finished: &Finished) -> Option<Self> {
        let end = match (finished.limit, finished.end) {
            (Some(limit), _) => ProbeEnd::Limit(limit),
            (None, End::Exited(0)) => return None,
            (None, End::Exited(code)) => ProbeEnd::Exited(code),
            (None, End::Killed(signal)) => ProbeEnd::Killed(signal),
        };
        Some(Self::new(end, &[&finished.stdout[..], &finished.stderr[..]].join(&b'\n')))
    }
}

impl fmt::Display for BadAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.end {
            ProbeEnd::Exited(code) => write!(f, "ended with code {code}")?,
            ProbeEnd::Killed(signal) => write!(f, "was killed by signal {signal}")?,
            ProbeEnd::Limit(limit) => write!(f, "was ended at its limit of {limit}")?,
            ProbeEnd::NotStarted => f.write_str("could not join the sandbox")?,
        }
        if self.said.is_empty() {
            f.write_str(" and said nothing")
        } else {
            write!(f, " and said `{}`", self.said)
        }
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

    /// Counts an answer, so long after the start.
    fn beat(&mut self, good: bool, age: Duration, check: &HealthCheck) {
        let early = check.start_period.is_some_and(|period| age < period.duration());
        if good {
            *self = Self { health: Health::Healthy, failures: 0 };
        } else if self.health != Health::Starting || !early {
            self.failures = self.failures.saturating_add(1);
            if self.failures >= check.retries.get() {
                self.health = Health::Unhealthy;
            }
        }
    }
}

/// Asks until the sandbox has ended for good.
pub(super) fn watch(post: &Post, order: &HealthOrder) {
    let (mut pulse, mut since, mut run) = (Pulse::new(), Instant::now(), post.restarts());
    while !post.ends_within(order.check.interval.duration()) {
        if post.restarts() != run {
            (pulse, since, run) = (Pulse::new(), Instant::now(), post.restarts());
        }
        if let Some(answer) = ask(post, order) {
            pulse.beat(answer.is_ok(), since.elapsed(), &order.check);
            post.note_health(run, pulse.health, answer.err());
        }
    }
}

/// Lets the program join; nothing when there is nobody to join.
fn ask(post: &Post, order: &HealthOrder) -> Option<Result<(), BadAnswer>> {
    /// What it may write.
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
        let answer = run_guest(&settings, streams, None, None, |descriptors| {
            let given = descriptors.iter().map(BorrowedFd::try_clone_to_owned).collect::<Result<_, _>>()?;
            scope.spawn(move || host_guest(&theirs, post, (asked, false), given));
            Ok(())
        });
        // Its end ends what is left of the program.
        drop(own);
        answer
    });
    match answer {
        Ok(finished) => Some(BadAnswer::of(&finished).map_or(Ok(()), Err)),
        Err(error) => {
            let bad = || Err(BadAnswer::new(ProbeEnd::NotStarted, error.to_string().as_bytes()));
            post.is_running().then(bad)
        }
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
        let mut has_changed = |second, answer| {
            let before = pulse.health;
            pulse.beat(answer == '+', Duration::from_secs(second), check);
            pulse.health != before
        };
        let beats = (0..).zip(answers.chars());
        let changes = beats.filter(|(second, answer)| has_changed(*second, *answer)).count();
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
    fn a_bad_answer_is_one_line_of_its_last_words() {
        let bad = BadAnswer::new(ProbeEnd::Exited(1), b"no\n rows \x1b[2Jyet\n");
        assert_eq!(bad.to_string(), "ended with code 1 and said `no rows \u{fffd}[2Jyet`");
        let quiet = BadAnswer::new(ProbeEnd::Limit(Limit::Wall), b" \n");
        assert_eq!(quiet.to_string(), format!("was ended at its limit of {} and said nothing", Limit::Wall));
        let long = BadAnswer::new(ProbeEnd::Killed(9), format!("{}end", "x ".repeat(5000)).as_bytes());
        assert!(long.said.ends_with(" x end") && long.said.chars().count() == BadAnswer::LONGEST);
    }

    #[test]
    fn failures_at_the_start_do_not_count_until_the_first_good_answer() {
        let patient = check(2, Some("5s"));
        assert_eq!(after("-----", &patient), (Health::Starting, 0));
        assert_eq!(after("-------", &patient), (Health::Unhealthy, 1));
        assert_eq!(after("-+--", &patient), (Health::Unhealthy, 2));
    }
}
