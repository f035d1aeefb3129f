//! A ceiling that nothing uses.

use super::lineage::Lineage;
use crate::fix::remove_item;
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::PolicyFile;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use perry_sandbox_policy::{EgressPattern, EnvPattern, HostPath, Pattern as _};

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
        let granted: Vec<(Vec<String>, Item)> = policy
            .grants(field)
            .into_iter()
            .map(|(target, item)| (lineage.of_entry(policy, &target), Item::read(field, item.value)))
            .collect();
        for (target, item) in policy.ceilings(field) {
            let ceiling = Item::read(field, item.value.clone());
            let mut under = granted.iter().filter(|(tiers, _)| tiers.contains(&target.name));
            if lineage.is_without_entries(&target.name) || under.any(|(_, grant)| ceiling.allows(grant)) {
                continue;
            }
            let what = format!("{} {}", field.join("."), item.value);
            let fix = remove_item(reporter.texts(), item.place);
            let message =
                format!("the tier `{}` allows `{what}`, which nothing under it is granted", target.name);
            reporter
                .found(GRADE, &target, item.place, what, message)
                .label("unused")
                .safe_fix("take what nothing uses out of the tier", fix);
        }
    }
}

/// An item of a ceiling or a grant, read once.
enum Item {
    Egress(EgressPattern),
    Folder(HostPath),
    Variable(EnvPattern),
    Name(String),
}

impl Item {
    fn read(field: &[&str], text: String) -> Self {
        let read = match field {
            ["egress"] => text.parse().ok().map(Self::Egress),
            ["mounts", ..] => text.parse().ok().map(Self::Folder),
            ["env"] => text.parse().ok().map(Self::Variable),
            _ => None,
        };
        read.unwrap_or(Self::Name(text))
    }

    fn allows(&self, grant: &Self) -> bool {
        match (self, grant) {
            (Self::Egress(ceiling), Self::Egress(grant)) => ceiling.includes(grant),
            (Self::Folder(ceiling), Self::Folder(grant)) => ceiling.includes(grant),
            (Self::Variable(ceiling), Self::Variable(grant)) => ceiling.includes(grant),
            (Self::Name(ceiling), Self::Name(grant)) => ceiling == grant,
            _ => false,
        }
    }
}
