//! A runtime that nobody can speak for.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::launch::Launch;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use perry_sandbox_compose::shown;

const GRADE: Derivation = Derivation::of(Precondition::MitigationMissing, Reach::Host);

pub(super) static RULE: Rule = Rule {
    id: RuleId(434),
    slug: "odd-runtime",
    title: "a runtime that nobody can speak for",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("leave it out, or use runc, crun, runsc or Kata"),
    cwe: &[1188],
    cis: &[],
    page: include_str!("../../pages/PSB434.md"),
    checks: &[Check::Launch(check)],
};

/// Runtimes whose walls are known.
const KNOWN: [&str; 11] = [
    "runc",
    "crun",
    "runsc",
    "gvisor",
    "youki",
    "kata",
    "kata-runtime",
    "kata-qemu",
    "kata-clh",
    "kata-fc",
    "firecracker",
];

fn check(launch: &Launch, reporter: &mut Reporter<'_>) {
    let Some(runtime) = &launch.runtime else { return };
    // containerd's names: `io.containerd.runc.v2`.
    let name = runtime.value.strip_prefix("io.containerd.").and_then(|rest| rest.split('.').next());
    if !KNOWN.contains(&name.unwrap_or(&runtime.value)) {
        let message = format!(
            "`{}` runs under `{}`, of which nothing is known",
            launch.target.name,
            shown(&runtime.value)
        );
        reporter
            .found(GRADE, &launch.target, runtime.place, runtime.value.clone(), message)
            .label("no wall can be named");
    }
}
