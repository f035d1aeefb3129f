//! What a rule is.

use std::fmt;

use crate::finding::{Finding, Target};
use crate::grade::Grade;
use crate::input::{PolicyFile, ProfileFile, Refused, TrustFile};
use crate::launch::{Launch, Stack};
use crate::place::{Place, Texts};
use crate::rules::identities::NamedSubject;

/// A rule's permanent number, `PSB401` and so on. A number is never used again for another rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(pub u16);

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PSB{:03}", self.0)
    }
}

impl serde::Serialize for RuleId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Who wants to hear of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Persona {
    /// Everybody.
    Everyone,
    /// Who looks for what could be: findings that an image may make harmless.
    Auditor,
}

/// What can be done about a finding of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// `--fix --write` does it: nothing that works today stops to work.
    Safe(&'static str),
    /// `--unsafe-fixes` does it; it may break what relies on it.
    Unsafe(&'static str),
    /// A person must do it; says what, and so why no program can.
    ByHand(&'static str),
}

impl Remedy {
    /// What is to be done.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Safe(text) | Self::Unsafe(text) | Self::ByHand(text) => text,
        }
    }
}

/// What a rule looks at.
#[derive(Debug, Clone, Copy)]
pub enum Check {
    /// Each service of a stack, each invocation, each container of a Pod.
    Launch(fn(&Launch, &mut Reporter<'_>)),
    /// A stack as a whole.
    Stack(fn(&Stack, &mut Reporter<'_>)),
    /// A policy that was read.
    Policy(fn(&PolicyFile, &mut Reporter<'_>)),
    /// Refusals of the policy's reader: those of which the function says so are this rule's.
    Refusal(fn(&Refused) -> bool),
    /// A seccomp profile.
    Profile(fn(&ProfileFile, &mut Reporter<'_>)),
    /// A trust policy of another tool.
    Trust(fn(&TrustFile, &mut Reporter<'_>)),
    /// Each subject of a certificate that a policy or a trust policy names.
    Identity(fn(&NamedSubject, &mut Reporter<'_>)),
    /// What a policy says of each service, which the caller has asked.
    Verdict,
    /// Found where files are read, or by the auditor about itself.
    Reading,
}

/// One check, with one permanent number.
#[derive(Debug)]
pub struct Rule {
    /// Its number.
    pub id: RuleId,
    /// Its name.
    pub slug: &'static str,
    /// What a finding of it means, as a heading.
    pub title: &'static str,
    /// What its findings can be graded, the worst first.
    pub grades: &'static [Grade],
    /// Who wants to hear of it.
    pub persona: Persona,
    /// What can be done.
    pub remedy: Remedy,
    /// Numbers of the Common Weakness Enumeration.
    pub cwe: &'static [u16],
    /// Sections of the CIS Docker Benchmark 1.6.
    pub cis: &'static [&'static str],
    /// Its page.
    pub page: &'static str,
    /// What it looks at.
    pub checks: &'static [Check],
}

impl Rule {
    /// Where its severities come from, as its page says it.
    pub fn derivation(&self) -> String {
        let grades: Vec<String> = self
            .grades
            .iter()
            .map(|grade| match grade {
                Grade::Refused => "refused: what cannot be read cannot be graded".to_owned(),
                Grade::Derived(derivation) => derivation.to_string(),
            })
            .collect();
        grades.join("; ")
    }
}

/// Takes the findings of one rule.
#[derive(Debug)]
pub struct Reporter<'a> {
    rule: &'static Rule,
    texts: &'a Texts,
    findings: &'a mut Vec<Finding>,
}

impl<'a> Reporter<'a> {
    pub(crate) fn new(rule: &'static Rule, texts: &'a Texts, findings: &'a mut Vec<Finding>) -> Self {
        Self { rule, texts, findings }
    }

    /// The texts of all files.
    pub fn texts(&self) -> &'a Texts {
        self.texts
    }

    /// Adds a finding, which is given back for what else there is to say. `evidence` is what makes it this one and no
    /// other of the rule on this target: a value of the file, never a message, and no secret.
    pub fn found(
        &mut self,
        grade: impl Into<Grade>,
        target: &Target,
        place: Place,
        evidence: impl Into<String>,
        message: impl Into<String>,
    ) -> &mut Finding {
        self.findings.push(Finding {
            rule: self.rule,
            persona: self.rule.persona,
            grade: grade.into(),
            target: target.clone(),
            place,
            label: String::new(),
            context: Vec::new(),
            message: message.into(),
            evidence: evidence.into(),
            help: self.rule.remedy.text().to_owned(),
            fix: None,
            suppressed: None,
        });
        let last = self.findings.len().saturating_sub(1);
        // INVARIANT: one was pushed above.
        #[expect(clippy::indexing_slicing, reason = "the list has just got its last item")]
        &mut self.findings[last]
    }
}
