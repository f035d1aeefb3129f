//! What one profile admits and another does not: by architecture, call and arguments, never by name.

use super::admission::Admission;
use super::clause::Clause;
use super::profile::SeccompProfile;
use crate::arch::Arch;
use crate::syscall::Syscall;

/// One call that a profile admits beyond another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beyond {
    /// The architecture.
    pub arch: Arch,
    /// The call.
    pub call: Syscall,
    /// Conditions, one of which is enough, that the other profile does not admit, or not wholly. One condition without
    /// a test is every argument.
    pub clauses: Vec<Clause>,
    /// What the other profile admits of the call, if anything.
    pub other: Option<Admission>,
}

impl SeccompProfile {
    /// Lists what this profile admits and `other` does not, in the order of architectures and calls; nothing exactly
    /// when [`SeccompProfile::admits_no_more_than`] holds.
    pub fn beyond(&self, other: &Self) -> Vec<Beyond> {
        let never = Admission::never();
        let mut found = Vec::new();
        for arch in Arch::ALL {
            for rule in self.rules(arch) {
                let theirs = other.admission(arch, rule.call);
                let ceiling = theirs.unwrap_or(&never);
                if rule.admission.is_within(ceiling) {
                    continue;
                }
                let outside = |clause: &&Clause| !Admission::any_of([**clause]).is_within(ceiling);
                let clauses = rule.admission.clauses().iter().filter(outside).copied().collect();
                found.push(Beyond { arch, call: rule.call, clauses, other: theirs.cloned() });
            }
        }
        found
    }
}
