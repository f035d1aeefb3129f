//! Half an identity.

use super::identities::keyless;
use crate::grade::Grade;
use crate::input::{Refused, TrustFile};
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use perry_sandbox_policy::RefusalCode;

pub(super) static RULE: Rule = Rule {
    id: RuleId(505),
    slug: "half-identity",
    title: "half an identity",
    grades: &[Grade::Refused],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("write both `issuer` and `subject`, or a `public-key`"),
    cwe: &[290, 287],
    cis: &[],
    page: include_str!("../../pages/PSB505.md"),
    checks: &[Check::Refusal(claims), Check::Trust(check)],
};

fn claims(refused: &Refused) -> bool {
    refused.is(&[RefusalCode::MissingKey]) && refused.is_at(&["signer"])
}

fn check(trust: &TrustFile, reporter: &mut Reporter<'_>) {
    for (target, demand) in keyless(trust) {
        for identity in demand.identities {
            let missing = match (&identity.issuer, &identity.subject) {
                (None, _) => "issuer",
                (Some(_), None) => "subject",
                (Some(_), Some(_)) => continue,
            };
            let message = format!("this identity has no {missing}");
            reporter
                .found(Grade::Refused, &target, identity.place, missing, message)
                .label(format!("no {missing}"));
        }
    }
}
