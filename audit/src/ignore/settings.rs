//! `audit.toml`: findings that a team has answered for.

use std::ops::Range;

use jiff::civil::Date;
use serde::Deserialize;
use thiserror::Error;
use toml::Spanned;

use super::entry::{Entry, Scope};
use crate::finding::SuppressedBy;
use crate::place::{FileId, Place};
use crate::rule::RuleId;

const SCHEMA: &str = "perry-sandbox/audit-settings/v1";
const MOST_BYTES: usize = 1 << 20;
const MOST_ENTRIES: usize = 10_000;

/// Why settings are not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// Too many bytes or entries.
    #[error("`{name}` has more than {most} {what}")]
    TooLarge {
        /// The file.
        name: String,
        /// How many it may have.
        most: usize,
        /// Of what.
        what: &'static str,
    },
    /// Not TOML of this schema.
    #[error("`{name}` cannot be read: {reason}")]
    Malformed {
        /// The file.
        name: String,
        /// What the reader says, with the place.
        reason: String,
    },
    /// Another schema.
    #[error("`{name}` has the schema `{found}`, known is `perry-sandbox/audit-settings/v1`")]
    Schema {
        /// The file.
        name: String,
        /// What it says.
        found: String,
    },
    /// An entry that cannot be meant.
    #[error("`{name}`: `{value}` is no {what}")]
    Value {
        /// The file.
        name: String,
        /// What is written.
        value: String,
        /// What it should be.
        what: &'static str,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    #[serde(default)]
    ignore: Vec<Spanned<Ignore>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ignore {
    rule: String,
    target: Option<String>,
    file: Option<String>,
    reason: String,
    owner: Option<String>,
    until: Option<toml::value::Datetime>,
}

/// What a team has answered for.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The file's name.
    pub name: String,
    /// Its text.
    pub text: String,
    entries: Vec<(Range<usize>, Read)>,
}

#[derive(Debug, Clone)]
struct Read {
    rule: RuleId,
    target: Option<String>,
    file: Option<String>,
    reason: String,
    owner: Option<String>,
    until: Option<Date>,
}

impl Settings {
    /// Reads settings.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn parse(name: &str, text: &str) -> Result<Self, SettingsError> {
        let name_of = || name.to_owned();
        if text.len() > MOST_BYTES {
            return Err(SettingsError::TooLarge { name: name_of(), most: MOST_BYTES, what: "bytes" });
        }
        let file: File = toml::from_str(text)
            .map_err(|error| SettingsError::Malformed { name: name_of(), reason: error.to_string() })?;
        if file.schema != SCHEMA {
            return Err(SettingsError::Schema {
                name: name_of(),
                found: perry_sandbox_compose::shown(&file.schema),
            });
        }
        if file.ignore.len() > MOST_ENTRIES {
            return Err(SettingsError::TooLarge { name: name_of(), most: MOST_ENTRIES, what: "entries" });
        }
        let entries = file.ignore.into_iter().map(|entry| {
            let range = entry.span();
            read(entry.into_inner(), name).map(|read| (range, read))
        });
        Ok(Self { name: name_of(), text: text.to_owned(), entries: entries.collect::<Result<_, _>>()? })
    }

    /// The entries, as those of a file that was kept under `file`.
    pub(super) fn entries(&self, file: FileId) -> impl Iterator<Item = Entry> {
        self.entries.iter().map(move |(range, read)| Entry {
            by: SuppressedBy::Settings,
            rule: read.rule,
            scope: Scope::Named { target: read.target.clone(), file: read.file.clone() },
            reason: read.reason.trim().to_owned(),
            owner: read.owner.clone(),
            until: read.until,
            place: first_line(&self.text, range, file),
        })
    }
}

fn first_line(text: &str, range: &Range<usize>, file: FileId) -> Place {
    let end = text.get(range.clone()).and_then(|entry| entry.find('\n'));
    Place { file, start: range.start, end: end.map_or(range.end, |end| range.start.saturating_add(end)) }
}

fn read(entry: Ignore, name: &str) -> Result<Read, SettingsError> {
    let wrong = |value: &str, what| SettingsError::Value {
        name: name.to_owned(),
        value: perry_sandbox_compose::shown(value),
        what,
    };
    let rule = entry.rule.strip_prefix("PSB").and_then(|number| number.parse().ok()).map(RuleId);
    let rule = rule.filter(|id| crate::rules::CATALOGUE.iter().any(|row| row.id == *id));
    let rule = rule.ok_or_else(|| wrong(&entry.rule, "rule"))?;
    let until = match entry.until {
        None => None,
        Some(day) => {
            let text = day.to_string();
            Some(text.parse().map_err(|_| wrong(&text, "day, such as 2027-01-31"))?)
        }
    };
    Ok(Read { rule, target: entry.target, file: entry.file, reason: entry.reason, owner: entry.owner, until })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_strictly() {
        let good = "schema = \"perry-sandbox/audit-settings/v1\"\n[[ignore]]\nrule = \"PSB401\"\ntarget = \"web\"\nreason = \"lab\"\nuntil = 2027-01-31\n";
        assert_eq!(Settings::parse("audit.toml", good).unwrap().entries.len(), 1);
        for (from, to) in [
            ("PSB401", "PSB499"),
            ("target", "targte"),
            ("2027-01-31", "2027-01-31T00:00:00Z"),
            ("/v1", "/v2"),
            ("reason = \"lab\"\n", ""),
        ] {
            Settings::parse("audit.toml", &good.replace(from, to)).expect_err(to);
        }
    }
}
