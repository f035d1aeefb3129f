//! `ioctl` with any request.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::ProfileFile;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use crate::seccomp::Opening;

const GRADE: Derivation = Derivation::of(Precondition::MitigationMissing, Reach::ThisSandbox);

pub(super) static RULE: Rule = Rule {
    id: RuleId(308),
    slug: "ioctl-open",
    title: "`ioctl` with any request",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("list the requests that are needed, as 32-bit values of argument 1"),
    cwe: &[749],
    cis: &[],
    page: include_str!("../../pages/PSB308.md"),
    checks: &[Check::Profile(check)],
};

/// `TIOCSTI` and `TIOCLINUX`, which type into a terminal.
const TYPING: [u64; 2] = [0x5412, 0x541c];

fn check(profile: &ProfileFile, reporter: &mut Reporter<'_>) {
    for filter in &profile.filters {
        let opening = TYPING.iter().map(|request| filter.opening("ioctl", [0, *request, 0, 0, 0, 0]));
        let open = opening.into_iter().find_map(|opening| match opening {
            Opening::Rule(rule, name) => Some((rule, name)),
            Opening::Closed | Opening::Default => None,
        });
        if let Some((rule, name)) = open {
            let message = if rule.tests.is_empty() {
                "`ioctl` is admitted with every request, those that type into the terminal too"
            } else {
                "the requests that type into the terminal pass the test on `ioctl`"
            };
            reporter.found(GRADE, &profile.target, name.place, "ioctl", message).label("any request");
        }
    }
}
