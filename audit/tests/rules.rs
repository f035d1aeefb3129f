//! What holds for every rule.

use perry_sandbox_audit::{CATALOGUE, Grade, rule};

#[test]
fn numbers_are_in_order_and_names_are_the_catalogues() {
    assert!(CATALOGUE.is_sorted_by(|a, b| a.id < b.id));
    for row in &CATALOGUE {
        assert_eq!((row.rule.id, row.rule.slug), (row.id, row.slug));
        assert!(std::ptr::eq(rule(row.id).expect("it is found by its number"), row.rule));
    }
}

#[test]
fn severities_follow_from_their_derivations_and_are_the_designs() {
    for row in &CATALOGUE {
        let known = row.rule;
        assert!(!known.grades.is_empty(), "{}: no grade", row.id);
        assert!(
            known.grades.is_sorted_by_key(|grade| std::cmp::Reverse(grade.rank())),
            "{}: the worst first",
            row.id
        );
        for grade in known.grades {
            assert!(row.severities.split(", ").any(|word| word == grade.as_str()), "{}: {grade}", row.id);
        }
        let wanted: Vec<&str> = row.severities.split(", ").collect();
        for word in wanted {
            assert!(known.grades.iter().any(|grade| grade.as_str() == word), "{}: never {word}", row.id);
        }
        assert!(known.grades.iter().all(|grade| *grade != Grade::Refused) || known.grades.len() == 1);
    }
}

#[test]
fn every_rule_has_a_page_that_says_where_its_severity_comes_from() {
    for known in CATALOGUE.iter().map(|row| row.rule) {
        let id = known.id;
        let heading = format!("# {id} {}: {}", known.slug, known.title);
        assert_eq!(known.page.lines().next(), Some(heading.as_str()));
        let severity = format!("Severity: {}", known.derivation());
        assert!(known.page.lines().any(|line| line == severity), "{id}: no line `{severity}`");
        for part in ["## Why it matters", "Attacker: ", "## Fix"] {
            assert!(known.page.contains(part), "{id}: no `{part}`");
        }
        assert!(!known.checks.is_empty(), "{id}: it looks at nothing");
        assert!(!known.cwe.is_empty(), "{id}: no CWE");
    }
}
