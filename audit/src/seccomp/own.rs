//! Our own form: TOML, read by the crate of profiles; here only places are added.

use std::collections::BTreeMap;
use std::ops::Range;

use perry_sandbox_profiles::{Refusal, SeccompProfile};
use serde::Deserialize;
use toml::Spanned;

use super::action::CallAnswer;
use super::filter::{Arches, Evidence, Filter, FilterRule, Gate};
use super::test::{ArgTest, Compare};
use crate::input::{Unread, UnreadKind};
use crate::place::{FileId, Place, Placed, Texts};

#[derive(Deserialize)]
struct File {
    name: String,
    unknown: Spanned<String>,
    recorded: Option<toml::Table>,
    #[serde(default)]
    allow: Vec<Entry>,
    #[serde(default)]
    refuse: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    calls: Vec<Spanned<String>>,
    #[serde(default)]
    when: Vec<Test>,
    arch: Option<Vec<String>>,
    answer: Option<String>,
    seen: Option<u32>,
    runtime: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Test {
    arg: u8,
    bits: u8,
    one_of: Option<BTreeMap<String, u64>>,
    mask: Option<u64>,
    equals: Option<u64>,
}

/// Whether a text says that it is a profile of ours.
pub(crate) fn has_own_schema(text: &str) -> bool {
    text.lines().any(|line| {
        let value = line.strip_prefix("schema");
        let value = value.map(|rest| rest.trim_start_matches(['"', '\'', ' ', '\t', '=']));
        value.is_some_and(|value| value.starts_with("perry-sandbox/seccomp-profile"))
    })
}

/// Reads a profile: its name, its filter and its meaning.
pub(super) fn read(
    text: &str,
    file: FileId,
    texts: &Texts,
) -> Result<(String, Filter, SeccompProfile), Unread> {
    let malformed = |place: Option<Place>, message: String| {
        Unread::new(UnreadKind::Malformed, place.unwrap_or_else(|| texts.whole(file)), message)
    };
    let profile = SeccompProfile::parse(text)
        .map_err(|error| malformed(texts.line(file, error.line().unwrap_or(1)), error.to_string()))?;
    // The crate of profiles has accepted it, so this reads it as well.
    let written: File = toml::from_str(text).map_err(|error| malformed(None, error.message().to_owned()))?;
    let place = |span: Range<usize>| Place { file, start: span.start, end: span.end };
    let is_recorded = written.recorded.is_some();
    let rules = written.allow.into_iter().chain(written.refuse).map(|entry| entry.rule(is_recorded, &place));
    let default = Placed::new(answer(written.unknown.get_ref()), place(written.unknown.span()));
    let filter = Filter { default, default_errno: None, arches: Arches::OthersDie, rules: rules.collect() };
    Ok((written.name, filter, profile))
}

fn answer(word: &str) -> CallAnswer {
    match word.parse() {
        Ok(Refusal::Errno(errno)) => CallAnswer::Errno(Some(u64::from(errno.number()))),
        Ok(Refusal::Kill) | Err(_) => CallAnswer::Kill,
    }
}

impl Entry {
    fn rule(self, is_recorded: bool, place: &impl Fn(Range<usize>) -> Place) -> FilterRule {
        let names = self.calls.into_iter().map(|call| {
            let place = place(call.span());
            Placed::new(call.into_inner(), place)
        });
        let is_seen = self.seen.is_some() || self.runtime.is_some() || self.answer.is_some();
        let evidence = match (is_recorded, is_seen) {
            (false, _) => Evidence::None,
            (true, true) => Evidence::Seen,
            (true, false) => Evidence::Unseen,
        };
        let arches = self.arch.unwrap_or_default();
        let arches = arches.iter().map(|arch| if arch == "x86_64" { "amd64" } else { "arm64" }.to_owned());
        let tests: Vec<ArgTest> = self.when.into_iter().map(Test::read).collect();
        FilterRule {
            names: names.collect(),
            answer: self.answer.as_deref().map_or(CallAnswer::Allow, answer),
            tests: if tests.is_empty() { Vec::new() } else { vec![tests] },
            gate: Gate { arches: arches.collect(), ..Gate::default() },
            evidence,
        }
    }
}

impl Test {
    fn read(self) -> ArgTest {
        let width = if self.bits == 32 { u64::from(u32::MAX) } else { u64::MAX };
        let values = self.one_of.into_iter().flat_map(BTreeMap::into_values).chain(self.equals);
        ArgTest {
            index: usize::from(self.arg),
            mask: self.mask.unwrap_or(width),
            compare: Compare::OneOf(values.collect()),
        }
    }
}
