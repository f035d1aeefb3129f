//! 1, 6, 12, 20: the meet, that no order changes anything, and that tightening exposes nothing.

use perry_sandbox_policy::{Ceiling, Verdict};
use proptest::prelude::*;

use crate::support::asks::ask;
use crate::support::spec::{policy, tier};
use crate::support::{loaded, toml_text, try_load};

fn ceilings(tiers: &[crate::support::spec::TierSpec]) -> Vec<Ceiling> {
    let tiers: serde_json::Map<_, _> =
        tiers.iter().enumerate().map(|(at, tier)| (format!("r{at}"), tier.to_json(&[]))).collect();
    let policy = serde_json::json!({ "schema": "perry-sandbox/policy/v1", "tier": tiers });
    let policy = loaded(&toml_text(&policy, 0));
    (0..tiers.len()).map(|at| policy.ceiling(&format!("r{at}").parse().unwrap()).unwrap().clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn p01_the_meet_is_idempotent_commutative_associative_and_below_both(a in tier(), b in tier(), c in tier()) {
        let found = ceilings(&[a, b, c]);
        let [a, b, c] = [&found[0], &found[1], &found[2]];
        prop_assert_eq!(&a.meet(a), a);
        prop_assert_eq!(a.meet(b), b.meet(a));
        prop_assert_eq!(a.meet(b).meet(c), a.meet(&b.meet(c)));
        prop_assert!(a.meet(b).is_within(a) && a.meet(b).is_within(b));
        // Below is what the meet says it is.
        prop_assert_eq!(a.is_within(b), a.meet(b) == *a);
        if c.is_within(a) && c.is_within(b) {
            prop_assert!(c.is_within(&a.meet(b)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn p20_the_exposure_never_rises_when_a_ceiling_is_tightened(a in tier(), b in tier()) {
        let found = ceilings(&[a, b]);
        let [a, b] = [&found[0], &found[1]];
        let both = a.meet(b).exposure();
        prop_assert!(both <= a.exposure() && both <= b.exposure());
        if a.is_within(b) {
            prop_assert!(a.exposure() <= b.exposure());
        }
    }
}

#[test]
fn the_builtin_tiers_are_exposed_in_their_order_and_untrusted_code_hardly_at_all() {
    let policy = loaded("schema = \"perry-sandbox/policy/v1\"\nname = \"p\"\n");
    let of = |name: &str| policy.ceiling(&name.parse().unwrap()).unwrap().exposure();
    assert!(
        of("default") > of("isolated") && of("isolated") > of("hardened") && of("hardened") > of("untrusted")
    );
    assert!(of("untrusted").to_string().as_str() <= "0.7", "{}", of("untrusted"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn p01_and_p06_files_compose_to_the_same_in_any_order(a in policy(), b in policy(), c in policy(), open in any::<[bool; 3]>()) {
        let text = |spec: &crate::support::spec::PolicySpec, open: bool| {
            let mut json = spec.to_json();
            if open {
                json["open"] = serde_json::json!(["tier", "capability"]);
            }
            // One signer of the policies is one key in all of them, or they contradict each other.
            for (name, key) in [("s0", "keys0.pub"), ("s1", "keys1.pub"), ("s2", "keys2.pub")] {
                json["signer"][name]["public-key"] = serde_json::json!(key);
            }
            toml_text(&json, 0)
        };
        let texts = [text(&a, open[0]), text(&b, open[1]), text(&c, open[2])];
        let load = |order: [usize; 3]| {
            let names = ["x.toml", "y.toml", "z.toml"];
            let files: Vec<_> = order.iter().zip(names).map(|(at, name)| (name, texts[*at].as_str())).collect();
            try_load(&files).map(|policy| policy.to_canonical_json()).map_err(|error| error.refusals().len())
        };
        let first = load([0, 1, 2]);
        for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            prop_assert_eq!(&first, &load(order));
        }
        let given = |files: &[(&str, &str)]| try_load(files).map(|policy| policy.to_canonical_json());
        let there = given(&[("x.toml", &texts[0]), ("y.toml", &texts[1])]);
        prop_assert_eq!(there, given(&[("y.toml", &texts[1]), ("x.toml", &texts[0])]));
        // A file beside itself is itself.
        prop_assert_eq!(given(&[("x.toml", &texts[0])]).unwrap(), given(&[("x.toml", &texts[0]), ("y.toml", &texts[0])]).unwrap());
    }

    #[test]
    fn p06_the_order_of_tables_keys_and_list_items_changes_nothing(spec in policy(), seed in 1_u64.., asks in proptest::collection::vec(ask(), 6)) {
        let (one, two) = (loaded(&spec.to_toml()), loaded(&toml_text(&spec.to_json(), seed)));
        prop_assert_eq!(one.to_canonical_json(), two.to_canonical_json());
        prop_assert_eq!(one.digest(), two.digest());
        for ask in asks {
            let bytes = |verdict: &Verdict| serde_json::to_vec(verdict).unwrap();
            prop_assert_eq!(bytes(&ask.verdict(&one, &spec)), bytes(&ask.verdict(&two, &spec)));
        }
    }

    #[test]
    fn p12_toml_and_json_resolve_to_one_digest(spec in policy(), seed in any::<u64>()) {
        let json = serde_json::to_string(&spec.to_json()).unwrap();
        let json = try_load(&[("policy.json", &json)]).unwrap();
        prop_assert_eq!(json.digest().to_string(), loaded(&toml_text(&spec.to_json(), seed)).digest().to_string());
    }
}
