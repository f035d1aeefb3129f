//! A secret or config from a file outside of the project.

use crate::grade::{Derivation, Grade, Loss, Precondition, Reach};
use crate::launch::Launch;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use perry_sandbox_compose::shown;

const GRADE: Derivation =
    Derivation::of(Precondition::SupportedCall, Reach::Host).only(Loss::Confidentiality);

pub(super) static RULE: Rule = Rule {
    id: RuleId(413),
    slug: "host-file-source",
    title: "a secret or config from a file outside of the project",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("move the file into the project, or give it by the environment"),
    cwe: &[668],
    cis: &[],
    page: include_str!("../../pages/PSB413.md"),
    checks: &[Check::Launch(check)],
};

fn check(launch: &Launch, reporter: &mut Reporter<'_>) {
    let Some(folder) = &launch.folder else { return };
    for file in &launch.host_files {
        let below = file.path.value.strip_prefix(folder.as_str());
        if folder == "/" || below.is_some_and(|rest| rest.starts_with('/')) {
            continue;
        }
        let path = shown(&file.path.value);
        let message = format!(
            "`{}` of `{}` is the host's file `{path}`, outside of the project",
            shown(&file.name),
            launch.target.name
        );
        reporter
            .found(GRADE, &launch.target, file.path.place, file.path.value.clone(), message)
            .label("read from the host at `up`");
    }
}
