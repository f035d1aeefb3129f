//! Every host and every port.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::PolicyFile;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::SupportedCall, Reach::OtherSandboxes);

pub(super) static RULE: Rule = Rule {
    id: RuleId(201),
    slug: "egress-any",
    title: "every host and every port",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("name the hosts and ports that are needed"),
    cwe: &[284],
    cis: &[],
    page: include_str!("../../pages/PSB201.md"),
    checks: &[Check::Policy(check)],
};

fn check(policy: &PolicyFile, reporter: &mut Reporter<'_>) {
    for (target, item) in policy.ceilings(&["egress"]).into_iter().chain(policy.grants(&["egress"])) {
        if item.value == "*:*" {
            let message = format!("`{}` may reach every host on every port", target.name);
            reporter.found(GRADE, &target, item.place, item.value, message).label("everything");
        }
    }
}
