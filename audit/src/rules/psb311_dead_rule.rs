//! A part of a profile that changes nothing.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use std::collections::HashMap;

use perry_sandbox_compose::shown;

use crate::input::ProfileFile;
use crate::place::Place;
use crate::seccomp::{FilterRule, is_known_call};

const GRADE: Derivation = Derivation::of(Precondition::MitigationMissing, Reach::Verdict);

pub(super) static RULE: Rule = Rule {
    id: RuleId(311),
    slug: "dead-rule",
    title: "a part of a profile that changes nothing",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("delete the part that changes nothing, or the wider rule beside it"),
    cwe: &[561],
    cis: &[],
    page: include_str!("../../pages/PSB311.md"),
    checks: &[Check::Profile(check)],
};

/// How many rules of one call are compared with each other: a file decides how many there are.
const MOST_COMPARED: usize = 64;

fn check(profile: &ProfileFile, reporter: &mut Reporter<'_>) {
    for filter in &profile.filters {
        let mut earlier: HashMap<&str, Vec<(&FilterRule, Place)>> = HashMap::new();
        for (rule, name) in
            filter.rules.iter().flat_map(|rule| rule.names.iter().map(move |name| (rule, name)))
        {
            let call = name.value.as_str();
            if !is_known_call(call) {
                let message = format!("no architecture has a call `{}`", shown(call));
                reporter
                    .found(GRADE, &profile.target, name.place, call, message)
                    .label("unknown: left out by the loader");
                continue;
            }
            let known = earlier.entry(call).or_default();
            if let Some((_, place)) = known.iter().find(|(known, _)| rule.says_the_same(known)) {
                let message = format!("`{call}` stands twice with the same answer");
                reporter
                    .found(GRADE, &profile.target, name.place, call, message)
                    .label("again")
                    .beside(*place, "first here");
            } else if known.len() < MOST_COMPARED {
                known.push((rule, name.place));
            }
        }
        for (call, rules) in earlier {
            let open = rules.iter().find(|(rule, _)| rule.tests.is_empty() && rule.gate.is_none());
            let Some((open, open_place)) = open else { continue };
            for (_, place) in
                rules.iter().filter(|(rule, _)| !rule.tests.is_empty() && rule.answer == open.answer)
            {
                let message = format!(
                    "this test on `{call}` changes nothing: another rule answers the same to all arguments"
                );
                let found = reporter.found(GRADE, &profile.target, *place, call, message);
                found.label("shadowed").beside(*open_place, "any arguments");
            }
        }
    }
}
