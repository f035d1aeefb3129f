//! Which tiers an entry is under: its own, and all that this one extends.

use std::collections::{BTreeMap, BTreeSet};

use perry_sandbox_compose::Node;

use crate::finding::{Target, TargetKind};
use crate::input::PolicyFile;

/// The tiers of a policy's file.
pub(super) struct Lineage {
    /// Each tier with all that it extends, itself included.
    above: BTreeMap<String, BTreeSet<String>>,
    /// Tiers that some entry is under.
    with_entries: BTreeSet<String>,
}

impl Lineage {
    /// Reads the tiers of a policy; the policy's reader has refused cycles.
    pub(super) fn of(policy: &PolicyFile) -> Self {
        let parents: BTreeMap<String, Vec<String>> = policy
            .entries("tier")
            .map(|(key, node)| {
                let names = node.get("extends").and_then(Node::sequence).unwrap_or_default();
                (key.name.clone(), names.iter().filter_map(Node::text).map(str::to_owned).collect())
            })
            .collect();
        let mut lineage = Self { above: BTreeMap::new(), with_entries: BTreeSet::new() };
        for tier in parents.keys() {
            let mut seen = BTreeSet::new();
            let mut open = vec![tier.clone()];
            while let Some(name) = open.pop() {
                if seen.insert(name.clone()) {
                    open.extend(parents.get(&name).into_iter().flatten().cloned());
                }
            }
            lineage.above.insert(tier.clone(), seen);
        }
        for (_, node) in policy.granting() {
            lineage.with_entries.extend(lineage.of_tier(node.get("tier").and_then(Node::text)));
        }
        lineage
    }

    fn of_tier(&self, tier: Option<&str>) -> Vec<String> {
        tier.and_then(|tier| self.above.get(tier)).into_iter().flatten().cloned().collect()
    }

    /// The tiers that an entry is under.
    pub(super) fn of_entry(&self, policy: &PolicyFile, target: &Target) -> Vec<String> {
        let table = if target.kind == TargetKind::Service { "service" } else { "capability" };
        let entry = policy.tree.get(table).and_then(|table| table.get(&target.name));
        self.of_tier(entry.and_then(|entry| entry.get("tier")?.text()))
    }

    /// Whether no entry is under a tier: then nothing says what it is for.
    pub(super) fn is_without_entries(&self, tier: &str) -> bool {
        !self.with_entries.contains(tier)
    }
}
