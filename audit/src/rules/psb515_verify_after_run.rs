//! Another image runs than was verified.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::launch::Stack;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::SupportedCall, Reach::Host);

pub(super) static RULE: Rule = Rule {
    id: RuleId(515),
    slug: "verify-after-run",
    title: "another image runs than was verified",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand(
        "verify first, and give the digest that was verified to what runs: `image: registry.example/acme/tools@sha256:…`",
    ),
    cwe: &[367],
    cis: &[],
    page: include_str!("../../pages/PSB515.md"),
    checks: &[Check::Stack(check)],
};

/// Programs that verify images.
const VERIFIERS: [&str; 4] = ["cosign", "notation", "perry-sandbox", "podman"];

fn check(stack: &Stack, reporter: &mut Reporter<'_>) {
    let commands =
        stack.launches.iter().flat_map(|launch| &launch.hooks).filter_map(|hook| hook.command.as_ref());
    for command in commands {
        let words: Vec<&str> =
            command.value.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ';' | '&')).collect();
        let verifies = VERIFIERS
            .iter()
            .any(|verifier| words.iter().any(|word| word.rsplit('/').next() == Some(verifier)))
            && words.contains(&"verify");
        if !verifies {
            continue;
        }
        let digested: Vec<&str> =
            words.iter().filter_map(|word| word.split_once("@sha256:").map(|(name, _)| name)).collect();
        for launch in &stack.launches {
            let Some(image) = launch.image.as_ref().filter(|image| !image.value.contains('@')) else {
                continue;
            };
            if digested.contains(&without_tag(&image.value)) {
                let message = format!("`{}` runs by a tag, and is verified by a digest", launch.target.name);
                let found = reporter.found(GRADE, &launch.target, image.place, image.value.as_str(), message);
                found.label("asked again when it runs").beside(command.place, "verified here");
            }
        }
    }
}

fn without_tag(image: &str) -> &str {
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => image,
    }
}
