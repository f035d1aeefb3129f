//! Arguments without a real bound.

use crate::finding::{Target, TargetKind};
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::PolicyFile;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use perry_sandbox_compose::Value;

const GRADE: Derivation = Derivation::of(Precondition::MitigationMissing, Reach::OtherSandboxes);

pub(super) static RULE: Rule = Rule {
    id: RuleId(122),
    slug: "unbounded-args",
    title: "arguments without a real bound",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand(
        "write how many arguments are needed, and how long each may be: `args = { max = 16, each-max = 256 }`",
    ),
    cwe: &[770],
    cis: &[],
    page: include_str!("../../pages/PSB122.md"),
    checks: &[Check::Policy(check)],
};

/// More arguments than a command that somebody has thought of takes.
const MANY: i64 = 1024;
/// The same, for the length of one in bytes.
const LONG: i64 = 64 << 10;

fn check(policy: &PolicyFile, reporter: &mut Reporter<'_>) {
    for (key, node) in policy.entries("capability") {
        let target = Target::new(TargetKind::Capability, key.name.clone());
        for (name, most) in [("max", MANY), ("each-max", LONG)] {
            let Some(node) = node.get("args").and_then(|args| args.get(name)) else { continue };
            let Value::Integer(number) = node.value else { continue };
            if number >= most {
                let message = format!("`{name} = {number}` bounds nothing");
                reporter
                    .found(GRADE, &target, policy.place(node), name, message)
                    .label("as much as a kernel takes");
            }
        }
    }
}
