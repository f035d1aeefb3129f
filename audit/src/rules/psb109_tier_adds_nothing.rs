//! A tier that is what it extends.

use crate::finding::{Target, TargetKind};
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::PolicyFile;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use perry_sandbox_compose::Node;

const GRADE: Derivation = Derivation::of(Precondition::MitigationMissing, Reach::Verdict);

pub(super) static RULE: Rule = Rule {
    id: RuleId(109),
    slug: "tier-adds-nothing",
    title: "a tier that is what it extends",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("delete the tier and name what it extends, or take something away in it"),
    cwe: &[1164],
    cis: &[],
    page: include_str!("../../pages/PSB109.md"),
    checks: &[Check::Policy(check)],
};

fn check(policy: &PolicyFile, reporter: &mut Reporter<'_>) {
    for (key, node) in policy.entries("tier") {
        let Some(own) = key.name.parse().ok().and_then(|name| policy.policy.ceiling(&name)) else { continue };
        for parent in node.get("extends").and_then(Node::sequence).unwrap_or_default() {
            let Some(name) = parent.text().and_then(|name| name.parse().ok()) else { continue };
            if policy.policy.ceiling(&name) == Some(own) {
                let target = Target::new(TargetKind::Tier, key.name.clone());
                let message = format!("the tier `{}` allows exactly what `{name}` does", key.name);
                let place = policy.at(key.span);
                reporter.found(GRADE, &target, place, name.to_string(), message).label("adds nothing");
            }
        }
    }
}
