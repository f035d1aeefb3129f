//! Commands of a policy's capabilities.

use perry_sandbox_compose::Node;

use crate::finding::{Target, TargetKind};
use crate::input::PolicyFile;
use crate::place::Placed;

/// What a capability runs.
pub(super) struct Command {
    /// The capability.
    pub(super) target: Target,
    /// Program and fixed arguments.
    pub(super) words: Vec<Placed<String>>,
    /// Whether a caller may add arguments.
    pub(super) takes_arguments: bool,
}

impl Command {
    /// The program.
    pub(super) fn program(&self) -> Option<(Target, Placed<String>)> {
        Some((self.target.clone(), self.words.first()?.clone()))
    }
}

/// The commands of all capabilities.
pub(super) fn commands(policy: &PolicyFile) -> Vec<Command> {
    let capabilities = policy.entries("capability").map(|(key, node)| {
        let words = node.get("command").and_then(Node::sequence).unwrap_or_default();
        let words =
            words.iter().filter_map(|word| Some(Placed::new(word.text()?.to_owned(), policy.place(word))));
        Command {
            target: Target::new(TargetKind::Capability, key.name.clone()),
            words: words.collect(),
            takes_arguments: node.get("args").is_some(),
        }
    });
    capabilities.collect()
}
