//! A folder of the host's system.

use super::socket::{handed, is_sensitive};
use crate::grade::{Derivation, Grade, Loss, Precondition, Reach};
use crate::launch::Launch;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use perry_sandbox_compose::shown;

const GRADE: Derivation =
    Derivation::of(Precondition::SupportedCall, Reach::Host).only(Loss::Confidentiality);

pub(super) static RULE: Rule = Rule {
    id: RuleId(412),
    slug: "host-dir-mount",
    title: "a folder of the host's system",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("mount only the file or folder that is needed"),
    cwe: &[668],
    cis: &["5.6"],
    page: include_str!("../../pages/PSB412.md"),
    checks: &[Check::Launch(check)],
};

fn check(launch: &Launch, reporter: &mut Reporter<'_>) {
    for mount in &launch.mounts {
        let Some(host) = &mount.host else { continue };
        if handed(&host.value).is_some() || !is_sensitive(&host.value) {
            continue;
        }
        let message = format!("`{}` gets `{}` of the host", launch.target.name, shown(&host.value));
        let label =
            if mount.read_only { "reading it gives enough away" } else { "it can be read and changed" };
        reporter.found(GRADE, &launch.target, host.place, host.value.clone(), message).label(label);
    }
}
