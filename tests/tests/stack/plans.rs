//! `plan` by a policy that says no, and by the same with what `plan` suggests.

use serde_json::Value;

use crate::shop::{ALONE, SHOP, compose, extend_policy, home};

#[test]
fn a_bare_policy_denies_and_the_missing_grants_are_named() {
    let home = home(SHOP);
    let ran = compose(&home, &["plan", "--policy", "bare.toml"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    for wanted in [
        "create network shop_default\n",
        "create volume shop_data\n",
        "start shop-web-1             oci:examples/hello/image@sha256:",
        "  after 1, 3 is healthy\n",
        "PSD242 env: MODE",
        "PSD246 networks: default",
        "PSD247 publish: 127.0.0.1:8080",
        "PSD248 volumes: data",
        "signed by example, sha256:",
    ] {
        assert!(ran.stdout.contains(wanted), "{wanted}: {ran:?}");
    }
    assert!(ran.stderr.contains("--suggest-policy"), "{ran:?}");
}

#[test]
fn what_is_suggested_leaves_nothing_for_the_policy_to_deny() {
    let home = home(SHOP);
    extend_policy(&home);
    let ran = compose(&home, &["plan", "--policy", "good.toml", "--json"]);
    let report: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let services = report["services"].as_array().expect("services");
    assert_eq!(services.len(), 2, "{ran:?}");
    let mut codes = services.iter().flat_map(|one| one["reasons"].as_array().expect("a list"));
    // Whoever could not hold a network or a volume says so; that is no "no" of the policy.
    assert!(codes.all(|reason| reason["code"] == "PSD260"), "{ran:?}");
    assert!(ran.code < 2 && (ran.code == 0) == report["allowed"].as_bool().expect("a verdict"), "{ran:?}");
}

#[test]
fn a_project_that_this_machine_can_hold_is_allowed() {
    let home = home(ALONE);
    extend_policy(&home);
    let ran = compose(&home, &["plan", "--policy", "good.toml"]);
    assert!(ran.code == 0 && ran.stdout.contains("job  allowed        signed by example"), "{ran:?}");
    let explained = compose(&home, &["explain", "job", "--policy", "good.toml"]);
    assert!(explained.code == 0 && explained.stdout.starts_with("ALLOWED  alone/job"), "{explained:?}");
    assert!(explained.stdout.contains("1000:1000"), "the file's user: {explained:?}");
    let again = compose(&home, &["plan", "--policy", "good.toml", "--suggest-policy"]);
    assert!(again.code == 0 && again.stdout.is_empty(), "{again:?}");
}

#[test]
fn without_a_policy_nothing_is_allowed() {
    let home = home(ALONE);
    let ran = compose(&home, &["plan"]);
    assert!(ran.code == 3 && ran.stdout.contains("there is no policy"), "{ran:?}");
    let suggested = compose(&home, &["plan", "--suggest-policy"]);
    assert!(suggested.stdout.contains("[service.\"alone/job\"]"), "{suggested:?}");
}

#[test]
fn a_plan_is_the_same_each_time() {
    let home = home(SHOP);
    let first = compose(&home, &["plan", "--policy", "bare.toml", "--json"]);
    for _ in 0..3 {
        assert_eq!(compose(&home, &["plan", "--policy", "bare.toml", "--json"]).stdout, first.stdout);
    }
}
