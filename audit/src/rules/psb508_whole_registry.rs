//! A rule for a whole registry.

use crate::finding::{Target, TargetKind};
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::TrustFile;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use crate::trust::DemandKind;
use perry_sandbox_compose::shown;

const GRADE: Derivation = Derivation::of(Precondition::SecondFlaw, Reach::OtherSandboxes);

pub(super) static RULE: Rule = Rule {
    id: RuleId(508),
    slug: "whole-registry",
    title: "a rule for a whole registry",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("name the path below the host: `registry.example/acme`"),
    cwe: &[284],
    cis: &[],
    page: include_str!("../../pages/PSB508.md"),
    checks: &[Check::Trust(check)],
};

fn check(trust: &TrustFile, reporter: &mut Reporter<'_>) {
    for rule in &trust.rules {
        let signs = rule
            .demands
            .iter()
            .any(|demand| matches!(demand.kind, DemandKind::Keys(_) | DemandKind::Keyless { .. }));
        let Some(scope) = rule.scope.as_ref().filter(|_| signs) else { continue };
        let path = scope.value.split_once('/').map_or("", |(_, path)| path);
        if path.is_empty() || path.starts_with('*') {
            let target = Target::new(TargetKind::Image, rule.name.clone());
            let message = format!("one signer answers for every image of `{}`", shown(&scope.value));
            reporter.found(GRADE, &target, scope.place, scope.value.as_str(), message).label("a whole host");
        }
    }
}
