//! A folder by which the host is changed.

use super::socket::is_sensitive;
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::PolicyFile;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::SupportedCall, Reach::Host);

pub(super) static RULE: Rule = Rule {
    id: RuleId(211),
    slug: "root-equivalent-mount",
    title: "a folder by which the host is changed",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("grant the one folder below it that is needed, or grant reading"),
    cwe: &[732, 668],
    cis: &[],
    page: include_str!("../../pages/PSB211.md"),
    checks: &[Check::Policy(check)],
};

fn check(policy: &PolicyFile, reporter: &mut Reporter<'_>) {
    let write: &[&str] = &["mounts", "write"];
    for (target, path) in policy.ceilings(write).into_iter().chain(policy.grants(write)) {
        if is_sensitive(&path.value) || path.value == "/opt" {
            let message = format!("`{}` may write to `{}` of the host", target.name, path.value);
            reporter
                .found(GRADE, &target, path.place, path.value, message)
                .label("the host runs or trusts what is here");
        }
    }
}
