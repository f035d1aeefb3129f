//! Signatures that count for ever.

use crate::finding::{Target, TargetKind};
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::PolicyFile;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::MitigationMissing, Reach::OtherSandboxes);

pub(super) static RULE: Rule = Rule {
    id: RuleId(511),
    slug: "no-max-age",
    title: "signatures that count for ever",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("state the greatest age: `max-age = \"180d\"`"),
    cwe: &[613],
    cis: &[],
    page: include_str!("../../pages/PSB511.md"),
    checks: &[Check::Policy(check)],
};

fn check(policy: &PolicyFile, reporter: &mut Reporter<'_>) {
    for (key, _) in policy.entries("image").filter(|(_, node)| node.get("max-age").is_none()) {
        let target = Target::new(TargetKind::Image, key.name.clone());
        let message = format!("a signature of any age counts for `{}`", key.name);
        reporter.found(GRADE, &target, policy.at(key.span), "max-age", message).label("no `max-age`");
    }
}
