//! Seccomp profiles of files.

use perry_sandbox_policy::{Policy, SharedProfile, TierName};
use perry_sandbox_profiles::SeccompProfile;
use perry_sandbox_reference::Digest;

use crate::support::{codes, loaded, try_load};

/// The profile that every policy here may name.
pub(crate) const MINE: &str = "schema = \"perry-sandbox/seccomp-profile/v1\"\nname = \"mine\"\ndescription = \"d\"\n\
    unknown = \"ENOSYS\"\n[[allow]]\nreason = \"r\"\ncalls = [\"read\", \"execve\", \"memfd_create\"]\n";

fn policy(name: &str, path: &str, sha256: &str, tiers: &str) -> String {
    format!(
        "schema = \"perry-sandbox/policy/v1\"\n[seccomp.{name}]\npath = \"{path}\"\nsha256 = \"{sha256}\"\n{tiers}"
    )
}

fn pinned(tiers: &str) -> String {
    policy("mine", "profile.toml", Digest::of(MINE.as_bytes()).hex(), tiers)
}

const TIGHT: &str = "[tier.tight]\nextends = [\"default\"]\nseccomp = \"mine\"\n";

fn name_in(policy: &Policy, tier: &str) -> String {
    policy.ceiling(&tier.parse::<TierName>().unwrap()).unwrap().seccomp.value.name().to_string()
}

#[test]
fn a_tier_names_a_profile_of_a_file_whose_digest_is_pinned() {
    let policy = loaded(&pinned(TIGHT));
    assert_eq!(name_in(&policy, "tight"), "mine");
    assert_ne!(policy.digest(), loaded(&pinned("")).digest());
    let same = SeccompProfile::parse(MINE).unwrap();
    assert!(policy.to_canonical_json().contains(&same.digest().to_string()));
}

#[test]
fn what_does_not_hold_is_refused() {
    let right = Digest::of(MINE.as_bytes());
    let (right, wrong) = (right.hex(), "0".repeat(64));
    for (text, code) in [
        (policy("mine", "profile.toml", &wrong, TIGHT), "PSR115"),
        (policy("mine", "missing.toml", right, TIGHT), "PSR115"),
        (policy("mine", "key-a", Digest::of(crate::support::pem("key-a").as_bytes()).hex(), TIGHT), "PSR115"),
        (policy("other", "profile.toml", right, &TIGHT.replace("mine", "other")), "PSR115"),
        (policy("perry-default", "profile.toml", right, ""), "PSR116"),
        (pinned(&TIGHT.replace("mine", "nine")), "PSR112"),
        // memfd_create is beyond perry-minimal, which hardened has.
        (pinned(&TIGHT.replace("\"default\"", "\"hardened\"")), "PSR114"),
        (pinned("color = 1\n"), "PSR107"),
    ] {
        assert_eq!(codes(&text), [code], "{text}");
    }
}

#[test]
fn files_meet_in_the_computed_intersection() {
    let loose =
        "schema = \"perry-sandbox/policy/v1\"\nopen = [\"tier\"]\n[tier.tight]\nextends = [\"hardened\"]\n";
    let (mine, loose) = (("a.toml", pinned(TIGHT)), ("b.toml", loose.to_owned()));
    let met = try_load(&[(mine.0, &mine.1), (loose.0, &loose.1)]).unwrap();
    let other_way = try_load(&[(loose.0, &loose.1), (mine.0, &mine.1)]).unwrap();
    assert_eq!(met.digest(), other_way.digest());
    let profile = &met.ceiling(&"tight".parse().unwrap()).unwrap().seccomp.value;
    assert!(profile.name().as_str().starts_with("meet-"));
    let minimal = SharedProfile::builtin("perry-minimal").unwrap();
    assert!(profile.is_within(&minimal) && !minimal.is_within(profile));
}

#[test]
fn a_policy_under_a_profile_only_tightens() {
    let policy = loaded(&pinned(TIGHT));
    let minimal = SharedProfile::builtin("perry-minimal").unwrap();
    let under = policy.under_profile(&minimal);
    for (tier, ceiling) in under.tiers() {
        assert!(ceiling.is_within(policy.ceiling(tier).unwrap()), "{tier}");
        assert!(ceiling.seccomp.value.is_within(&minimal), "{tier}");
    }
    assert_ne!(under.digest(), policy.digest());
}
