//! A default answer that programs do not expect.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::ProfileFile;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use crate::seccomp::{CallAnswer, ENOSYS, EPERM};

const GRADE: Derivation = Derivation::of(Precondition::MitigationMissing, Reach::ThisSandbox);

pub(super) static RULE: Rule = Rule {
    id: RuleId(312),
    slug: "error-number",
    title: "a default answer that programs do not expect",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("answer `ENOSYS` (38) by default, or `EPERM` (1), or kill"),
    cwe: &[755],
    cis: &[],
    page: include_str!("../../pages/PSB312.md"),
    checks: &[Check::Profile(check)],
};

fn check(profile: &ProfileFile, reporter: &mut Reporter<'_>) {
    for filter in &profile.filters {
        let message = match filter.default.value {
            CallAnswer::Errno(Some(number)) if number != EPERM && number != ENOSYS => {
                format!(
                    "calls that are not named fail with error {number}, which no library has a way around"
                )
            }
            CallAnswer::Trap => {
                "calls that are not named raise a signal that the program can catch".to_owned()
            }
            _ => continue,
        };
        let place = filter.default_errno.unwrap_or(filter.default.place);
        let evidence = format!("{:?}", filter.default.value.errno());
        reporter
            .found(GRADE, &profile.target, place, evidence, message)
            .label("neither EPERM, ENOSYS nor kill");
    }
}
