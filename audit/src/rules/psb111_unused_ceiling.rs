//! A ceiling that nothing uses.

use super::lineage::Lineage;
use crate::fix::remove_item;
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::PolicyFile;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use perry_sandbox_policy::{EgressPattern, EnvPattern, HostPath, Pattern};
use std::str::FromStr;

const GRADE: Derivation = Derivation::of(Precondition::MitigationMissing, Reach::ThisSandbox);

pub(super) static RULE: Rule = Rule {
    id: RuleId(111),
    slug: "unused-ceiling",
    title: "a ceiling that nothing uses",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::Safe("take the item out of the tier"),
    cwe: &[272],
    cis: &[],
    page: include_str!("../../pages/PSB111.md"),
    checks: &[Check::Policy(check)],
};

/// What tiers allow item by item.
const FIELDS: [&[&str]; 8] = [
    &["egress"],
    &["mounts", "read"],
    &["mounts", "write"],
    &["mounts", "exec"],
    &["env"],
    &["secrets"],
    &["devices"],
    &["linux-caps"],
];

fn check(policy: &PolicyFile, reporter: &mut Reporter<'_>) {
    let lineage = Lineage::of(policy);
    for field in FIELDS {
        let granted: Vec<(Vec<String>, String)> = policy
            .grants(field)
            .into_iter()
            .map(|(target, item)| (lineage.of_entry(policy, &target), item.value))
            .collect();
        for (target, item) in policy.ceilings(field) {
            let is_used = granted
                .iter()
                .any(|(tiers, grant)| tiers.contains(&target.name) && allows(field, &item.value, grant));
            if is_used || lineage.is_without_entries(&target.name) {
                continue;
            }
            let fix = remove_item(reporter.texts(), item.place);
            let message = format!(
                "the tier `{}` allows {} `{}`, which nothing under it is granted",
                target.name,
                field.join("."),
                item.value
            );
            let found = reporter.found(
                GRADE,
                &target,
                item.place,
                format!("{} {}", field.join("."), item.value),
                message,
            );
            found.label("unused").safe_fix("take what nothing uses out of the tier", fix);
        }
    }
}

/// Whether a ceiling's item allows a grant.
fn allows(field: &[&str], ceiling: &str, grant: &str) -> bool {
    fn includes<T: Pattern + FromStr>(ceiling: &str, grant: &str) -> bool {
        match (ceiling.parse::<T>(), grant.parse::<T>()) {
            (Ok(ceiling), Ok(grant)) => ceiling.includes(&grant),
            _ => false,
        }
    }
    match field {
        ["egress"] => includes::<EgressPattern>(ceiling, grant),
        ["mounts", ..] => includes::<HostPath>(ceiling, grant),
        ["env"] => includes::<EnvPattern>(ceiling, grant),
        _ => ceiling == grant,
    }
}
