//! Images that nobody has to sign.

use crate::finding::{Target, TargetKind};
use crate::grade::Grade;
use crate::input::{Refused, TrustFile};
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use crate::trust::DemandKind;
use perry_sandbox_policy::RefusalCode;

pub(super) static RULE: Rule = Rule {
    id: RuleId(501),
    slug: "no-signer-rule",
    title: "images that nobody has to sign",
    grades: &[Grade::Refused],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("say who must sign: `signed-by = { at-least = 1, of = [\"release\"] }`"),
    cwe: &[345, 347],
    cis: &[],
    page: include_str!("../../pages/PSB501.md"),
    checks: &[Check::Refusal(claims), Check::Trust(check)],
};

fn claims(refused: &Refused) -> bool {
    refused.is(&[RefusalCode::MissingKey])
        && refused.is_at(&["image", "*"])
        && refused.path.len() == 2
        && refused.refusal.message.contains("`signed-by`")
}

fn check(trust: &TrustFile, reporter: &mut Reporter<'_>) {
    for rule in &trust.rules {
        let target = Target::new(TargetKind::Image, rule.name.clone());
        if let Some(place) = rule.warns_only {
            reporter
                .found(
                    Grade::Refused,
                    &target,
                    place,
                    "warn",
                    "nothing is refused by this rule: it only warns",
                )
                .label("only warns");
        }
        for demand in rule.demands.iter().filter(|demand| matches!(demand.kind, DemandKind::Accept)) {
            let message = format!("`{}` accepts every image, whoever has made it", rule.name);
            reporter
                .found(Grade::Refused, &target, demand.place, "accept", message)
                .label("asks for nothing");
        }
        if rule.demands.is_empty() {
            let message = format!("`{}` asks for no signature", rule.name);
            reporter.found(Grade::Refused, &target, rule.place, "none", message).label("no authority");
        }
    }
}
