//! A host on which anybody can publish.

use super::hosts::tenant_host;
use crate::grade::{Derivation, Grade, Loss, Precondition, Reach};
use crate::input::PolicyFile;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation =
    Derivation::of(Precondition::SecondFlaw, Reach::OtherSandboxes).only(Loss::Confidentiality);

pub(super) static RULE: Rule = Rule {
    id: RuleId(205),
    slug: "egress-tenant-host",
    title: "a host on which anybody can publish",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand(
        "name a narrower host, such as the bucket's own, or go through a proxy that knows paths",
    ),
    cwe: &[200],
    cis: &[],
    page: include_str!("../../pages/PSB205.md"),
    checks: &[Check::Policy(check)],
};

fn check(policy: &PolicyFile, reporter: &mut Reporter<'_>) {
    for (target, item) in policy.grants(&["egress"]) {
        let host = item.value.rsplit_once(':').map_or(item.value.as_str(), |(host, _)| host);
        if let Some(known) = tenant_host(host) {
            let message = format!("anybody can receive data on `{known}`");
            reporter.found(GRADE, &target, item.place, item.value, message).label("many tenants");
        }
    }
}
