//! Decisions that nobody writes down.

use crate::finding::{Target, TargetKind};
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::PolicyFile;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::SupportedCall, Reach::Verdict);

pub(super) static RULE: Rule = Rule {
    id: RuleId(230),
    slug: "no-trail",
    title: "decisions that nobody writes down",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("write `log = \"chained\"`, or leave `[audit]` out"),
    cwe: &[778],
    cis: &[],
    page: include_str!("../../pages/PSB230.md"),
    checks: &[Check::Policy(check)],
};

fn check(policy: &PolicyFile, reporter: &mut Reporter<'_>) {
    let Some(log) = policy.tree.get("audit").and_then(|audit| policy.text(audit, "log")) else { return };
    if log.value == "off" {
        let target = Target::new(TargetKind::File, reporter.texts().name(policy.file));
        reporter.found(GRADE, &target, log.place, "off", "no decision is written down").label("no trail");
    }
}
