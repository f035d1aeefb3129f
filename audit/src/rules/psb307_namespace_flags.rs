//! New user namespaces are admitted.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::ProfileFile;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use crate::seccomp::Opening;

const GRADE: Derivation = Derivation::of(Precondition::SecondFlaw, Reach::Host);

pub(super) static RULE: Rule = Rule {
    id: RuleId(307),
    slug: "namespace-flags",
    title: "new user namespaces are admitted",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand(
        "admit `clone` and `unshare` only with the namespace bits clear (`SCMP_CMP_MASKED_EQ` with 2114060288), answer `clone3` with `ENOSYS`, and take out `setns`",
    ),
    cwe: &[250],
    cis: &[],
    page: include_str!("../../pages/PSB307.md"),
    checks: &[Check::Profile(check)],
};

/// `CLONE_NEWUSER`, alone and with the signal that ends a child.
const NEW_USER: [u64; 2] = [0x1000_0000, 0x1000_0011];
/// A call, and arguments that make or enter a namespace.
const ATTEMPTS: [(&str, [u64; 6]); 7] = [
    ("clone", [NEW_USER[0], 0, 0, 0, 0, 0]),
    ("clone", [NEW_USER[1], 0, 0, 0, 0, 0]),
    ("clone3", [0; 6]),
    ("unshare", [NEW_USER[0], 0, 0, 0, 0, 0]),
    ("setns", [3, NEW_USER[0], 0, 0, 0, 0]),
    ("setns", [3, 0, 0, 0, 0, 0]),
    ("setns", [0, 0, 0, 0, 0, 0]),
];

fn check(profile: &ProfileFile, reporter: &mut Reporter<'_>) {
    for filter in &profile.filters {
        let mut told = Vec::new();
        for (call, args) in ATTEMPTS {
            let Opening::Rule(_, name) = filter.opening(call, args) else { continue };
            if told.contains(&name.place) {
                continue;
            }
            told.push(name.place);
            let message = match call {
                "clone3" => "`clone3` is admitted, whose flags no filter can read: user namespaces are open"
                    .to_owned(),
                "setns" => "`setns` enters the namespaces of others".to_owned(),
                _ => format!("`{call}` makes user namespaces: the profile does not test its flags"),
            };
            reporter.found(GRADE, &profile.target, name.place, call, message).label("no mask for namespaces");
        }
    }
}
