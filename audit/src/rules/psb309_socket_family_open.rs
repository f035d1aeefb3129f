//! Sockets of any family.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::ProfileFile;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use crate::seccomp::Opening;

const GRADE: Derivation = Derivation::of(Precondition::SecondFlaw, Reach::ThisSandbox);

pub(super) static RULE: Rule = Rule {
    id: RuleId(309),
    slug: "socket-family-open",
    title: "sockets of any family",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand(
        "admit `socket` with argument 0 equal to 1 (`AF_UNIX`), and to 2 and 10 (IPv4, IPv6) where a network is granted",
    ),
    cwe: &[749],
    cis: &[],
    page: include_str!("../../pages/PSB309.md"),
    checks: &[Check::Profile(check)],
};

/// The families, by their numbers in `linux/socket.h`.
pub(super) const FAMILIES: [(u64, &str); 4] = [(16, "netlink"), (17, "packet"), (38, "alg"), (40, "vsock")];

fn check(profile: &ProfileFile, reporter: &mut Reporter<'_>) {
    for filter in &profile.filters {
        let open =
            |(family, name): (u64, &'static str)| match filter.opening("socket", [family, 0, 0, 0, 0, 0]) {
                Opening::Rule(_, call) => Some((name, call.place)),
                Opening::Closed | Opening::Default => None,
            };
        let open: Vec<_> = FAMILIES.into_iter().filter_map(open).collect();
        let Some((_, place)) = open.first() else { continue };
        let families = open.iter().map(|(family, _)| *family).collect::<Vec<_>>().join(", ");
        let message = format!("`socket` is admitted for {families}");
        reporter
            .found(GRADE, &profile.target, *place, families.as_str(), message)
            .label("families that few need");
    }
}
