//! A name for the host itself.

use crate::grade::{Derivation, Grade, Loss, Precondition, Reach};
use crate::launch::Launch;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use perry_sandbox_compose::shown;

const GRADE: Derivation =
    Derivation::of(Precondition::MitigationMissing, Reach::Host).only(Loss::Confidentiality);

pub(super) static RULE: Rule = Rule {
    id: RuleId(421),
    slug: "host-gateway",
    title: "a name for the host itself",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("remove the name, or the service that listens on the host"),
    cwe: &[668],
    cis: &[],
    page: include_str!("../../pages/PSB421.md"),
    checks: &[Check::Launch(check)],
};

fn check(launch: &Launch, reporter: &mut Reporter<'_>) {
    for host in launch.hosts.iter().filter(|host| host.value.ends_with("host-gateway")) {
        let message = format!("`{}` has a name for the host: `{}`", launch.target.name, shown(&host.value));
        reporter
            .found(GRADE, &launch.target, host.place, "host-gateway", message)
            .label("reaches what listens on the host");
    }
}
