//! Signatures that no log has seen.

use crate::finding::{Target, TargetKind};
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::{PolicyFile, TrustFile};
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use crate::trust::DemandKind;
use perry_sandbox_compose::{Mapping, Node};

const GRADE: Derivation = Derivation::of(Precondition::Technique, Reach::OtherSandboxes);

pub(super) static RULE: Rule = Rule {
    id: RuleId(513),
    slug: "log-not-required",
    title: "signatures that no log has seen",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand(
        "demand an entry: `log = \"required\"`; in a `ClusterImagePolicy` state `ctlog`, in `policy.json` `rekorPublicKeyPath`",
    ),
    cwe: &[778, 345],
    cis: &[],
    page: include_str!("../../pages/PSB513.md"),
    checks: &[Check::Policy(check), Check::Trust(check_trust)],
};

fn check(policy: &PolicyFile, reporter: &mut Reporter<'_>) {
    let keys: Vec<&str> = policy
        .entries("signer")
        .filter(|(_, node)| node.get("public-key").is_some())
        .map(|(key, _)| key.name.as_str())
        .collect();
    for (key, node) in policy.entries("image") {
        let log = policy.text(node, "log");
        if log.as_ref().is_some_and(|log| log.value == "required") {
            continue;
        }
        let quorum = node.get("signed-by").and_then(Node::mapping).into_iter().flat_map(Mapping::iter);
        let signers = quorum.filter_map(|(_, list)| list.sequence()).flatten();
        let Some(signer) =
            signers.filter(|signer| signer.text().is_some_and(|name| keys.contains(&name))).last()
        else {
            continue;
        };
        let target = Target::new(TargetKind::Image, key.name.clone());
        let place = log.map_or_else(|| policy.place(signer), |log| log.place);
        let message =
            format!("a key's signature on an image of `{}` counts without an entry in a log", key.name);
        reporter.found(GRADE, &target, place, "log", message).label("no log is asked");
    }
}

fn check_trust(trust: &TrustFile, reporter: &mut Reporter<'_>) {
    for rule in &trust.rules {
        for demand in &rule.demands {
            let signs = matches!(demand.kind, DemandKind::Keys(_) | DemandKind::Keyless { .. });
            let Some(place) = demand.log_waived.filter(|_| signs) else { continue };
            let target = Target::new(TargetKind::Image, rule.name.clone());
            let message = format!("a signature on an image of `{}` counts without a log", rule.name);
            reporter.found(GRADE, &target, place, "log", message).label("no log is asked");
        }
    }
}
