//! Nobody asks who built it.

use crate::finding::{Target, TargetKind};
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::{PolicyFile, TrustFile, TrustForm};
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::MitigationMissing, Reach::OtherSandboxes);

pub(super) static RULE: Rule = Rule {
    id: RuleId(512),
    slug: "no-provenance",
    title: "nobody asks who built it",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand(
        "ask for it: `provenance = { predicate = \"https://slsa.dev/provenance/v1\", by = [\"release\"] }`",
    ),
    cwe: &[345],
    cis: &[],
    page: include_str!("../../pages/PSB512.md"),
    checks: &[Check::Policy(check), Check::Trust(check_trust)],
};

fn check(policy: &PolicyFile, reporter: &mut Reporter<'_>) {
    for (key, _) in policy.entries("image").filter(|(_, node)| node.get("provenance").is_none()) {
        let target = Target::new(TargetKind::Image, key.name.clone());
        let message = format!("who built the images of `{}` is not asked", key.name);
        reporter.found(GRADE, &target, policy.at(key.span), "provenance", message).label("no `provenance`");
    }
}

fn check_trust(trust: &TrustFile, reporter: &mut Reporter<'_>) {
    if trust.form != TrustForm::ClusterImagePolicy {
        // The other form has no word for it.
        return;
    }
    for rule in trust.rules.iter().filter(|rule| rule.predicate.is_none()) {
        let target = Target::new(TargetKind::Image, rule.name.clone());
        let message = format!("who built the images of `{}` is not asked", rule.name);
        reporter.found(GRADE, &target, rule.place, "attestations", message).label("no `attestations`");
    }
}
