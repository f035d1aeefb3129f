//! `clone3` without the answer that programs fall back on.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::ProfileFile;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use crate::seccomp::ENOSYS;

const GRADE: Derivation = Derivation::of(Precondition::MitigationMissing, Reach::ThisSandbox);

pub(super) static RULE: Rule = Rule {
    id: RuleId(306),
    slug: "clone3-kills",
    title: "`clone3` without the answer that programs fall back on",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand(
        "answer `clone3` with `ENOSYS`: `\"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 38`",
    ),
    cwe: &[755],
    cis: &[],
    page: include_str!("../../pages/PSB306.md"),
    checks: &[Check::Profile(check)],
};

fn check(profile: &ProfileFile, reporter: &mut Reporter<'_>) {
    for filter in &profile.filters {
        if filter.opening("clone3", [0; 6]).is_open() || !filter.admits("clone") {
            continue;
        }
        let own = filter.naming("clone3").find(|(rule, _)| !rule.answer.lets_through());
        let (answer, place) = match own {
            Some((rule, name)) => (rule.answer, name.place),
            None => (filter.default.value, filter.default_errno.unwrap_or(filter.default.place)),
        };
        if answer.errno() != Some(ENOSYS) {
            let message = "`clone3` is not answered with \"no such call\": threads do not start instead of falling back";
            reporter.found(GRADE, &profile.target, place, "clone3", message).label("the answer to `clone3`");
        }
    }
}
