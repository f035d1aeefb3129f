//! The way to the machine's own credentials.

use super::hosts::is_metadata;
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::PolicyFile;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::SupportedCall, Reach::Host);

pub(super) static RULE: Rule = Rule {
    id: RuleId(203),
    slug: "egress-metadata",
    title: "the way to the machine's own credentials",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("take the line out: the block is built in, and nothing needs it"),
    cwe: &[441, 918],
    cis: &[],
    page: include_str!("../../pages/PSB203.md"),
    checks: &[Check::Policy(check)],
};

fn check(policy: &PolicyFile, reporter: &mut Reporter<'_>) {
    for (target, item) in policy.ceilings(&["egress"]).into_iter().chain(policy.grants(&["egress"])) {
        let host = item.value.rsplit_once(':').map_or(item.value.as_str(), |(host, _)| host);
        if is_metadata(host) {
            let message = format!("`{}` may reach the machine's metadata service", target.name);
            reporter
                .found(GRADE, &target, item.place, item.value, message)
                .label("answers with the machine's credentials");
        }
    }
}
