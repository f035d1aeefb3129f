//! A digest that is none.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::launch::Launch;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::SupportedCall, Reach::Verdict).from_outside();

pub(super) static RULE: Rule = Rule {
    id: RuleId(433),
    slug: "bad-digest",
    title: "a digest that is none",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("write the image's real digest: `sha256:` and 64 hexadecimal digits"),
    cwe: &[345],
    cis: &[],
    page: include_str!("../../pages/PSB433.md"),
    checks: &[Check::Launch(check)],
};

fn check(launch: &Launch, reporter: &mut Reporter<'_>) {
    let Some(image) = &launch.image else { return };
    let Some((_, digest)) = image.value.split_once('@') else { return };
    let hex = digest.strip_prefix("sha256:").filter(|hex| hex.len() == 64);
    let is_digest =
        hex.is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)));
    if !is_digest {
        let message = format!("what `{}` gives as a digest is none", launch.target.name);
        reporter.found(GRADE, &launch.target, image.place, digest, message).label("looks pinned, and is not");
    }
}
