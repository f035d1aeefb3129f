//! 9, 10, 14, 15, 17: signers, places, replay, exceptions.

use std::collections::BTreeSet;

use perry_sandbox_policy::{HostFacts, IsolationLevel, decide, explain};
use proptest::prelude::*;

use crate::support::asks::{Ask, ask, is_allowed};
use crate::support::spec::{PolicySpec, SIGNERS, policy};
use crate::support::{
    acme, backend, capability, evidence, host, image, key_signature, loaded, now, toml_text,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn p09_a_listed_signer_who_did_not_sign_makes_nothing_pass(spec in policy(), ask in ask(), who in 0_usize..3) {
        let who = SIGNERS[who];
        let mut more = spec.clone();
        more.signers.insert(who);
        let ask = Ask { signed: ask.signed.into_iter().filter(|name| *name != who).collect(), ..ask };
        let (before, after) = (loaded(&spec.to_toml()), loaded(&more.to_toml()));
        prop_assert_eq!(is_allowed(&ask.verdict(&before, &spec)), is_allowed(&ask.verdict(&after, &more)));
    }

    #[test]
    fn p10_one_key_counted_twice_never_meets_a_quorum_of_two(ask in ask(), spec in policy()) {
        let (revoked, denied) = Default::default();
        let signers = SIGNERS.into_iter().collect();
        let spec = PolicySpec { quorum: 2, required: BTreeSet::new(), shared_key: true, signers, revoked, denied, ..spec };
        let policy = loaded(&spec.to_toml());
        // `s1` and `s2` are one key; both names are in the evidence.
        let twice = Ask { signed: BTreeSet::from(["s1", "s2"]), ..ask.clone() };
        prop_assert!(!is_allowed(&twice.verdict(&policy, &spec)));
        let once_each = Ask { signed: BTreeSet::from(["s0", "s2"]), ..ask.clone() };
        let all = Ask { signed: SIGNERS.into_iter().collect(), ..ask };
        prop_assert_eq!(is_allowed(&once_each.verdict(&policy, &spec)), is_allowed(&all.verdict(&policy, &spec)));
    }

    #[test]
    fn p10_one_key_counted_twice_is_no_required_signer_and_another(ask in ask(), spec in policy(), both in any::<bool>()) {
        let (revoked, denied) = Default::default();
        let required = if both { BTreeSet::from(["s1", "s2"]) } else { BTreeSet::from(["s1"]) };
        let quorum = u32::from(!both);
        let signers = SIGNERS.into_iter().collect();
        let spec = PolicySpec { quorum, required, shared_key: true, signers, revoked, denied, ..spec };
        let policy = loaded(&spec.to_toml());
        let twice = Ask { signed: BTreeSet::from(["s1", "s2"]), ..ask.clone() };
        prop_assert!(!is_allowed(&twice.verdict(&policy, &spec)));
        let everybody = Ask { signed: SIGNERS.into_iter().collect(), ..ask };
        prop_assert!(!both || !is_allowed(&everybody.verdict(&policy, &spec)));
    }

    #[test]
    fn p14_every_reason_names_a_place_that_is_in_a_file(spec in policy(), asks in proptest::collection::vec(ask(), 6), seed in any::<u64>()) {
        let text = toml_text(&spec.to_json(), seed);
        let policy = loaded(&text);
        for ask in asks {
            let (verdict, explanation) =
                explain(&policy, &ask.request(), &ask.evidence(&spec), &image(), &ask.host(), now());
            let json = explanation.to_json();
            let reasons = json["reasons"].as_array().unwrap();
            prop_assert_eq!(reasons.is_empty(), is_allowed(&verdict));
            for reason in reasons {
                let places = reason["places"].as_array().unwrap();
                prop_assert!(!places.is_empty(), "{}", reason);
                for place in places {
                    let (start, end) = (place["start"].as_u64().unwrap(), place["end"].as_u64().unwrap());
                    let whole = if place["file"] == "policy.toml" { text.len() } else { 100_000 };
                    prop_assert!(start <= end && end <= whole as u64, "{}", reason);
                }
            }
            // No line is shown as held without its enforcer.
            for row in json["rows"].as_array().unwrap() {
                let stated = ["image", "tier", "isolation"].iter().any(|name| row["name"] == *name);
                prop_assert!(row["state"] == "denied" || stated || row["enforcer"].is_string(), "{}", row);
            }
        }
    }

    #[test]
    fn p15_the_same_inputs_give_the_same_bytes(spec in policy(), ask in ask()) {
        let once = || {
            let policy = loaded(&spec.to_toml());
            let (_, explanation) = explain(&policy, &ask.request(), &ask.evidence(&spec), &image(), &ask.host(), now());
            (serde_json::to_vec(&explanation.to_json()).unwrap(), explanation.to_text(true))
        };
        prop_assert_eq!(once(), once());
    }

    #[test]
    fn p17_an_expired_exception_is_as_if_absent(seconds in 0_i64..4_000_000_000, wall in 0_usize..4, here in any::<bool>()) {
        const LAST: i64 = 1_801_439_999; // 2027-01-31T23:59:59Z
        let with = acme();
        let text = crate::support::ACME;
        let without = loaded(&text[..text.find("[[exception]]").unwrap()]);
        let at = jiff::Timestamp::from_second(seconds).unwrap();
        let facts = host(vec![backend("one", &[IsolationLevel::ALL[wall]], &[])]);
        let facts = if here { facts } else { HostFacts { hostname: "other".into(), ..facts } };
        let mut evidence = evidence(Some("pdf-render"), Some("registry.example/acme/pdf-render"), vec![
            crate::support::acme_signature(1), key_signature("plant-key", crate::support::PLANT_KEY),
        ]);
        evidence.provenance = None;
        let verdict = |policy| is_allowed(&decide(policy, &capability("eval-snippet"), &evidence, &image(), &facts, at));
        let (one, other) = (verdict(&with), verdict(&without));
        let in_force = here && seconds <= LAST && IsolationLevel::ALL[wall] == IsolationLevel::Gvisor;
        prop_assert_eq!(one, other || in_force);
    }
}
