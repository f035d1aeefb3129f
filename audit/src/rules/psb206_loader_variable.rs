//! A variable that runs other code.

use crate::grade::Grade;
use crate::input::{PolicyFile, Refused};
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use perry_sandbox_policy::{RefusalCode, is_loader_variable};

pub(super) static RULE: Rule = Rule {
    id: RuleId(206),
    slug: "loader-variable",
    title: "a variable that runs other code",
    grades: &[Grade::Refused],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("take the variable out; what it is needed for belongs into the image"),
    cwe: &[426, 829],
    cis: &[],
    page: include_str!("../../pages/PSB206.md"),
    checks: &[Check::Refusal(claims), Check::Policy(check)],
};

fn claims(refused: &Refused) -> bool {
    refused.is(&[RefusalCode::BadValue])
        && refused.has("env")
        && is_loader_variable(refused.text.trim_end_matches('*'))
}

fn check(policy: &PolicyFile, reporter: &mut Reporter<'_>) {
    for (target, name) in policy.ceilings(&["env"]).into_iter().chain(policy.grants(&["env"])) {
        if is_loader_variable(&name.value) {
            let message = format!("`{}` makes loaders or interpreters run other code", name.value);
            reporter
                .found(Grade::Refused, &target, name.place, name.value, message)
                .label("steers what runs");
        }
    }
}
