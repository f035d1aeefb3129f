//! A root file system that can be written.

use crate::finding::{Target, TargetKind};
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::PolicyFile;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::MitigationMissing, Reach::ThisSandbox);

pub(super) static RULE: Rule = Rule {
    id: RuleId(221),
    slug: "writable-root",
    title: "a root file system that can be written",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand(
        "write `rootfs = \"read-only\"`; a run that needs more fails at the first write and says where",
    ),
    cwe: &[732],
    cis: &[],
    page: include_str!("../../pages/PSB221.md"),
    checks: &[Check::Policy(check)],
};

fn check(policy: &PolicyFile, reporter: &mut Reporter<'_>) {
    for (key, node) in policy.entries("tier") {
        if let Some(rootfs) = policy.text(node, "rootfs").filter(|rootfs| rootfs.value == "ephemeral") {
            let target = Target::new(TargetKind::Tier, key.name.clone());
            let message = format!("programs of the tier `{}` can write to their root file system", key.name);
            reporter.found(GRADE, &target, rootfs.place, "ephemeral", message).label("not needed by most");
        }
    }
}
