//! What a file may say, and what is refused with which code.

use perry_sandbox_policy::{CapabilityName, PolicySource, TierName};

use crate::support::{ACME, ACME_JSON, acme, codes, loaded, try_load};

fn tier(name: &str) -> TierName {
    name.parse().unwrap()
}

#[test]
fn the_example_loads_and_says_what_it_says() {
    let policy = acme();
    assert_eq!(policy.name(), "acme-build-tools");
    assert_eq!(policy.capabilities().count(), 3);
    let fetch = policy.capability(&"fetch-advisories".parse::<CapabilityName>().unwrap()).unwrap();
    assert_eq!(serde_json::to_value(&fetch.grants.egress).unwrap(), serde_json::json!(["api.osv.dev:443"]));
    let untrusted = policy.ceiling(&tier("untrusted")).unwrap();
    assert_eq!(serde_json::to_value(&untrusted.limits.memory).unwrap(), "256MiB");
    assert_eq!(serde_json::to_value(&untrusted.limits.open_files).unwrap(), 4096);
    assert_eq!(serde_json::to_value(&untrusted.grants.env).unwrap(), serde_json::json!(["LANG"]));
    assert!(untrusted.is_within(policy.ceiling(&tier("hardened")).unwrap()));
}

#[test]
fn both_spellings_have_one_digest() {
    let json = try_load(&[("policy.json", ACME_JSON)]).unwrap();
    assert_eq!(json.digest(), acme().digest());
}

#[test]
fn the_starting_policy_loads() {
    let policy = try_load(&[("policy.toml", perry_sandbox_policy::init())]).unwrap();
    assert_eq!(policy.capabilities().count(), 1);
}

#[test]
fn the_canonical_form_is_stable_and_keeps_meaning_and_comments() {
    for (name, text) in [("p.toml", ACME), ("p.json", ACME_JSON), ("p.toml", perry_sandbox_policy::init())] {
        let once = perry_sandbox_policy::format(&PolicySource::new(name, text)).unwrap();
        let twice = perry_sandbox_policy::format(&PolicySource::new(name, once.as_str())).unwrap();
        assert_eq!(once, twice);
        let (before, after) = (try_load(&[(name, text)]).unwrap(), try_load(&[(name, &once)]).unwrap());
        assert_eq!(before.digest(), after.digest());
        if name == "p.toml" {
            assert_eq!(text.matches('#').count(), once.matches('#').count(), "{once}");
        }
    }
}
