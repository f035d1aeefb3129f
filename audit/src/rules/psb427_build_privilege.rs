//! A build with privileges.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::launch::Launch;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use perry_sandbox_compose::shown;

const GRADE: Derivation = Derivation::of(Precondition::Technique, Reach::Host);

pub(super) static RULE: Rule = Rule {
    id: RuleId(427),
    slug: "build-privilege",
    title: "a build with privileges",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand(
        "remove it; what the build needs of the host, give it as a build secret or a context",
    ),
    cwe: &[250, 829],
    cis: &[],
    page: include_str!("../../pages/PSB427.md"),
    checks: &[Check::Launch(check)],
};

fn check(launch: &Launch, reporter: &mut Reporter<'_>) {
    let Some(build) = &launch.build else { return };
    let mut found = Vec::new();
    if let Some(said) = build.privileged.as_ref().filter(|said| said.value) {
        found.push((said.place, "privileged".to_owned(), "its steps have all privileges of the host"));
    }
    for entitlement in &build.entitlements {
        found.push((
            entitlement.place,
            entitlement.value.clone(),
            "a wall of the builder that is taken down",
        ));
    }
    if let Some(network) = build.network.as_ref().filter(|network| network.value == "host") {
        found.push((network.place, "network host".to_owned(), "its steps reach the host's loopback"));
    }
    for key in &build.ssh {
        found.push((key.place, "ssh".to_owned(), "its steps use your keys"));
    }
    for (place, what, label) in found {
        let message = format!("the build of `{}` asks for {}", launch.target.name, shown(&what));
        reporter.found(GRADE, &launch.target, place, what, message).label(label);
    }
}
