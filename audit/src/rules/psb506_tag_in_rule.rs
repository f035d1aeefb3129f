//! A rule for a tag.

use crate::finding::{Target, TargetKind};
use crate::grade::Grade;
use crate::input::{Refused, TrustFile};
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use perry_sandbox_compose::shown;
use perry_sandbox_policy::RefusalCode;

pub(super) static RULE: Rule = Rule {
    id: RuleId(506),
    slug: "tag-in-rule",
    title: "a rule for a tag",
    grades: &[Grade::Refused],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand(
        "name the repository; what may run is decided by signatures, and `digests` where only some may",
    ),
    cwe: &[706],
    cis: &[],
    page: include_str!("../../pages/PSB506.md"),
    checks: &[Check::Refusal(claims), Check::Trust(check)],
};

fn claims(refused: &Refused) -> bool {
    refused.is(&[RefusalCode::BadValue])
        && (refused.has("repository") || refused.has("mirror-of"))
        && has_tag(&refused.text)
}

fn check(trust: &TrustFile, reporter: &mut Reporter<'_>) {
    for rule in &trust.rules {
        let Some(scope) = rule.scope.as_ref().filter(|scope| has_tag(&scope.value)) else { continue };
        let target = Target::new(TargetKind::Image, rule.name.clone());
        let message = format!("`{}` is a rule for a tag, which its owner moves", shown(&scope.value));
        reporter.found(Grade::Refused, &target, scope.place, scope.value.as_str(), message).label("a tag");
    }
}

/// Whether a name ends in a tag; a port stands before a slash.
fn has_tag(text: &str) -> bool {
    let last = text.rsplit('/').next().unwrap_or_default();
    text.contains('/') && last.contains(':') && !last.contains('@')
}
