//! What is written down of a sandbox, and what may be seen of it.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use perry_sandbox_policy::Publication;
use perry_sandbox_reference::Digest;
use serde::{Deserialize, Serialize};

use super::health::{BadAnswer, Health};
use super::id::{SandboxId, SandboxName};
use super::labels::Labels;
use crate::egress::EgressUse;
use crate::native::Process;
use crate::outcome::{End, Limit, Usage};

/// The only version of the format.
const VERSION: u32 = 1;
/// The longest record that is read: labels at their bounds, and some for the rest.
pub(super) const LONGEST: usize = 256 << 10;
/// The longest name of an image or tier.
pub(super) const LONGEST_TEXT: usize = 4096;

/// One sandbox, as its folder says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Record {
    pub(super) version: u32,
    pub(super) id: SandboxId,
    pub(super) name: SandboxName,
    pub(super) labels: Labels,
    /// The image's name as the caller wrote it.
    pub(super) image: String,
    pub(super) manifest: Digest,
    /// Digest of the plan: of the last start, or until then the one at creation.
    pub(super) plan: Digest,
    pub(super) tier: String,
    pub(super) stop_signal: i32,
    pub(super) created: Timestamp,
    pub(super) state: State,
}

/// How far it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum State {
    /// Not started, or every start failed.
    Created {},
    /// Started by this supervisor; true only while that one lives and holds the lock.
    #[serde(rename_all = "kebab-case")]
    Running {
        supervisor: Process,
        started: Timestamp,
        shape: Digest,
        #[serde(default)]
        restarts: u32,
        #[serde(default)]
        health: Option<Health>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bad_answer: Option<BadAnswer>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        published: Vec<Publication>,
        #[serde(default, skip_serializing_if = "is_false")]
        paused: bool,
    },
    /// Ended, and its supervisor has seen it.
    #[serde(rename_all = "kebab-case")]
    Ended {
        started: Timestamp,
        finished: Timestamp,
        finish: Finish,
        #[serde(default)]
        restarts: u32,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// How a sandbox ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Finish {
    /// How the program ended; nothing when its supervisor lost it.
    pub end: Option<End>,
    /// The limit that ended it, if one did.
    pub limit: Option<Limit>,
    /// What it used.
    pub usage: Option<Usage>,
    /// What it did with its egress grant, if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub egress: Option<EgressUse>,
    /// What went wrong beside: it was killed because it could not be watched, or something could not be written down.
    pub failure: Option<String>,
}

/// Where a sandbox stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SandboxStatus {
    /// It has not been started.
    Created,
    /// It runs, and its supervisor lives.
    Running,
    /// It has ended; its outcome is known.
    Exited,
    /// Its supervisor was killed, and it with it: nobody knows how it ended.
    Dead,
}

impl fmt::Display for SandboxStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Exited => "exited",
            Self::Dead => "dead",
        })
    }
}

/// What may be seen of a sandbox: never a variable's value, an argument or the caller's request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SandboxInfo {
    /// Its id.
    pub id: SandboxId,
    /// Its name.
    pub name: SandboxName,
    /// What it can be found by.
    pub labels: Labels,
    /// The image's name, as its creator wrote it.
    pub image: String,
    /// The image's manifest.
    pub manifest: Digest,
    /// Digest of the plan of the last start, or of its creation.
    pub plan: Digest,
    /// The tier.
    pub tier: String,
    /// Where it stands.
    pub status: SandboxStatus,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last started.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// How it ended.
    pub finish: Option<Finish>,
    /// How often its supervisor has run it again.
    pub restarts: u32,
    /// What its health check says, while it runs and if it has one.
    pub health: Option<Health>,
    /// The last answer of its health check, while it runs and if that was a bad one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bad_answer: Option<BadAnswer>,
    /// Its published ports, with those that were chosen, while it runs.
    pub published: Vec<Publication>,
    /// Whether its processes are stopped until they are let go on.
    #[serde(skip_serializing_if = "is_false")]
    pub paused: bool,
    /// Process id of its supervisor, while it runs.
    pub supervisor: Option<u32>,
}

/// Why bytes are not a record.
pub(super) fn read(bytes: &[u8]) -> Result<Record, String> {
    if bytes.len() > LONGEST {
        return Err(format!("it has {} bytes, more than {LONGEST}", bytes.len()));
    }
    let record: Record = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if record.version != VERSION {
        return Err(format!("its version is {}, and {VERSION} is known here", record.version));
    }
    if record.image.len() > LONGEST_TEXT || record.tier.len() > LONGEST_TEXT {
        return Err("a text in it is too long".to_owned());
    }
    if !(1..=64).contains(&record.stop_signal) {
        return Err(format!("{} is not a signal", record.stop_signal));
    }
    Ok(record)
}

/// Reads a record as the library does and writes it again; for the fuzz target.
#[doc(hidden)]
pub fn check_record(bytes: &[u8]) -> Option<Vec<u8>> {
    read(bytes).ok().and_then(|record| serde_json::to_vec(&record).ok())
}

impl Record {
    pub(super) const VERSION: u32 = VERSION;

    /// What may be seen. `held` says whether the supervisor that the record names lives and holds the lock.
    pub(super) fn info(self, held: bool) -> SandboxInfo {
        let (restarts, health, bad_answer, published) = match &self.state {
            State::Created {} => (0, None, None, Vec::new()),
            State::Running { restarts, health, bad_answer, published, .. } if held => {
                (*restarts, *health, bad_answer.clone(), published.clone())
            }
            State::Running { restarts, .. } | State::Ended { restarts, .. } => {
                (*restarts, None, None, Vec::new())
            }
        };
        let paused = held && matches!(self.state, State::Running { paused: true, .. });
        let (status, started, finished, finish, supervisor) = match self.state {
            State::Created {} => (SandboxStatus::Created, None, None, None, None),
            State::Running { supervisor, started, .. } if held => {
                (SandboxStatus::Running, Some(started), None, None, Some(supervisor.pid))
            }
            State::Running { started, .. } => (SandboxStatus::Dead, Some(started), None, None, None),
            State::Ended { started, finished, finish, .. } => {
                (SandboxStatus::Exited, Some(started), Some(finished), Some(finish), None)
            }
        };
        SandboxInfo {
            id: self.id,
            name: self.name,
            labels: self.labels,
            image: self.image,
            manifest: self.manifest,
            plan: self.plan,
            tier: self.tier,
            status,
            created: self.created,
            started,
            finished,
            finish,
            restarts,
            health,
            bad_answer,
            published,
            paused,
            supervisor,
        }
    }
}

impl SandboxInfo {
    /// How long it ran, once it has ended.
    pub fn wall(&self) -> Option<Duration> {
        self.finish.as_ref()?.usage.map(|usage| usage.wall)
    }
}

/// A record whose lock was held when it was read, and whether it still is.
///
/// The supervisor may have ended after the record was read. What it wrote last is there once it is gone, so the record is
/// read again then: only one that still says that it runs is dead.
pub(super) fn settled<E>(
    record: Record,
    is_alive: impl Fn(Process) -> bool,
    read: impl FnOnce() -> Result<Record, E>,
) -> Result<(Record, bool), E> {
    let runs = |record: &Record| match record.state {
        State::Running { supervisor, .. } => is_alive(supervisor),
        State::Created {} | State::Ended { .. } => true,
    };
    if runs(&record) {
        return Ok((record, true));
    }
    let record = read()?;
    let held = runs(&record);
    Ok((record, held))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::{EgressReason, EgressRefusal};
    use crate::lifecycle::health::ProbeEnd;

    fn record(state: State) -> Record {
        Record {
            version: VERSION,
            id: SandboxId::random().unwrap(),
            name: "web".parse().unwrap(),
            labels: Labels::default(),
            image: "example.org/web".to_owned(),
            manifest: Digest::of(b"m"),
            plan: Digest::of(b"p"),
            tier: "isolated".to_owned(),
            stop_signal: 15,
            created: Timestamp::UNIX_EPOCH,
            state,
        }
    }

    fn web_port() -> Publication {
        let (on, protocol) = ("8080".parse().unwrap(), perry_sandbox_policy::Protocol::Tcp);
        Publication { on, port: 80.try_into().unwrap(), protocol }
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let now = Timestamp::UNIX_EPOCH;
        let refusals = vec![EgressRefusal { to: None, reason: EgressReason::BadRequest }];
        let egress = Some(EgressUse { allowed: 1, refused: 2, refusals });
        let (end, limit) = (Some(End::Exited(3)), Some(Limit::Wall));
        let finish = Finish { end, limit, usage: None, egress, failure: None };
        for state in [
            State::Created {},
            State::Running {
                supervisor: Process { pid: 7, start: 9 },
                started: now,
                shape: Digest::of(b"s"),
                restarts: 2,
                health: Some(Health::Unhealthy),
                bad_answer: Some(BadAnswer { end: ProbeEnd::Exited(1), said: "no \"rows\"".to_owned() }),
                published: vec![web_port()],
                paused: true,
            },
            State::Ended { started: now, finished: now, finish, restarts: 3 },
        ] {
            let record = record(state);
            assert_eq!(read(&serde_json::to_vec(&record).unwrap()).unwrap(), record);
        }
    }

    #[test]
    fn what_a_supervisor_wrote_last_is_read_when_it_is_gone() {
        let now = Timestamp::UNIX_EPOCH;
        let supervisor = Process { pid: 7, start: 9 };
        let (shape, restarts, health) = (Digest::of(b"s"), 0, None);
        let runs = record(State::Running {
            supervisor,
            started: now,
            shape,
            restarts,
            health,
            bad_answer: None,
            published: Vec::new(),
            paused: false,
        });
        let finish =
            Finish { end: Some(End::Exited(0)), limit: None, usage: None, egress: None, failure: None };
        let ended = record(State::Ended { started: now, finished: now, finish, restarts: 0 });
        let ask = |alive: bool, then: &Record| {
            settled(runs.clone(), |_| alive, || Ok::<_, String>(then.clone())).unwrap()
        };
        assert_eq!(ask(true, &ended), (runs.clone(), true), "as it was read");
        assert_eq!(ask(false, &ended), (ended.clone(), true), "it ended in between");
        assert_eq!(ask(false, &runs), (runs.clone(), false), "it died without a word");
    }

    #[test]
    fn what_is_unknown_repeated_or_out_of_bounds_is_refused() {
        let text = serde_json::to_string(&record(State::Created {})).unwrap();
        let swap = |from: &str, to: &str| {
            assert!(text.contains(from), "{text}");
            read(text.replacen(from, to, 1).as_bytes())
        };
        assert!(swap("\"version\":1", "\"version\":2").unwrap_err().contains("version"));
        assert!(swap("\"version\":1", "\"version\":1,\"version\":1").is_err());
        assert!(swap("\"version\":1", "\"version\":1,\"more\":1").is_err());
        assert!(swap("\"name\":\"web\"", "\"name\":\"../web\"").is_err());
        assert!(swap("\"stop-signal\":15", "\"stop-signal\":0").is_err());
        assert!(swap("example.org/web", &"x".repeat(5000)).is_err());
        assert!(read(&vec![b' '; LONGEST + 1]).is_err() && read(b"").is_err());
    }

    #[test]
    fn running_is_said_only_of_what_is_held() {
        let started = Timestamp::UNIX_EPOCH;
        let supervisor = Process { pid: 7, start: 9 };
        let health = Some(Health::Healthy);
        let state = State::Running {
            supervisor,
            started,
            shape: Digest::of(b"s"),
            restarts: 0,
            health,
            bad_answer: None,
            published: vec![web_port()],
            paused: false,
        };
        let running = record(state);
        let info = running.clone().info(true);
        assert_eq!((info.status, info.health), (SandboxStatus::Running, health));
        assert_eq!(info.published, [web_port()]);
        let info = running.info(false);
        assert_eq!((info.status, info.published), (SandboxStatus::Dead, Vec::new()));
        assert_eq!(record(State::Created {}).info(true).status, SandboxStatus::Created);
    }
}
