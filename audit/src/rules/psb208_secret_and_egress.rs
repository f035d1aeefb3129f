//! A secret beside an open way out.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::PolicyFile;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::SecondFlaw, Reach::OtherSandboxes);

pub(super) static RULE: Rule = Rule {
    id: RuleId(208),
    slug: "secret-and-egress",
    title: "a secret beside an open way out",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand(
        "let each entry that holds a secret reach the one host that the secret is for, and do the rest in another capability",
    ),
    cwe: &[522],
    cis: &[],
    page: include_str!("../../pages/PSB208.md"),
    checks: &[Check::Policy(check)],
};

fn check(policy: &PolicyFile, reporter: &mut Reporter<'_>) {
    let egress = policy.grants(&["egress"]);
    for (target, secret) in policy.grants(&["secrets"]) {
        let hosts: Vec<_> =
            egress.iter().filter(|(other, _)| *other == target).map(|(_, item)| item).collect();
        let has_star = hosts.iter().any(|host| host.value.starts_with('*'));
        let Some(first) = hosts.first().filter(|_| hosts.len() > 1 || has_star) else { continue };
        let message = format!(
            "`{}` holds the secret `{}` and can send it to hosts that it is not for",
            target.name, secret.value
        );
        let found = reporter.found(GRADE, &target, secret.place, secret.value, message);
        found.label("this secret").beside(first.place, "and these hosts");
    }
}
