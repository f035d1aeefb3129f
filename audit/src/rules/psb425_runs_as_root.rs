//! Root inside.

use super::shared::is_root;
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::launch::Launch;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::MitigationMissing, Reach::Host);

pub(super) static RULE: Rule = Rule {
    id: RuleId(425),
    slug: "runs-as-root",
    title: "root inside",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("state a numeric user other than 0, that the image has files for"),
    cwe: &[250],
    cis: &["4.1"],
    page: include_str!("../../pages/PSB425.md"),
    checks: &[Check::Launch(check)],
};

fn check(launch: &Launch, reporter: &mut Reporter<'_>) {
    if !launch.is_container() {
        return;
    }
    let Some(user) = &launch.user else {
        let message = format!("nobody says as whom `{}` runs; most images say root", launch.target.name);
        let found = reporter.found(GRADE, &launch.target, launch.place, "unstated", message);
        found.label("the image decides").for_auditors();
        return;
    };
    if is_root(&user.value) {
        let message = format!("`{}` runs as root", launch.target.name);
        reporter.found(GRADE, &launch.target, user.place, "root", message).label("root, by name or number");
    }
}
