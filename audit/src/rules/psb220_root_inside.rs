//! Programs that may be root inside.

use crate::finding::{Target, TargetKind};
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::PolicyFile;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::MitigationMissing, Reach::Host);

pub(super) static RULE: Rule = Rule {
    id: RuleId(220),
    slug: "root-inside",
    title: "programs that may be root inside",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("write `user = \"non-root\"`, and let the image state a numeric user"),
    cwe: &[250],
    cis: &[],
    page: include_str!("../../pages/PSB220.md"),
    checks: &[Check::Policy(check)],
};

fn check(policy: &PolicyFile, reporter: &mut Reporter<'_>) {
    for (key, node) in policy.entries("tier") {
        if let Some(user) = policy.text(node, "user").filter(|user| user.value == "any") {
            let target = Target::new(TargetKind::Tier, key.name.clone());
            let message = format!("programs of the tier `{}` may be root inside", key.name);
            reporter.found(GRADE, &target, user.place, "any", message).label("user 0 too");
        }
    }
}
