//! A call that takes over the host.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::ProfileFile;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::SupportedCall, Reach::Host);

pub(super) static RULE: Rule = Rule {
    id: RuleId(302),
    slug: "host-takeover-call",
    title: "a call that takes over the host",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand(
        "take the call out, or let the rule ask for the Linux cap: `\"includes\": {\"caps\": […]}`",
    ),
    cwe: &[250, 269],
    cis: &[],
    page: include_str!("../../pages/PSB302.md"),
    checks: &[Check::Profile(check)],
};

/// The calls, with what each reaches.
const CALLS: [(&str, &str); 19] = [
    ("init_module", "loads code into the kernel"),
    ("finit_module", "loads code into the kernel"),
    ("delete_module", "takes code out of the kernel"),
    ("kexec_load", "replaces the kernel"),
    ("kexec_file_load", "replaces the kernel"),
    ("bpf", "runs programs in the kernel"),
    ("open_by_handle_at", "opens files past every mount"),
    ("perf_event_open", "watches other programs and the kernel"),
    ("fsopen", "mounts file systems"),
    ("fsconfig", "mounts file systems"),
    ("fsmount", "mounts file systems"),
    ("fspick", "changes mounts"),
    ("open_tree", "changes mounts"),
    ("move_mount", "changes mounts"),
    ("mount_setattr", "changes mounts"),
    ("userfaultfd", "stops the kernel in the middle of a copy"),
    ("add_key", "reaches the host's keyrings"),
    ("request_key", "reaches the host's keyrings"),
    ("keyctl", "reaches the host's keyrings"),
];

fn check(profile: &ProfileFile, reporter: &mut Reporter<'_>) {
    for filter in &profile.filters {
        for (call, reach) in CALLS {
            let naming = filter.naming(call).filter(|(rule, _)| rule.answer.lets_through());
            for (_, name) in naming {
                let message = format!("`{call}` is admitted, which {reach}");
                reporter.found(GRADE, &profile.target, name.place, call, message).label(reach);
            }
        }
    }
}
