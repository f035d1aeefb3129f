//! A profile that leaves out an ABI of the machine.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::ProfileFile;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use crate::seccomp::{Arches, CallAnswer};

const GRADE: Derivation = Derivation::of(Precondition::SecondFlaw, Reach::Host);

pub(super) static RULE: Rule = Rule {
    id: RuleId(304),
    slug: "missing-arch",
    title: "a profile that leaves out an ABI of the machine",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand(
        "list the architectures with their sub-architectures (`archMap`), so that the same rules hold for each, or answer unknown calls with `SCMP_ACT_KILL_PROCESS`",
    ),
    cwe: &[693],
    cis: &[],
    page: include_str!("../../pages/PSB304.md"),
    checks: &[Check::Profile(check)],
};

/// Architectures, with the other ABIs that the same kernel answers to.
const OTHERS: [(&str, &[&str]); 2] =
    [("SCMP_ARCH_X86_64", &["SCMP_ARCH_X86", "SCMP_ARCH_X32"]), ("SCMP_ARCH_AARCH64", &["SCMP_ARCH_ARM"])];

fn check(profile: &ProfileFile, reporter: &mut Reporter<'_>) {
    for filter in &profile.filters {
        // What is not listed dies, as everything does that the profile does not know: somebody meant it.
        if filter.default.value == CallAnswer::Kill {
            continue;
        }
        let Arches::Listed(listed, place) = &filter.arches else { continue };
        let place = place.unwrap_or(filter.default.place);
        let has = |name: &str| listed.iter().any(|arch| arch == name);
        if listed.is_empty() {
            let message = "the profile lists no architecture: which ABIs it filters is left to the loader";
            reporter.found(GRADE, &profile.target, place, "none", message).label("no `architectures`");
        }
        for (arch, others) in OTHERS.into_iter().filter(|(arch, _)| has(arch)) {
            let missing: Vec<&str> = others.iter().copied().filter(|other| !has(other)).collect();
            if !missing.is_empty() {
                let missing = missing.join(" and ");
                let message = format!(
                    "{arch} is listed without {missing}: calls by that ABI are not filtered, or kill by surprise"
                );
                reporter
                    .found(GRADE, &profile.target, place, missing.as_str(), message)
                    .label(format!("no {missing}"));
            }
        }
    }
}
