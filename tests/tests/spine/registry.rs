//! `run` from a registry on loopback.

use std::fs;
use std::time::Duration;

use perry_sandbox_testkit::example::registry_with_example;
use perry_sandbox_testkit::registry::TestRegistry;
use perry_sandbox_testkit::{As, Home};

use crate::{KEY, roomy};

/// The signature names `registry.example`, which a copy on loopback is not.
#[test]
fn a_copy_in_another_repository_is_refused_unless_a_policy_maps_it() {
    let home = Home::new(As::Ordinary);
    let (registry, _) = registry_with_example(&home, "perry-sandbox/hello", true);
    let image = format!("{}/perry-sandbox/hello:v1", registry.host());
    let ran = home.run(&["run", "--key", KEY, &image]);
    assert_eq!(ran.code, 121, "{ran:?}");
    assert!(ran.stderr.contains("registry.example/perry-sandbox/hello"), "{ran:?}");
    let ran =
        home.run(&["run", "--key", KEY, "--repository", "registry.example/perry-sandbox/hello", &image]);
    assert_eq!(ran.code, 0, "{ran:?}");
}

#[test]
fn a_stored_digest_needs_no_registry() {
    let home = Home::new(As::Ordinary);
    let (registry, digest) = registry_with_example(&home, "perry-sandbox/hello", true);
    let image = format!("{}/perry-sandbox/hello@{digest}", registry.host());
    let args = ["run", "--key", KEY, "--repository", "registry.example/perry-sandbox/hello", &image];
    let first = home.run(&args);
    assert_eq!(first.code, 0, "{first:?}");
    drop(registry);
    let second = home.run(&args);
    assert_eq!(second.code, 0, "the store has image and signature: {second:?}");
    let never = home.run(&[&["run", "--pull", "never"], &args[1..]].concat());
    assert_eq!(never.code, 0, "{never:?}");
}

/// The policy of `roomy`, for the example's copy in this registry.
fn policy_for(registry: &TestRegistry, timeout: &str) -> String {
    let place = format!("\"{}/perry-sandbox/hello\"", registry.host());
    let rule = format!("{place}\nsigned-as = \"ignore\"\nverify-timeout = \"{timeout}\"");
    roomy("1m", "", "").replace("\"registry.example/perry-sandbox/hello\"", &rule)
}

#[test]
fn a_registry_that_is_slower_than_the_policy_allows_is_our_failure_and_says_so() {
    let home = Home::new(As::Ordinary);
    let (registry, _) = registry_with_example(&home, "perry-sandbox/hello", true);
    registry.change(|options| options.delay = Duration::from_millis(100));
    let image = format!("{}/perry-sandbox/hello:v1", registry.host());
    for (timeout, code) in [("50ms", 125), ("150ms", 125), ("60s", 0)] {
        fs::write(home.path().join("policy.toml"), policy_for(&registry, timeout)).expect("a policy");
        for command in ["run", "verify"] {
            let ran = home.run(&[command, "--policy", "policy.toml", &image]);
            assert_eq!(ran.code, code, "{timeout}: {ran:?}");
            assert!(code == 0 || ran.stderr.contains("V-FIND-04"), "{timeout}: {ran:?}");
        }
    }
}

#[test]
fn a_tag_is_resolved_once() {
    let home = Home::new(As::Ordinary);
    let (registry, _) = registry_with_example(&home, "perry-sandbox/hello", true);
    let image = format!("{}/perry-sandbox/hello:v1", registry.host());
    let ran =
        home.run(&["run", "--key", KEY, "--repository", "registry.example/perry-sandbox/hello", &image]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(registry.count("/manifests/v1"), 1, "{:?}", registry.log());
}

#[test]
fn an_unreachable_registry_is_our_failure_and_says_where() {
    let home = Home::new(As::Ordinary);
    let ran = home.run(&["run", "--key", KEY, "127.0.0.1:1/acme/tools:v1"]);
    assert_eq!(ran.code, 125, "{ran:?}");
    assert!(ran.stderr.contains("127.0.0.1:1") && ran.stderr.contains("check its name"), "{ran:?}");
}

#[test]
fn plain_http_is_for_loopback_only() {
    let home = Home::new(As::Ordinary);
    let ran = home.run(&["verify", "--key", KEY, "192.0.2.1:5000/acme/tools:v1", "--pull", "never"]);
    assert_ne!(ran.code, 0, "{ran:?}");
}
