//! Refusals: why a policy file is not taken, each with a permanent code, a place and a way out.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use crate::render::render_plain;
use crate::source::{Place, Sources, Span};

/// The permanent code of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefusalCode {
    /// More bytes than a policy may have.
    TooLarge,
    /// Not UTF-8.
    NotText,
    /// Not TOML or JSON.
    Syntax,
    /// Too deep, or too many entries.
    TooComplex,
    /// A key or table is written twice.
    RepeatedKey,
    /// The schema string is missing or unknown.
    Schema,
    /// A key that no policy has.
    UnknownKey,
    /// A key that must be there is not.
    MissingKey,
    /// A value of another type.
    WrongType,
    /// A value that its grammar does not allow.
    BadValue,
    /// A number out of its range.
    OutOfRange,
    /// A name that stands for nothing.
    UnknownName,
    /// Tiers that extend each other.
    Cycle,
    /// A child that allows more than its parent.
    Wider,
    /// A trust file or key that cannot be used.
    File,
    /// Two files of one policy that contradict each other.
    Conflict,
    /// Two rules that match equally well.
    Ambiguous,
    /// Nothing could ever satisfy it.
    Unsatisfiable,
}

impl RefusalCode {
    /// Every code, in order.
    pub const ALL: [Self; 18] = [
        Self::TooLarge,
        Self::NotText,
        Self::Syntax,
        Self::TooComplex,
        Self::RepeatedKey,
        Self::Schema,
        Self::UnknownKey,
        Self::MissingKey,
        Self::WrongType,
        Self::BadValue,
        Self::OutOfRange,
        Self::UnknownName,
        Self::Cycle,
        Self::Wider,
        Self::File,
        Self::Conflict,
        Self::Ambiguous,
        Self::Unsatisfiable,
    ];

    /// `PSR101` and so on; a code never changes its meaning.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "PSR101",
            Self::NotText => "PSR102",
            Self::Syntax => "PSR103",
            Self::TooComplex => "PSR104",
            Self::RepeatedKey => "PSR105",
            Self::Schema => "PSR106",
            Self::UnknownKey => "PSR107",
            Self::MissingKey => "PSR108",
            Self::WrongType => "PSR109",
            Self::BadValue => "PSR110",
            Self::OutOfRange => "PSR111",
            Self::UnknownName => "PSR112",
            Self::Cycle => "PSR113",
            Self::Wider => "PSR114",
            Self::File => "PSR115",
            Self::Conflict => "PSR116",
            Self::Ambiguous => "PSR117",
            Self::Unsatisfiable => "PSR118",
        }
    }
}

impl fmt::Display for RefusalCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for RefusalCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// One thing that is wrong with a policy file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refusal {
    /// Where it is wrong.
    pub span: Span,
    /// Its kind.
    pub code: RefusalCode,
    /// What was found.
    pub message: String,
    /// A short label at the place itself.
    pub label: String,
    /// What the author can do.
    pub help: Option<String>,
    /// Another place that matters, with its label.
    pub related: Option<(Span, String)>,
}

impl Refusal {
    pub(crate) fn new(code: RefusalCode, span: Span, message: impl Into<String>) -> Self {
        Self { code, span, message: message.into(), label: String::new(), help: None, related: None }
    }

    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn related(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related = Some((span, label.into()));
        self
    }
}

/// A policy was refused: every reason at once, in the order of files and places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadError {
    refusals: Vec<Refusal>,
    sources: Sources,
}

impl LoadError {
    pub(crate) fn new(mut refusals: Vec<Refusal>, sources: Sources) -> Self {
        refusals.sort();
        refusals.dedup();
        Self { refusals, sources }
    }

    /// The refusals; never empty.
    pub fn refusals(&self) -> &[Refusal] {
        &self.refusals
    }

    /// The file, line and bytes of a span of one of the refusals.
    pub fn place(&self, span: Span) -> Option<Place> {
        self.sources.place(span)
    }

    /// The refusals as rustc would show them, with or without colour.
    pub fn render(&self, colour: bool) -> String {
        crate::render::render(&self.refusals, &self.sources, colour)
    }

    /// The refusals as JSON: `[{code, message, place, help}]`.
    pub fn to_json(&self) -> serde_json::Value {
        self.refusals
            .iter()
            .map(|refusal| {
                serde_json::json!({
                    "code": refusal.code,
                    "message": refusal.message,
                    "label": refusal.label,
                    "help": refusal.help,
                    "place": self.place(refusal.span),
                    "related": refusal.related.as_ref().map(|(span, label)| {
                        serde_json::json!({ "place": self.place(*span), "label": label })
                    }),
                })
            })
            .collect()
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&render_plain(&self.refusals, &self.sources))
    }
}

impl std::error::Error for LoadError {}

/// Collects refusals while reading goes on.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Vec<Refusal>);

impl Refusals {
    pub(crate) fn push(&mut self, refusal: Refusal) {
        self.0.push(refusal);
    }

    pub(crate) fn extend(&mut self, refusals: impl IntoIterator<Item = Refusal>) {
        self.0.extend(refusals);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn into_vec(self) -> Vec<Refusal> {
        self.0
    }
}

/// `did you mean` and the list of valid names.
pub(crate) fn suggestion<'a>(written: &str, valid: impl IntoIterator<Item = &'a str>) -> String {
    // SECURITY: the distance of two texts costs the product of their lengths, and both come from the file.
    let valid: Vec<&str> = valid.into_iter().take(256).collect();
    let nearest = valid
        .iter()
        .filter(|_| written.len() <= 64)
        .map(|name| (strsim::damerau_levenshtein(written, name), *name))
        .min()
        .filter(|(distance, name)| *distance <= 3 && *distance < name.len().max(2));
    let list = if valid.is_empty() {
        "none is defined".to_owned()
    } else {
        let shown: Vec<String> = valid.iter().take(30).map(|name| format!("`{name}`")).collect();
        format!("valid here: {}{}", shown.join(", "), if valid.len() > 30 { ", …" } else { "" })
    };
    match nearest {
        Some((_, name)) => format!("did you mean `{name}`? {list}"),
        None => list,
    }
}

/// Text of a policy in a message: shortened, so that a hostile file cannot flood a terminal.
pub(crate) fn shown(text: &str) -> String {
    let mut short: String =
        text.chars().take(80).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(80).is_some() {
        short.push('…');
    }
    short
}

/// A line of text without control characters, whatever its length.
pub(crate) fn shown_line(text: &str) -> Cow<'_, str> {
    if text.contains(char::is_control) {
        text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
    } else {
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_different_and_in_order() {
        let codes: Vec<_> = RefusalCode::ALL.iter().map(|code| code.as_str()).collect();
        let mut sorted = codes.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(codes, sorted);
    }

    #[test]
    fn a_near_name_is_suggested_and_a_far_one_is_not() {
        assert!(suggestion("isolaton", ["isolation", "rootfs"]).starts_with("did you mean `isolation`?"));
        assert!(suggestion("zebra", ["isolation", "rootfs"]).starts_with("valid here"));
        assert_eq!(suggestion("x", []), "none is defined");
    }
}
