//! What one writes, another reads.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::PolicyFile;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use perry_sandbox_policy::{HostPath, Pattern as _};

const GRADE: Derivation = Derivation::of(Precondition::SecondFlaw, Reach::Verdict);

pub(super) static RULE: Rule = Rule {
    id: RuleId(213),
    slug: "write-inside-read",
    title: "what one writes, another reads",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("give each its own folder, and move results by a step that checks them"),
    cwe: &[501],
    cis: &[],
    page: include_str!("../../pages/PSB213.md"),
    checks: &[Check::Policy(check)],
};

fn check(policy: &PolicyFile, reporter: &mut Reporter<'_>) {
    let read = policy.grants(&["mounts", "read"]).into_iter().chain(policy.grants(&["mounts", "exec"]));
    let read: Vec<_> = read
        .filter_map(|(target, root)| Some((target, root.value.parse::<HostPath>().ok()?, root.place)))
        .collect();
    for (target, path) in policy.grants(&["mounts", "write"]) {
        let Ok(written) = path.value.parse::<HostPath>() else { continue };
        let fed = read.iter().find(|(other, root, _)| *other != target && root.includes(&written));
        if let Some((other, _, place)) = fed {
            let message =
                format!("what `{}` writes to `{}`, `{}` reads", target.name, path.value, other.name);
            let evidence = format!("{} {}", path.value, other.name);
            let found = reporter.found(GRADE, &target, path.place, evidence, message);
            found.label("written here").beside(*place, "and read here");
        }
    }
}
