//! What a rule found.

use std::fmt::Write as _;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::grade::Grade;
use crate::place::{Place, Texts};
use crate::rule::{Persona, Rule};

/// What kind of thing a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetKind {
    /// A service of a stack.
    Service,
    /// An invocation of an engine or runtime.
    Invocation,
    /// A container of a Pod.
    Container,
    /// A capability of a policy.
    Capability,
    /// A tier of a policy.
    Tier,
    /// A signer of a policy.
    Signer,
    /// A rule of a policy about images.
    Image,
    /// A seccomp profile.
    Profile,
    /// A file as a whole.
    File,
}

impl TargetKind {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Invocation => "invocation",
            Self::Container => "container",
            Self::Capability => "capability",
            Self::Tier => "tier",
            Self::Signer => "signer",
            Self::Image => "image",
            Self::Profile => "profile",
            Self::File => "file",
        }
    }
}

/// What a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Target {
    /// Its kind.
    pub kind: TargetKind,
    /// Its name.
    pub name: String,
}

impl Target {
    /// A target by kind and name.
    pub fn new(kind: TargetKind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into() }
    }
}

/// Whether a fix can break what works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Safety {
    /// It cannot.
    Safe,
    /// It can, as said.
    Unsafe(&'static str),
}

/// A change of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced; nothing is, where it is empty.
    pub place: Place,
    /// What stands there afterwards.
    pub text: String,
}

/// What would end a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// Whether it can break what works.
    pub safety: Safety,
    /// What it does.
    pub title: String,
    /// How.
    pub edits: Vec<Edit>,
}

/// What suppresses a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SuppressedBy {
    /// A comment beside it.
    Comment,
    /// An entry of `audit.toml`.
    Settings,
    /// An entry of the baseline.
    Baseline,
}

/// Why a finding does not count. It stays in every format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Suppression {
    /// What says so.
    pub by: SuppressedBy,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// The last day on which it holds.
    pub until: Option<String>,
}

/// What a rule found.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// Who wants to hear of it.
    pub persona: Persona,
    /// How bad it is.
    pub grade: Grade,
    /// What it is about.
    pub target: Target,
    /// The text that it is about.
    pub place: Place,
    /// A few words at that place.
    pub label: String,
    /// Other places that matter.
    pub context: Vec<(Place, String)>,
    /// What was found.
    pub message: String,
    /// What makes it this one and no other: a value of the file. No prose, and no secret.
    pub evidence: String,
    /// What can be done.
    pub help: String,
    /// The change that would end it.
    pub fix: Option<Fix>,
    /// Why it does not count.
    pub suppressed: Option<Suppression>,
}

impl Finding {
    /// Says a few words at the place itself.
    pub fn label(&mut self, label: impl Into<String>) -> &mut Self {
        self.label = label.into();
        self
    }

    /// Adds another place.
    pub fn beside(&mut self, place: Place, label: impl Into<String>) -> &mut Self {
        self.context.push((place, label.into()));
        self
    }

    /// Says what can be done here, where that is more than the rule's general advice.
    pub fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = help.into();
        self
    }

    /// Leaves it to those who look for what could be.
    pub fn for_auditors(&mut self) -> &mut Self {
        self.persona = Persona::Auditor;
        self
    }

    /// Adds a change that would end it and breaks nothing.
    pub fn safe_fix(&mut self, title: impl Into<String>, edits: Option<Vec<Edit>>) -> &mut Self {
        self.fix(edits.map(|edits| Fix { safety: Safety::Safe, title: title.into(), edits }))
    }

    /// Adds a change that would end it, and says what it can break.
    pub fn unsafe_fix(
        &mut self,
        title: impl Into<String>,
        breaks: &'static str,
        edits: Option<Vec<Edit>>,
    ) -> &mut Self {
        self.fix(edits.map(|edits| Fix { safety: Safety::Unsafe(breaks), title: title.into(), edits }))
    }

    /// Adds a change that would end it.
    pub fn fix(&mut self, fix: Option<Fix>) -> &mut Self {
        self.fix = fix;
        self
    }

    /// The finding's identity across runs: file, rule, target and evidence, hashed. No line, and no prose.
    pub fn fingerprint(&self, texts: &Texts) -> String {
        let mut hash = Sha256::new();
        let id = self.rule.id.to_string();
        let file = texts.name(self.place.file).trim_start_matches("./");
        for part in [file, &id, self.target.kind.as_str(), &self.target.name, &self.evidence] {
            // Lengths part the parts: no two lists of them are alike.
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            hash.update(part.as_bytes());
        }
        let mut text = String::with_capacity(32);
        for byte in hash.finalize().iter().take(16) {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}
