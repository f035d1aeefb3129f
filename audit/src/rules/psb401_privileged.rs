//! All privileges of the host.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::launch::Launch;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::SupportedCall, Reach::Host);

pub(super) static RULE: Rule = Rule {
    id: RuleId(401),
    slug: "privileged",
    title: "all privileges of the host",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("delete `privileged`, and grant the one device or Linux cap that is needed"),
    cwe: &[250],
    cis: &["5.5"],
    page: include_str!("../../pages/PSB401.md"),
    checks: &[Check::Launch(check)],
};

fn check(launch: &Launch, reporter: &mut Reporter<'_>) {
    if let Some(said) = launch.privileged.as_ref().filter(|said| said.value) {
        let message = format!("`{}` runs with all privileges of the host", launch.target.name);
        reporter.found(GRADE, &launch.target, said.place, "privileged", message).label("every wall is off");
    }
}
