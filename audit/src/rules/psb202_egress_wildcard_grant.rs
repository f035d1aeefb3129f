//! A grant for hosts that nobody has named.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::PolicyFile;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::SecondFlaw, Reach::OtherSandboxes);

pub(super) static RULE: Rule = Rule {
    id: RuleId(202),
    slug: "egress-wildcard-grant",
    title: "a grant for hosts that nobody has named",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("name the host"),
    cwe: &[284],
    cis: &[],
    page: include_str!("../../pages/PSB202.md"),
    checks: &[Check::Policy(check)],
};

fn check(policy: &PolicyFile, reporter: &mut Reporter<'_>) {
    for (target, item) in policy.grants(&["egress"]) {
        let host = item.value.rsplit_once(':').map_or(item.value.as_str(), |(host, _)| host);
        if host.starts_with('*') && item.value != "*:*" {
            let message =
                format!("`{}` is granted hosts that nobody has named: `{}`", target.name, item.value);
            reporter.found(GRADE, &target, item.place, item.value, message).label("a star");
        }
    }
}
