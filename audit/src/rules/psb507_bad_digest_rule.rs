//! A digest that is none.

use crate::finding::{Target, TargetKind};
use crate::grade::Grade;
use crate::input::{Refused, TrustFile};
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use perry_sandbox_compose::shown;
use perry_sandbox_policy::RefusalCode;

pub(super) static RULE: Rule = Rule {
    id: RuleId(507),
    slug: "bad-digest-rule",
    title: "a digest that is none",
    grades: &[Grade::Refused],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("write the whole digest: `sha256:` and 64 digits of 0-9 and a-f"),
    cwe: &[354],
    cis: &[],
    page: include_str!("../../pages/PSB507.md"),
    checks: &[Check::Refusal(claims), Check::Trust(check)],
};

fn claims(refused: &Refused) -> bool {
    refused.is(&[RefusalCode::BadValue])
        && (refused.has("digests") || refused.is_at(&["deny"]) && refused.has("digest"))
}

fn check(trust: &TrustFile, reporter: &mut Reporter<'_>) {
    for rule in &trust.rules {
        let Some(scope) = &rule.scope else { continue };
        let Some((_, digest)) = scope.value.split_once('@') else { continue };
        let hex = digest.strip_prefix("sha256:").unwrap_or_default();
        let is_digest =
            hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        if !is_digest {
            let target = Target::new(TargetKind::Image, rule.name.clone());
            let message = format!("`{}` is no digest", shown(digest));
            reporter
                .found(Grade::Refused, &target, scope.place, scope.value.as_str(), message)
                .label("fits no image");
        }
    }
}
