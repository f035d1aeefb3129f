//! A ring that makes calls which the filter blocks.

use super::psb309_socket_family_open::FAMILIES;
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::ProfileFile;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::Technique, Reach::Host);

pub(super) static RULE: Rule = Rule {
    id: RuleId(303),
    slug: "io-uring-bypass",
    title: "a ring that makes calls which the filter blocks",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand(
        "take out all three, `io_uring_setup`, `io_uring_enter` and `io_uring_register`; runtimes and libraries fall back",
    ),
    cwe: &[693],
    cis: &[],
    page: include_str!("../../pages/PSB303.md"),
    checks: &[Check::Profile(check)],
};

/// What a ring does in the place of a call.
const STANDS_FOR: [&str; 22] = [
    "accept",
    "accept4",
    "bind",
    "connect",
    "fallocate",
    "fsetxattr",
    "ftruncate",
    "linkat",
    "listen",
    "mkdirat",
    "openat",
    "openat2",
    "recvmsg",
    "renameat",
    "sendmsg",
    "setxattr",
    "socket",
    "splice",
    "symlinkat",
    "tee",
    "unlinkat",
    "waitid",
];

fn check(profile: &ProfileFile, reporter: &mut Reporter<'_>) {
    for filter in &profile.filters {
        let entry = filter.opening("io_uring_enter", [0; 6]);
        let setup = filter.opening("io_uring_setup", [0; 6]);
        let (true, Some(place)) = (entry.is_open(), setup.place(filter)) else { continue };
        let blocked: Vec<&str> = STANDS_FOR.into_iter().filter(|call| !filter.admits(call)).collect();
        let filtered =
            FAMILIES.iter().any(|(family, _)| !filter.opening("socket", [*family, 0, 0, 0, 0, 0]).is_open());
        let Some(example) = blocked.first().copied().or(filtered.then_some("socket")) else { continue };
        let message = match blocked.len() {
            0 | 1 => format!("a ring stands in for `{example}`, which the filter keeps out"),
            more => {
                format!("a ring stands in for {more} calls that the filter keeps out, such as `{example}`")
            }
        };
        let found = reporter.found(GRADE, &profile.target, place, "io_uring", message);
        found.label("no filter sees what a ring does");
        if let Some(enter) = entry.place(filter).filter(|enter| *enter != place) {
            found.beside(enter, "and it can be driven");
        }
    }
}
