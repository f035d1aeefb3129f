//! A Linux cap that is granted.

use super::cap_reach::{CapReach, reach_of};
use super::shared::cap_name;
use crate::grade::{Derivation, Grade, Loss, Precondition, Reach};
use crate::input::PolicyFile;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const TAKEOVER: Derivation = Derivation::of(Precondition::SupportedCall, Reach::Host);
const REACH: Derivation = Derivation::of(Precondition::Technique, Reach::Host);
const DENIAL: Derivation = Derivation::of(Precondition::Technique, Reach::Host).only(Loss::Availability);
const BOUNDED: Derivation = Derivation::of(Precondition::MitigationMissing, Reach::OtherSandboxes);

pub(super) static RULE: Rule = Rule {
    id: RuleId(215),
    slug: "linux-cap-grant",
    title: "a Linux cap that is granted",
    grades: &[
        Grade::Derived(TAKEOVER),
        Grade::Derived(REACH),
        Grade::Derived(DENIAL),
        Grade::Derived(BOUNDED),
    ],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand(
        "take the Linux cap out; a port above 1024, a user of its own or a file's owner usually does instead",
    ),
    cwe: &[250],
    cis: &[],
    page: include_str!("../../pages/PSB215.md"),
    checks: &[Check::Policy(check)],
};

fn check(policy: &PolicyFile, reporter: &mut Reporter<'_>) {
    for (target, cap) in policy.grants(&["linux-caps"]) {
        let (grade, label) = match reach_of(&cap_name(&cap.value)) {
            CapReach::TakesOver => (TAKEOVER, "whoever has it has the host"),
            CapReach::Host => (REACH, "reaches beyond the sandbox"),
            CapReach::Service => (DENIAL, "can take the host's time or memory from others"),
            CapReach::Bounded => (BOUNDED, "bounded by the sandbox"),
        };
        let message = format!("`{}` gets the Linux cap {}", target.name, cap.value);
        reporter.found(grade, &target, cap.place, cap.value, message).label(label);
    }
}
