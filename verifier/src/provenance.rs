//! What a predicate says: SLSA provenance in its two forms, and anything by JSON pointer.

use perry_sandbox_policy::{BuildFacts, PredicateRule, SLSA_PREDICATES, SubjectPattern};
use serde_json::Value;

use crate::codes::Code;
use crate::finding::Finding;

/// What provenance says about the build; nothing for other predicates.
pub(crate) fn facts(predicate: &str, says: &Value) -> Option<BuildFacts> {
    match SLSA_PREDICATES.iter().position(|known| *known == predicate)? {
        0 => Some(older(says)),
        _ => Some(newer(says)),
    }
}

fn text(says: &Value, at: &str) -> Option<String> {
    says.pointer(at)?.as_str().map(str::to_owned)
}

/// SLSA provenance 0.2.
fn older(says: &Value) -> BuildFacts {
    let (source, source_ref) = located(text(says, "/invocation/configSource/uri"));
    BuildFacts {
        builder: text(says, "/builder/id"),
        source,
        source_ref,
        build_type: text(says, "/buildType"),
    }
}

/// SLSA provenance 1: the workflow of the external parameters, or else the only git dependency.
fn newer(says: &Value) -> BuildFacts {
    let workflow = "/buildDefinition/externalParameters/workflow";
    let (source, source_ref) = if says.pointer(workflow).is_some() {
        let (source, inside) = located(text(says, &format!("{workflow}/repository")));
        (source, text(says, &format!("{workflow}/ref")).or(inside))
    } else {
        located(only_git(says.pointer("/buildDefinition/resolvedDependencies")))
    };
    BuildFacts {
        builder: text(says, "/runDetails/builder/id"),
        source,
        source_ref,
        build_type: text(says, "/buildDefinition/buildType"),
    }
}

/// The address of the only dependency from git; of several nobody knows which was built.
fn only_git(dependencies: Option<&Value>) -> Option<String> {
    let addresses = dependencies?.as_array()?.iter().filter_map(|it| it.get("uri")?.as_str());
    let mut git = addresses.filter(|address| address.starts_with("git+"));
    match (git.next(), git.next()) {
        (Some(only), None) => Some(only.to_owned()),
        _ => None,
    }
}

/// `git+https://host/owner/name@refs/heads/main` in its two parts.
fn located(address: Option<String>) -> (Option<String>, Option<String>) {
    let Some(address) = address else { return (None, None) };
    let address = address.strip_prefix("git+").unwrap_or(&address);
    // An `@` before the path is a user's name.
    let path = address.find("://").and_then(|at| at.checked_add(3)).unwrap_or(0);
    let slash = address.get(path..).and_then(|rest| rest.find('/')).and_then(|at| at.checked_add(path));
    let at = slash
        .and_then(|start| address.get(start..)?.find('@')?.checked_add(start))
        .and_then(|at| address.split_at_checked(at));
    match at {
        Some((source, rest)) => (Some(source.to_owned()), rest.strip_prefix('@').map(str::to_owned)),
        None => (Some(address.to_owned()), None),
    }
}

/// Whether a predicate says everything that is asked for.
pub(crate) fn says(rule: &PredicateRule, predicate: &str, says: &Value) -> Result<(), Finding> {
    if rule.needs_slsa() {
        let facts = facts(predicate, says).unwrap_or_default();
        let exact = |wanted: &Option<String>| wanted.clone().map(SubjectPattern::Exact);
        fits("builder", facts.builder, rule.builder.as_ref())?;
        fits("source", facts.source, exact(&rule.source).as_ref())?;
        fits("ref", facts.source_ref, rule.source_ref.as_ref())?;
        fits("build-type", facts.build_type, exact(&rule.build_type).as_ref())?;
    }
    for condition in &rule.conditions {
        let found = says.pointer(&condition.at);
        let found = found.and_then(|value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        });
        if found.as_ref().is_some_and(|found| condition.one_of.contains(found)) {
            continue;
        }
        let wanted = condition.one_of.iter().map(String::as_str).collect::<Vec<_>>().join(" or ");
        let found = found.unwrap_or_else(|| "no text, number or truth value".to_owned());
        let place = &condition.at;
        return Err(Finding::new(
            Code::ProvenanceSays,
            format!("{place} = {found}"),
            format!("{place} = {wanted}"),
        ));
    }
    Ok(())
}

fn fits(name: &str, found: Option<String>, wanted: Option<&SubjectPattern>) -> Result<(), Finding> {
    let Some(wanted) = wanted else { return Ok(()) };
    if found.as_ref().is_some_and(|found| wanted.matches(found)) {
        return Ok(());
    }
    let found = found.unwrap_or_else(|| "nothing".to_owned());
    let expected = format!("{name} = {}", wanted.as_str());
    Err(Finding::new(Code::ProvenanceSays, format!("{name} = {found}"), expected))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use perry_sandbox_policy::Condition;
    use serde_json::json;

    use super::*;

    fn old() -> Value {
        json!({
            "builder": {"id": "https://github.com/slsa/g/.github/workflows/c.yml@refs/tags/v1.9.0"},
            "buildType": "https://slsa.example/container@v1",
            "invocation": {"configSource": {"uri": "git+https://github.com/acme/tools@refs/tags/v1"}},
        })
    }

    fn new() -> Value {
        json!({
            "buildDefinition": {
                "buildType": "https://actions.github.io/buildtypes/workflow/v1",
                "externalParameters": {"workflow": {
                    "ref": "refs/heads/main", "repository": "https://github.com/acme/tools", "path": "w.yml"}},
                "internalParameters": {"github": {"runner_environment": "github-hosted", "tries": 1}},
            },
            "runDetails": {"builder": {"id": "https://github.com/actions/runner"}},
        })
    }

    fn code(rule: &PredicateRule, predicate: usize, value: &Value) -> Option<Code> {
        says(rule, SLSA_PREDICATES[predicate], value).err().map(|finding| finding.code)
    }

    #[test]
    fn both_forms_of_slsa_provenance_are_read() {
        let found = facts(SLSA_PREDICATES[0], &old()).unwrap();
        assert_eq!(found.source.as_deref(), Some("https://github.com/acme/tools"));
        assert_eq!(found.source_ref.as_deref(), Some("refs/tags/v1"));
        let found = facts(SLSA_PREDICATES[1], &new()).unwrap();
        assert_eq!(found.builder.as_deref(), Some("https://github.com/actions/runner"));
        assert_eq!(found.source_ref.as_deref(), Some("refs/heads/main"));
        assert_eq!(facts("https://spdx.dev/Document", &new()), None);
    }

    #[test]
    fn of_two_git_dependencies_none_is_the_source() {
        let of = |uris: &[&str]| {
            let list: Vec<_> = uris.iter().map(|uri| json!({"uri": uri})).collect();
            facts(SLSA_PREDICATES[1], &json!({"buildDefinition": {"resolvedDependencies": list}})).unwrap()
        };
        let one = of(&["pkg:docker/x", "git+https://user@h/a/b@refs/heads/x@y"]);
        assert_eq!(
            (one.source.as_deref(), one.source_ref.as_deref()),
            (Some("https://user@h/a/b"), Some("refs/heads/x@y"))
        );
        assert_eq!(of(&["git+https://h/a", "git+https://h/b"]).source, None);
    }

    #[test]
    fn each_typed_field_is_held() {
        let star = |text: &str| Some(SubjectPattern::Star(text.to_owned()));
        let fields: [fn(&mut PredicateRule, &str); 4] = [
            |rule, text| rule.builder = Some(SubjectPattern::Exact(text.to_owned())),
            |rule, text| rule.source = Some(text.to_owned()),
            |rule, text| rule.source_ref = Some(SubjectPattern::Exact(text.to_owned())),
            |rule, text| rule.build_type = Some(text.to_owned()),
        ];
        let right = [
            "https://github.com/actions/runner",
            "https://github.com/acme/tools",
            "refs/heads/main",
            "https://actions.github.io/buildtypes/workflow/v1",
        ];
        for (set, right) in fields.iter().zip(right) {
            let mut rule = PredicateRule::default();
            set(&mut rule, right);
            assert_eq!(code(&rule, 1, &new()), None, "{right}");
            assert_eq!(code(&rule, 1, &json!({})), Some(Code::ProvenanceSays), "{right}");
            set(&mut rule, &format!("{right}x"));
            assert_eq!(code(&rule, 1, &new()), Some(Code::ProvenanceSays), "{right}");
        }
        let rule = PredicateRule {
            builder: star("https://github.com/slsa/g/.github/workflows/*@refs/tags/v*"),
            source_ref: star("refs/tags/*"),
            ..PredicateRule::default()
        };
        assert_eq!(code(&rule, 0, &old()), None);
        assert_eq!(code(&rule, 1, &new()), Some(Code::ProvenanceSays));
    }

    #[test]
    fn conditions_compare_scalars_and_nothing_else() {
        let rule = |at: &str, values: &[&str]| PredicateRule {
            conditions: BTreeSet::from([Condition {
                at: at.to_owned(),
                one_of: values.iter().map(|it| (*it).to_owned()).collect(),
            }]),
            ..PredicateRule::default()
        };
        let place = "/buildDefinition/internalParameters/github";
        assert_eq!(
            code(&rule(&format!("{place}/runner_environment"), &["x", "github-hosted"]), 1, &new()),
            None
        );
        assert_eq!(code(&rule(&format!("{place}/tries"), &["1"]), 1, &new()), None);
        assert_eq!(code(&rule(&format!("{place}/tries"), &["2"]), 1, &new()), Some(Code::ProvenanceSays));
        assert_eq!(code(&rule(place, &["{}"]), 1, &new()), Some(Code::ProvenanceSays));
        assert_eq!(code(&rule("/nothing", &["null", ""]), 1, &new()), Some(Code::ProvenanceSays));
    }
}
