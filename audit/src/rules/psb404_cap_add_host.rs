//! A Linux cap that reaches the host.

use super::cap_reach::{CapReach, reach_of};
use super::shared::cap_name;
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::launch::Launch;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const TAKEOVER: Derivation = Derivation::of(Precondition::SupportedCall, Reach::Host);
const REACH: Derivation = Derivation::of(Precondition::Technique, Reach::Host);

pub(super) static RULE: Rule = Rule {
    id: RuleId(404),
    slug: "cap-add-host",
    title: "a Linux cap that reaches the host",
    grades: &[Grade::Derived(TAKEOVER), Grade::Derived(REACH)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("delete the Linux cap"),
    cwe: &[250],
    cis: &["5.3"],
    page: include_str!("../../pages/PSB404.md"),
    checks: &[Check::Launch(check)],
};

fn check(launch: &Launch, reporter: &mut Reporter<'_>) {
    for cap in &launch.cap_add {
        let name = cap_name(&cap.value);
        let (grade, label) = match reach_of(&name) {
            CapReach::TakesOver => (TAKEOVER, "whoever has it has the host"),
            CapReach::Host => (REACH, "reaches beyond the container"),
            CapReach::Service | CapReach::Bounded => continue,
        };
        let message = format!("`{}` gets the Linux cap {name}", launch.target.name);
        reporter.found(grade, &launch.target, cap.place, name, message).label(label);
    }
}
