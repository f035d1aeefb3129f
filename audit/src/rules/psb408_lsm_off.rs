//! `AppArmor` or `SELinux` is off.

use crate::fix::{remove_item, remove_words};
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::launch::{Launch, SecurityOpt};
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::SecondFlaw, Reach::Host);

pub(super) static RULE: Rule = Rule {
    id: RuleId(408),
    slug: "lsm-off",
    title: "AppArmor or SELinux is off",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::Safe("delete the option: the engine's own profile or label is then on"),
    cwe: &[693],
    cis: &["5.1", "5.2"],
    page: include_str!("../../pages/PSB408.md"),
    checks: &[Check::Launch(check)],
};

fn check(launch: &Launch, reporter: &mut Reporter<'_>) {
    for option in &launch.security {
        let module = match &option.value {
            SecurityOpt::AppArmor(profile) if profile == "unconfined" => "AppArmor",
            SecurityOpt::Label(label) if label == "disable" => "SELinux",
            _ => continue,
        };
        let message = format!("`{}` runs without {module}", launch.target.name);
        let edits =
            remove_item(reporter.texts(), option.place).or_else(|| remove_words(launch, option.place));
        reporter
            .found(GRADE, &launch.target, option.place, module, message)
            .label("the security module lets everything pass")
            .safe_fix("take the option out", edits);
    }
}
