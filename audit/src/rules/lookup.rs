//! Rules by number.

use super::CATALOGUE;
use crate::input::Subject;
use crate::place::{Place, Texts};
use crate::rule::{Rule, RuleId};

/// Every rule, in order of numbers.
pub(crate) fn all() -> impl DoubleEndedIterator<Item = &'static Rule> {
    CATALOGUE.iter().map(|row| row.rule)
}

/// The rule of a number.
pub fn rule(id: RuleId) -> Option<&'static Rule> {
    let at = CATALOGUE.binary_search_by_key(&id, |row| row.id).ok()?;
    CATALOGUE.get(at).map(|row| row.rule)
}

/// What a refusal is that no other rule claims.
pub(crate) const fn malformed() -> &'static Rule {
    &super::psb001_malformed::RULE
}

/// What a failure of a rule is.
pub(crate) const fn crashed() -> &'static Rule {
    &super::psb905_rule_crashed::RULE
}

/// What a part is that is not seen.
pub(crate) const fn gap() -> &'static Rule {
    &super::psb006_coverage_gap::RULE
}

/// What a service is that a policy would not run.
pub(crate) const fn weaker_than_policy() -> &'static Rule {
    &super::psb439_weaker_than_policy::RULE
}

/// Places of values that nothing may print, whatever is reported of them.
pub(crate) fn secrets(subject: &Subject, texts: &Texts) -> Vec<Place> {
    let Subject::Stack(stack) = subject else { return Vec::new() };
    let places = stack.launches.iter().flat_map(|launch| {
        let args = launch.build.iter().flat_map(|build| &build.args);
        let variables = launch.environment.iter().chain(args);
        variables.filter_map(|variable| super::literal::secret(variable, launch.origin, texts))
    });
    places.collect()
}

/// Marks the launches in whose environment a credential is written down.
pub(crate) fn mark_literals(subject: &mut Subject, texts: &Texts) {
    if let Subject::Stack(stack) = subject {
        for launch in &mut stack.launches {
            let literal = |variable| super::literal::literal(variable, launch.origin, texts).is_some();
            launch.holds_literals = launch.environment.iter().any(literal);
        }
    }
}
