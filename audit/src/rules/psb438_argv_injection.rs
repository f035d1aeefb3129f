//! A caller's word that may be taken for an option.

use crate::finding::Edit;
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::launch::Launch;
use crate::place::Place;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use perry_sandbox_compose::shown;

const GRADE: Derivation = Derivation::of(Precondition::Technique, Reach::Host);

pub(super) static RULE: Rule = Rule {
    id: RuleId(438),
    slug: "argv-injection",
    title: "a caller's word that may be taken for an option",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("put `--` in front of it"),
    cwe: &[88],
    cis: &[],
    page: include_str!("../../pages/PSB438.md"),
    checks: &[Check::Launch(check)],
};

fn check(launch: &Launch, reporter: &mut Reporter<'_>) {
    for word in &launch.open_words {
        let place = Place { end: word.place.start, ..word.place };
        let edits = vec![Edit { place, text: "-- ".to_owned() }];
        let text = shown(&word.value);
        let message = format!("`{text}` stands where `{}` still reads options", launch.target.name);
        let found = reporter.found(GRADE, &launch.target, word.place, word.value.clone(), message);
        found.label("`--privileged` here would be an option");
        found.unsafe_fix(
            "end the options first",
            "an option that was meant to come from there is taken for the image",
            Some(edits),
        );
    }
}
