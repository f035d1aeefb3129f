//! What is said of a sandbox: why it was refused, where it stands, and what its program wrote last.

use perry_sandbox_pipeline::Answer;
use perry_sandbox_policy::{Denial, Verdict};
use perry_sandbox_runner::{End, SandboxInfo, SandboxStatus};

use crate::world::Condition;

/// How many lines of what a program has written last are said where it has ended too early.
pub(crate) const LAST_LINES: usize = 3;
/// And how many bytes of them.
const LAST_BYTES: usize = 600;

/// Why a wish was not granted, in words.
pub fn reasons(answer: &Answer<'_>) -> String {
    let denied = |denial: &Denial| denial.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    match answer {
        Answer::NotAsked(denial) => denied(denial),
        Answer::NotVerified(denial) => denial.to_string(),
        Answer::Broken(error) => error.to_string(),
        Answer::Decided(decided) => match &decided.verdict {
            Verdict::Deny(denial) => denied(denial),
            Verdict::Allow(_) => "allowed, and not started".to_owned(),
        },
    }
}

/// What a sandbox's record says of where it stands.
pub fn condition(info: &SandboxInfo) -> Condition {
    match (info.status, &info.finish) {
        (SandboxStatus::Created, _) => Condition::Created,
        (SandboxStatus::Running, _) if info.health.is_none() && info.restarts > 0 => {
            Condition::Restarted(info.restarts)
        }
        (SandboxStatus::Running, _) => Condition::Running(info.health),
        (SandboxStatus::Dead, _) | (SandboxStatus::Exited, None) => {
            Condition::Lost("has lost its supervisor".to_owned())
        }
        (SandboxStatus::Exited, Some(finish)) => match (finish.limit, finish.end) {
            (None, Some(End::Exited(code))) => match u8::try_from(code) {
                Ok(code) => Condition::Exited(code),
                Err(_) => Condition::Lost(format!("has ended with code {code}")),
            },
            (Some(limit), _) => Condition::Lost(format!("was ended at its limit of {limit}")),
            (None, Some(End::Killed(signal))) => Condition::Lost(format!("was killed by signal {signal}")),
            (None, None) => {
                let why = finish.failure.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
                Condition::Lost(format!("was lost{why}"))
            }
        },
    }
}

/// The end of what a program has written, in one line; nothing where it has written nothing.
pub(crate) fn last_words(chunks: impl Iterator<Item = Vec<u8>>) -> Option<String> {
    let mut bytes = Vec::new();
    for chunk in chunks {
        bytes.extend(chunk);
        bytes.drain(..bytes.len().saturating_sub(LAST_BYTES));
    }
    let said = String::from_utf8_lossy(&bytes);
    let said: Vec<String> = said.lines().map(str::trim).filter(|line| !line.is_empty()).map(plain).collect();
    Some(said.join(" / ")).filter(|said| !said.is_empty())
}

/// SECURITY: a program writes what it likes; here it is part of one line of ours, between backticks.
fn plain(line: &str) -> String {
    let mut plain = String::new();
    for char in line.chars() {
        match char {
            '`' => plain.push('\''),
            '\'' | '"' | '\\' => plain.push(char),
            char => plain.extend(char.escape_debug()),
        }
    }
    plain
}
