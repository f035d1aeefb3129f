//! A folder that holds a control socket.

use super::socket::handed;
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::PolicyFile;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::SupportedCall, Reach::Host);

pub(super) static RULE: Rule = Rule {
    id: RuleId(212),
    slug: "control-socket-grant",
    title: "a folder that holds a control socket",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("take the folder out of the mounts"),
    cwe: &[250, 668],
    cis: &[],
    page: include_str!("../../pages/PSB212.md"),
    checks: &[Check::Policy(check)],
};

/// Folders of agents and engines that hold a socket.
const HOLDERS: [&str; 7] = [
    ".docker",
    ".docker/run",
    ".colima",
    ".colima/default",
    ".gnupg",
    ".lima",
    ".local/share/containers/podman/machine",
];

fn check(policy: &PolicyFile, reporter: &mut Reporter<'_>) {
    for kind in ["read", "write", "exec"] {
        let field: &[&str] = &["mounts", kind];
        for (target, path) in policy.ceilings(field).into_iter().chain(policy.grants(field)) {
            let holds = HOLDERS.iter().any(|holder| path.value.ends_with(&format!("/{holder}")));
            if handed(&path.value).is_some() || holds {
                let message = format!("`{}` can command what listens in `{}`", target.name, path.value);
                reporter
                    .found(GRADE, &target, path.place, path.value, message)
                    .label("read-only changes nothing");
            }
        }
    }
}
