//! No limit.

use crate::grade::{Derivation, Grade, Loss, Precondition, Reach};
use crate::launch::{Engine, Launch, Origin};
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const SHARED: Derivation =
    Derivation::of(Precondition::Technique, Reach::OtherSandboxes).only(Loss::Availability);
const CPU: Derivation =
    Derivation::of(Precondition::SecondFlaw, Reach::OtherSandboxes).only(Loss::Availability);

pub(super) static RULE: Rule = Rule {
    id: RuleId(422),
    slug: "limit-missing",
    title: "no limit",
    grades: &[Grade::Derived(SHARED), Grade::Derived(CPU)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand(
        "add a limit: `mem_limit`, `pids_limit`, `cpus`, or those of `deploy.resources.limits`",
    ),
    cwe: &[770],
    cis: &["5.11", "5.12", "5.29"],
    page: include_str!("../../pages/PSB422.md"),
    checks: &[Check::Launch(check)],
};

fn check(launch: &Launch, reporter: &mut Reporter<'_>) {
    if !launch.is_container() {
        return;
    }
    // podman limits processes by itself, and a Pod has no word for it.
    let unsaid_is_none = !matches!(launch.origin, Origin::Pod | Origin::Argv(Engine::Podman));
    let limits = &launch.limits;
    for (what, limit, grade, counts) in [
        ("memory", &limits.memory, SHARED, true),
        ("processes", &limits.pids, SHARED, unsaid_is_none),
        ("processors", &limits.cpu, CPU, true),
    ] {
        match limit {
            Some(limit) if limit.value <= 0.0 => {
                let message = format!("`{}` has a limit of {what} that means none", launch.target.name);
                reporter
                    .found(grade, &launch.target, limit.place, what, message)
                    .label("this value means no limit");
            }
            None if counts => {
                let message = format!("`{}` has no limit of {what}", launch.target.name);
                reporter
                    .found(grade, &launch.target, launch.place, what, message)
                    .label(format!("no limit of {what}"));
            }
            _ => {}
        }
    }
}
