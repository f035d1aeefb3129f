//! A seccomp profile that is not pinned.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use perry_sandbox_compose::shown;

use crate::launch::{Launch, SeccompChoice, SecurityOpt};

const GRADE: Derivation = Derivation::of(Precondition::SecondFlaw, Reach::ThisSandbox);

pub(super) static RULE: Rule = Rule {
    id: RuleId(317),
    slug: "unpinned-profile",
    title: "a seccomp profile that is not pinned",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand(
        "name the profile in a policy, `[seccomp.NAME]` with `path` and `sha256`, and run the service under that policy; engines cannot pin one",
    ),
    cwe: &[353, 732],
    cis: &[],
    page: include_str!("../../pages/PSB317.md"),
    checks: &[Check::Launch(check)],
};

fn check(launch: &Launch, reporter: &mut Reporter<'_>) {
    for option in &launch.security {
        let SecurityOpt::Seccomp(SeccompChoice::File(path)) = &option.value else { continue };
        let message = format!("the filter is what `{}` holds when the container starts", shown(path));
        reporter.found(GRADE, &launch.target, option.place, path.as_str(), message).label("no digest");
    }
}
