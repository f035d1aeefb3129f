//! Trust material that is too old.

use crate::finding::{Target, TargetKind};
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::PolicyFile;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use perry_sandbox_compose::shown;
use perry_sandbox_policy::TrustRootSource;

const GRADE: Derivation = Derivation::of(Precondition::Technique, Reach::OtherSandboxes);

pub(super) static RULE: Rule = Rule {
    id: RuleId(514),
    slug: "stale-trust-material",
    title: "trust material that is too old",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand(
        "get the instance's current `trusted_root.json` and pin it; for the public instance write `max-age = \"24h\"`",
    ),
    cwe: &[298, 324],
    cis: &[],
    page: include_str!("../../pages/PSB514.md"),
    checks: &[Check::Policy(check)],
};

/// A month, in seconds: the public instance renews its timestamps every few days.
const MONTH: u64 = 31 * 24 * 60 * 60;

fn check(policy: &PolicyFile, reporter: &mut Reporter<'_>) {
    for (key, node) in policy.entries("trust-root") {
        let target = Target::new(TargetKind::Signer, key.name.clone());
        let Some(root) = key.name.parse().ok().and_then(|name| policy.policy.trust_root(&name)) else {
            continue;
        };
        if let TrustRootSource::SigstorePublic { max_age } = &root.source {
            if let Some(age) = policy.text(node, "max-age").filter(|_| max_age.as_secs() > MONTH) {
                let message =
                    format!("trust material that is {} old would still be taken", shown(&age.value));
                reporter.found(GRADE, &target, age.place, "max-age", message).label("longer than a month");
            }
        } else if is_over(&root.json, &policy.today.to_string()) {
            let place = node.get("path").map_or_else(|| policy.at(key.span), |path| policy.place(path));
            let message = format!("all that the trust root `{}` vouches by has run out", key.name);
            reporter.found(GRADE, &target, place, "over", message).label("over");
        }
    }
}

/// Whether each authority, or each log, of a trusted root has an end, and that is before today.
fn is_over(json: &str, today: &str) -> bool {
    let Ok(root) = serde_json::from_str::<serde_json::Value>(json) else { return false };
    let all_over = |list: &str, end: &str| {
        let items = root.get(list).and_then(|list| list.as_array()).filter(|items| !items.is_empty());
        items.is_some_and(|items| {
            // Dates of RFC 3339 are in order as texts.
            items
                .iter()
                .all(|item| item.pointer(end).and_then(|end| end.as_str()).is_some_and(|end| end < today))
        })
    };
    all_over("certificateAuthorities", "/validFor/end") || all_over("tlogs", "/publicKey/validFor/end")
}
