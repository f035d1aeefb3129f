//! A tier for hostile code that shares the host's kernel.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::PolicyFile;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::SecondFlaw, Reach::Host);

pub(super) static RULE: Rule = Rule {
    id: RuleId(108),
    slug: "untrusted-shares-kernel",
    title: "a tier for hostile code that shares the host's kernel",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("accept `microvm` or `wasm` only, or `gvisor` where neither can run"),
    cwe: &[653],
    cis: &[],
    page: include_str!("../../pages/PSB108.md"),
    checks: &[Check::Policy(check)],
};

/// Words by which tiers for hostile code are called.
const WORDS: [&str; 4] = ["untrusted", "hostile", "malicious", "stranger"];

fn check(policy: &PolicyFile, reporter: &mut Reporter<'_>) {
    for (target, level) in policy.ceilings(&["isolation", "accept"]) {
        if level.value == "oci" && WORDS.iter().any(|word| target.name.contains(word)) {
            let message =
                format!("`{}` is for code that nobody trusts, and may run on the host's kernel", target.name);
            reporter.found(GRADE, &target, level.place, "oci", message).label("the host's own kernel");
        }
    }
}
