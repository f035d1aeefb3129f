//! A secret that is passed on as a variable.

use super::literal::is_credential;
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::PolicyFile;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::SecondFlaw, Reach::ThisSandbox);

pub(super) static RULE: Rule = Rule {
    id: RuleId(207),
    slug: "secret-in-env",
    title: "a secret that is passed on as a variable",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("give it as a secret: `secrets = [{ name = \"api-token\", as = \"file\" }]`"),
    cwe: &[526],
    cis: &[],
    page: include_str!("../../pages/PSB207.md"),
    checks: &[Check::Policy(check)],
};

fn check(policy: &PolicyFile, reporter: &mut Reporter<'_>) {
    for (target, name) in policy.grants(&["env"]) {
        if is_credential(name.value.trim_end_matches(['*', '_'])) {
            let message = format!("`{}` passes a credential on as a variable", target.name);
            reporter.found(GRADE, &target, name.place, name.value, message).label("readable by every child");
        }
    }
}
