//! Exceptions of a policy, with their last days.

use jiff::civil::Date;
use perry_sandbox_compose::{Node, Value};

use crate::finding::{Target, TargetKind};
use crate::input::PolicyFile;
use crate::place::Place;

/// Each exception's tier, its last day, and where that stands.
pub(super) fn exceptions(policy: &PolicyFile) -> Vec<(Target, Date, Place)> {
    let listed = policy.tree.get("exception").and_then(Node::sequence).unwrap_or_default();
    let read = listed.iter().filter_map(|exception| {
        let until = exception.get("until")?;
        let (Value::Text(day) | Value::Timestamp(day)) = &until.value else { return None };
        let tier = exception.get("allows")?.get("tier")?.text()?;
        Some((Target::new(TargetKind::Tier, tier), day.parse().ok()?, policy.place(until)))
    });
    read.collect()
}
