//! The engine's own Linux caps are kept.

use super::shared::is_all;
use crate::fix::{add_key, add_words};
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::launch::Launch;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::MitigationMissing, Reach::Host);

pub(super) static RULE: Rule = Rule {
    id: RuleId(405),
    slug: "cap-drop-missing",
    title: "the engine's own Linux caps are kept",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::Unsafe("add `cap_drop: [ALL]`, and add back what is needed"),
    cwe: &[250],
    cis: &["5.3"],
    page: include_str!("../../pages/PSB405.md"),
    checks: &[Check::Launch(check)],
};

const BREAKS: &str = "a program that binds a low port, changes owners or becomes another user stops to work until that Linux cap is added";

fn check(launch: &Launch, reporter: &mut Reporter<'_>) {
    if !launch.is_container() || launch.cap_drop.iter().any(|cap| is_all(&cap.value)) {
        return;
    }
    let message = format!("`{}` keeps the Linux caps that the engine gives by default", launch.target.name);
    let texts = reporter.texts();
    let edits = match launch.cap_drop.first() {
        Some(_) => None,
        None => add_key(texts, launch, "cap_drop:", &["ALL"]).or_else(|| add_words(launch, "--cap-drop=ALL")),
    };
    reporter
        .found(GRADE, &launch.target, launch.place, "cap_drop", message)
        .label("drops not all of them")
        .unsafe_fix("drop all Linux caps", BREAKS, edits);
}
