//! Everybody whom the issuer vouches for.

use super::identities::{keyless, subject_of};
use crate::grade::Grade;
use crate::input::{Refused, TrustFile};
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use perry_sandbox_compose::shown;
use perry_sandbox_policy::RefusalCode;

pub(super) static RULE: Rule = Rule {
    id: RuleId(503),
    slug: "anyone-at-issuer",
    title: "everybody whom the issuer vouches for",
    grades: &[Grade::Refused],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand(
        "name the workflow: `subject = \"https://github.com/acme/tools/.github/workflows/release.yml@refs/tags/v*\"`",
    ),
    cwe: &[290, 863],
    cis: &[],
    page: include_str!("../../pages/PSB503.md"),
    checks: &[Check::Refusal(claims), Check::Trust(check)],
};

fn claims(refused: &Refused) -> bool {
    refused.is(&[RefusalCode::BadValue])
        && refused.is_at(&["signer"])
        && ["subject", "subject-regexp", "issuer", "issuer-regexp"].iter().any(|key| refused.has(key))
}

fn check(trust: &TrustFile, reporter: &mut Reporter<'_>) {
    for (target, demand) in keyless(trust) {
        if demand.identities.is_empty() {
            let message = "no identity is named: everybody whom the issuer vouches for may sign";
            reporter.found(Grade::Refused, &target, demand.place, "nobody", message).label("anybody");
        }
        for identity in demand.identities {
            for part in [&identity.issuer, &identity.subject].into_iter().flatten() {
                if subject_of(part).is_anybody() {
                    let message = format!("`{}` fits everybody", shown(&part.text.value));
                    let evidence = part.text.value.as_str();
                    reporter
                        .found(Grade::Refused, &target, part.text.place, evidence, message)
                        .label("anybody");
                }
            }
        }
    }
}
