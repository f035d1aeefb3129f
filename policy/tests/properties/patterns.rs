//! 19: inclusion and meet of patterns agree with looking at every value.

use perry_sandbox_policy::{EgressPattern, EnvPattern, HostPath, Pattern, PatternSet, SubjectPattern};
use proptest::prelude::*;

use crate::support::spec::{egress_matches, env_matches, path_matches};

fn host() -> impl Strategy<Value = String> {
    let labels = proptest::collection::vec(proptest::sample::select(vec!["a", "b", "xy"]), 1..4);
    labels.prop_map(|labels| labels.join("."))
}

fn egress() -> impl Strategy<Value = String> {
    let host = prop_oneof![
        Just("*".to_owned()),
        host(),
        (host(), proptest::sample::select(vec!["a", "b"]))
            .prop_map(|(host, last)| format!("*.{host}.{last}")),
    ];
    let port = proptest::sample::select(vec!["*", "1", "2"]);
    (host, port).prop_map(|(host, port)| format!("{host}:{port}"))
}

/// Every host of up to six labels; patterns have at most four, so some host tells any two apart.
fn hosts() -> Vec<String> {
    let mut hosts: Vec<String> = Vec::new();
    let mut last: Vec<String> = vec![String::new()];
    for _ in 0..6 {
        last = last
            .iter()
            .flat_map(|rest| {
                ["a", "b", "xy"]
                    .map(|label| if rest.is_empty() { label.to_owned() } else { format!("{label}.{rest}") })
            })
            .collect();
        hosts.extend(last.iter().cloned());
    }
    hosts
}

fn path() -> impl Strategy<Value = String> {
    let parts = proptest::collection::vec(proptest::sample::select(vec!["a", "ab", "b"]), 1..4);
    parts.prop_map(|parts| format!("/{}", parts.join("/")))
}

fn variable() -> impl Strategy<Value = String> {
    proptest::string::string_regex("(A|AB|LD)_(X_)?(\\*|Y|Z)?").unwrap()
}

fn subject() -> impl Strategy<Value = String> {
    proptest::string::string_regex("[ab/*]{0,6}").unwrap()
}

/// Every text over `a`, `b`, `/` up to seven characters, and one letter that no pattern has.
fn texts() -> Vec<String> {
    let mut texts = vec![String::new()];
    let mut last = texts.clone();
    for _ in 0..6 {
        last = last.iter().flat_map(|rest| ["a", "b", "/", "z"].map(|c| format!("{c}{rest}"))).collect();
        texts.extend(last.iter().cloned());
    }
    texts
}

/// A glob by recursion.
fn glob(pattern: &str, text: &str) -> bool {
    match (pattern.chars().next(), text.chars().next()) {
        (None, None) => true,
        (Some('*'), None) => glob(&pattern[1..], text),
        (Some('*'), Some(c)) => glob(&pattern[1..], text) || (c != '/' && glob(pattern, &text[1..])),
        (Some(p), Some(c)) => p == c && glob(&pattern[1..], &text[1..]),
        (Some(_), None) | (None, Some(_)) => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn p19_egress(a in egress(), b in egress()) {
        let (one, two): (EgressPattern, EgressPattern) = (a.parse().unwrap(), b.parse().unwrap());
        let met = one.meet(&two).map(|met| met.to_string());
        let mut included = true;
        for host in hosts() {
            for port in [1, 2, 3] {
                let (in_a, in_b) = (egress_matches(&a, &host, port), egress_matches(&b, &host, port));
                included &= in_a || !in_b;
                let in_met = met.as_ref().is_some_and(|met| egress_matches(met, &host, port));
                prop_assert_eq!(in_met, in_a && in_b, "{} ∧ {} at {}:{}", a, b, host, port);
            }
        }
        prop_assert_eq!(one.includes(&two), included, "{} ⊒ {}", a, b);
    }

    #[test]
    fn p19_sets_find_what_their_patterns_include(list in proptest::collection::vec(egress(), 0..6), wanted in egress(),
        folders in proptest::collection::vec(path(), 0..4), folder in path(),
        names in proptest::collection::vec(variable(), 0..4), name in variable()) {
        fn agree<T: Pattern + std::str::FromStr>(list: &[String], wanted: &str) -> Result<(), TestCaseError> {
            let list: Vec<T> = list.iter().filter_map(|item| item.parse().ok()).collect();
            let Ok(wanted) = wanted.parse::<T>() else { return Ok(()) };
            let set = PatternSet::new(list.iter().map(|item| (item.clone(), None)));
            prop_assert_eq!(set.includes(&wanted), list.iter().any(|item| item.includes(&wanted)));
            for (item, _) in set.iter() {
                prop_assert!(set.iter().all(|(other, _)| other == item || !other.includes(item)));
            }
            Ok(())
        }
        agree::<EgressPattern>(&list, &wanted)?;
        agree::<HostPath>(&folders, &folder)?;
        agree::<EnvPattern>(&names, &name)?;
    }

    #[test]
    fn p19_paths(a in path(), b in path(), c in path()) {
        let (one, two, three): (HostPath, HostPath, HostPath) = (a.parse().unwrap(), b.parse().unwrap(), c.parse().unwrap());
        prop_assert_eq!(one.includes(&two), path_matches(&a, &b));
        let met = one.meet(&two);
        prop_assert_eq!(met.is_some_and(|met| met.includes(&three)), path_matches(&a, &c) && path_matches(&b, &c));
    }

    #[test]
    fn p19_variables(a in variable(), b in variable()) {
        let (Ok(one), Ok(two)) = (a.parse::<EnvPattern>(), b.parse::<EnvPattern>()) else { return Ok(()) };
        let names = ["A_", "A_X_", "A_Y", "A_X_Y", "A_X_Q", "A_Q", "AB_", "AB_X_", "AB_Q", "AB_X_Q", "AB_Z", "A_Z", "A_X_Z", "AB_Y", "AB_X_Y", "AB_X_Z", "LD_", "LD_X_", "LD_Y", "LD_Z", "LD_X_Y", "LD_X_Z"];
        let included = names.iter().all(|name| !env_matches(&b, name) || env_matches(&a, name));
        prop_assert_eq!(one.includes(&two), included, "{} ⊒ {}", a, b);
        for name in names {
            let in_met = one.meet(&two).is_some_and(|met| met.matches(name));
            prop_assert_eq!(in_met, one.matches(name) && two.matches(name));
            prop_assert_eq!(one.matches(name), env_matches(&a, name));
        }
    }

    #[test]
    fn p19_subjects(pattern in subject(), inner in subject()) {
        let star = SubjectPattern::Star(pattern.clone());
        let mut included = true;
        for text in texts().into_iter().filter(|text| text.len() < 5) {
            let matched = glob(&pattern, &text);
            prop_assert_eq!(star.matches(&text), matched, "{} on {}", pattern, text);
            included &= matched || !glob(&inner, &text);
        }
        // What composition and flags rely on: a pattern that matches the other one, as text, includes it.
        if star.matches(&inner) {
            prop_assert!(included, "{} ⊒ {}", pattern, inner);
        }
    }
}
