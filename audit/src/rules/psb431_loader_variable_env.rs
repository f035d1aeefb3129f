//! A variable that steers a loader or interpreter.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::launch::Launch;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use perry_sandbox_compose::shown;
use perry_sandbox_policy::is_loader_variable;

const GRADE: Derivation = Derivation::of(Precondition::SecondFlaw, Reach::ThisSandbox);

pub(super) static RULE: Rule = Rule {
    id: RuleId(431),
    slug: "loader-variable-env",
    title: "a variable that steers a loader or interpreter",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("remove the variable, and put what it loads into the image"),
    cwe: &[426],
    cis: &[],
    page: include_str!("../../pages/PSB431.md"),
    checks: &[Check::Launch(check)],
};

fn check(launch: &Launch, reporter: &mut Reporter<'_>) {
    for variable in launch.environment.iter().filter(|variable| is_loader_variable(&variable.name)) {
        let name = shown(&variable.name);
        let message = format!(
            "`{name}` makes programs of `{}` load code that they did not ask for",
            launch.target.name
        );
        reporter
            .found(GRADE, &launch.target, variable.place, variable.name.clone(), message)
            .label("decides what is loaded first");
    }
}
