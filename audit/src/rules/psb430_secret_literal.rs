//! A credential that is written down.

use super::literal::literal;
use crate::grade::{Derivation, Grade, Loss, Precondition, Reach};
use crate::launch::Launch;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use perry_sandbox_compose::shown;

const GRADE: Derivation = Derivation::of(Precondition::SupportedCall, Reach::ThisSandbox)
    .only(Loss::Confidentiality)
    .from_outside();

pub(super) static RULE: Rule = Rule {
    id: RuleId(430),
    slug: "secret-literal",
    title: "a credential that is written down",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("give it as a secret file (`secrets:`), or by a variable without default"),
    cwe: &[798, 312],
    cis: &["4.10"],
    page: include_str!("../../pages/PSB430.md"),
    checks: &[Check::Launch(check)],
};

fn check(launch: &Launch, reporter: &mut Reporter<'_>) {
    for variable in launch.environment.iter().chain(launch.build.iter().flat_map(|build| &build.args)) {
        if let Some(place) = literal(variable, launch.origin, reporter.texts()) {
            let name = shown(&variable.name);
            let message =
                format!("`{name}` of `{}` is a credential that is written down", launch.target.name);
            reporter
                .found(GRADE, &launch.target, place, variable.name.clone(), message)
                .label("everybody who reads the file has it");
        }
    }
}
