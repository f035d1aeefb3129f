//! Every Linux cap.

use super::shared::is_all;
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::launch::Launch;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::SupportedCall, Reach::Host);

pub(super) static RULE: Rule = Rule {
    id: RuleId(403),
    slug: "cap-add-all",
    title: "every Linux cap",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("name the Linux caps that are needed"),
    cwe: &[250],
    cis: &["5.3"],
    page: include_str!("../../pages/PSB403.md"),
    checks: &[Check::Launch(check)],
};

fn check(launch: &Launch, reporter: &mut Reporter<'_>) {
    for cap in launch.cap_add.iter().filter(|cap| is_all(&cap.value)) {
        let message = format!("`{}` gets every Linux cap", launch.target.name);
        reporter
            .found(GRADE, &launch.target, cap.place, "cap_add ALL", message)
            .label("41 of them, root's own among them");
    }
}
