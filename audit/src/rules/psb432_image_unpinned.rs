//! An image by its tag.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::launch::Launch;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use perry_sandbox_compose::shown;

const GRADE: Derivation = Derivation::of(Precondition::SecondFlaw, Reach::ThisSandbox);

pub(super) static RULE: Rule = Rule {
    id: RuleId(432),
    slug: "image-unpinned",
    title: "an image by its tag",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("add the digest of the image that was reviewed: `name:tag@sha256:…`"),
    cwe: &[494],
    cis: &[],
    page: include_str!("../../pages/PSB432.md"),
    checks: &[Check::Launch(check)],
};

fn check(launch: &Launch, reporter: &mut Reporter<'_>) {
    let Some(image) = launch.image.as_ref().filter(|_| launch.build.is_none()) else { return };
    if image.value.is_empty() || image.value.contains('@') {
        return;
    }
    let message = format!("`{}` runs whatever `{}` is on the day", launch.target.name, shown(&image.value));
    reporter
        .found(GRADE, &launch.target, image.place, image.value.clone(), message)
        .label("a tag can be moved");
}
