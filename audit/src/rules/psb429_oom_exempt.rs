//! The kernel spares it when memory ends.

use crate::grade::{Derivation, Grade, Loss, Precondition, Reach};
use crate::launch::Launch;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::Technique, Reach::Host).only(Loss::Availability);

pub(super) static RULE: Rule = Rule {
    id: RuleId(429),
    slug: "oom-exempt",
    title: "the kernel spares it when memory ends",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("remove it, and give the container a limit of memory that fits"),
    cwe: &[770],
    cis: &["5.31"],
    page: include_str!("../../pages/PSB429.md"),
    checks: &[Check::Launch(check)],
};

fn check(launch: &Launch, reporter: &mut Reporter<'_>) {
    if let Some(said) = launch.oom_kill_disable.as_ref().filter(|said| said.value) {
        let message = format!("the kernel may not kill `{}` when memory ends", launch.target.name);
        reporter
            .found(GRADE, &launch.target, said.place, "oom_kill_disable", message)
            .label("everything else dies first");
    }
    if let Some(said) = launch.oom_score_adj.as_ref().filter(|said| said.value < 0.0) {
        let message = format!("the kernel kills others before `{}` when memory ends", launch.target.name);
        reporter
            .found(GRADE, &launch.target, said.place, "oom_score_adj", message)
            .label("below nought: spared");
    }
}
