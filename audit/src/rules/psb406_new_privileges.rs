//! Programs can gain privileges.

use crate::fix::{add_item, add_key, add_words};
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::launch::{Launch, SecurityOpt};
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::MitigationMissing, Reach::Host);

pub(super) static RULE: Rule = Rule {
    id: RuleId(406),
    slug: "new-privileges",
    title: "programs can gain privileges",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::Safe("add `no-new-privileges:true` to `security_opt`"),
    cwe: &[250, 269],
    cis: &["5.25"],
    page: include_str!("../../pages/PSB406.md"),
    checks: &[Check::Launch(check)],
};

fn check(launch: &Launch, reporter: &mut Reporter<'_>) {
    if !launch.is_container() {
        return;
    }
    let said = launch.security.iter().rev().find_map(|option| match option.value {
        SecurityOpt::NoNewPrivileges(on) => Some((on, option.place)),
        _ => None,
    });
    let (place, label) = match said {
        Some((true, _)) => return,
        Some((false, place)) => (place, "turned off"),
        None => (launch.place, "says nothing of `no-new-privileges`"),
    };
    let texts = reporter.texts();
    let edits = match (said, launch.security.first()) {
        (Some(_), _) => None,
        (None, Some(other)) => add_item(texts, other.place, "no-new-privileges:true"),
        (None, None) => add_key(texts, launch, "security_opt:", &["no-new-privileges:true"]),
    };
    let edits =
        edits.or_else(|| said.is_none().then(|| add_words(launch, "--security-opt=no-new-privileges"))?);
    let message = format!("programs in `{}` can gain privileges by what they execute", launch.target.name);
    reporter
        .found(GRADE, &launch.target, place, "no-new-privileges", message)
        .label(label)
        .safe_fix("let nothing gain privileges", edits);
}
