//! An entry that nothing refers to.

use crate::finding::{Target, TargetKind};
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::PolicyFile;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use perry_sandbox_compose::Node;
use std::collections::BTreeSet;

const GRADE: Derivation = Derivation::of(Precondition::MitigationMissing, Reach::Verdict);

pub(super) static RULE: Rule = Rule {
    id: RuleId(130),
    slug: "dead-entry",
    title: "an entry that nothing refers to",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("delete the entry"),
    cwe: &[1164],
    cis: &[],
    page: include_str!("../../pages/PSB130.md"),
    checks: &[Check::Policy(check)],
};

fn check(policy: &PolicyFile, reporter: &mut Reporter<'_>) {
    let used = used(policy);
    let open: Vec<&str> = policy
        .tree
        .get("open")
        .and_then(Node::sequence)
        .into_iter()
        .flatten()
        .filter_map(Node::text)
        .collect();
    for (table, kind, what) in TABLES {
        // Entries of other files, which are given beside this one, may name what is here.
        if !open.is_empty() {
            break;
        }
        for (key, _) in policy.entries(table) {
            if !used.contains(&(table, key.name.clone())) {
                let message = format!("nothing names the {what} `{}`", key.name);
                let target = Target::new(kind, key.name.clone());
                reporter
                    .found(GRADE, &target, policy.at(key.span), key.name.as_str(), message)
                    .label("unused");
            }
        }
    }
}

/// Tables whose entries are named by others.
const TABLES: [(&str, TargetKind, &str); 5] = [
    ("trust-root", TargetKind::Signer, "trust root"),
    ("signer", TargetKind::Signer, "signer"),
    ("image", TargetKind::Image, "image rule"),
    ("tier", TargetKind::Tier, "tier"),
    ("seccomp", TargetKind::Profile, "seccomp profile"),
];

/// Every name that some entry uses, with the table that it is of.
fn used(policy: &PolicyFile) -> BTreeSet<(&'static str, String)> {
    let mut used = BTreeSet::new();
    let mut names = |table: &'static str, node: Option<&Node>| {
        let Some(node) = node else { return };
        let list = node.sequence().unwrap_or(std::slice::from_ref(node));
        used.extend(list.iter().filter_map(Node::text).map(|name| (table, name.to_owned())));
    };
    for (_, signer) in policy.entries("signer") {
        names("trust-root", signer.get("root"));
    }
    for (_, image) in policy.entries("image") {
        for rule in [Some(image), image.get("trial")].into_iter().flatten() {
            let quorum = rule.get("signed-by");
            names("signer", quorum.and_then(|quorum| quorum.get("of")));
            names("signer", quorum.and_then(|quorum| quorum.get("all")));
            names("signer", rule.get("provenance").and_then(|provenance| provenance.get("by")));
        }
    }
    for (_, tier) in policy.entries("tier") {
        names("tier", tier.get("extends"));
        names("seccomp", tier.get("seccomp"));
    }
    let entries = policy.granting().map(|(_, node)| node).chain(policy.tree.get("ad-hoc"));
    for entry in entries {
        names("tier", entry.get("tier"));
        names("image", entry.get("image"));
    }
    for exception in policy.tree.get("exception").and_then(Node::sequence).unwrap_or_default() {
        names("tier", exception.get("allows").and_then(|allows| allows.get("tier")));
    }
    used
}
