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
    assert_eq!(serde_json::to_value(untrusted.limits.memory).unwrap(), "256MiB");
    assert_eq!(serde_json::to_value(untrusted.limits.open_files).unwrap(), 4096);
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

/// The example with one line of it changed.
fn changed(from: &str, to: &str) -> String {
    assert!(ACME.contains(from), "{from}");
    ACME.replacen(from, to, 1)
}

#[test]
fn every_kind_of_mistake_has_its_code() {
    for (from, to, code) in [
        ("policy/v1", "policy/v2", "PSR106"),
        ("schema      = \"perry-sandbox/policy/v1\"\n", "", "PSR106"),
        ("name        = ", "name        = x", "PSR103"),
        ("rootfs     = \"ephemeral\"", "rootfz     = \"ephemeral\"", "PSR107"),
        ("[tier.isolated]", "[tier.default]", "PSR105"),
        ("[audit]", "[audits]", "PSR107"),
        ("signed-by  = { at-least = 1,", "signed-by  = {", "PSR108"),
        ("env        = [\"ACME_*\", \"LANG\", \"TZ\"]", "env        = \"LANG\"", "PSR109"),
        ("rootfs     = \"ephemeral\"", "rootfs     = \"writable\"", "PSR110"),
        ("\"*:443\", \"*:80\"", "\"*.com:443\", \"*:80\"", "PSR110"),
        ("\"ACME_*\", \"LANG\", \"TZ\"", "\"LANG\", \"LANG\"", "PSR110"),
        ("pids = 512", "pids = 0", "PSR111"),
        ("cpu = 2.0", "cpu = 0.0", "PSR111"),
        ("memory = \"2GiB\"", "memory = \"0GiB\"", "PSR110"),
        ("root    = \"public\"", "root    = \"pubic\"", "PSR112"),
        ("image   = \"pdf-render\"", "image   = \"pdf\"", "PSR112"),
        ("extends = [\"default\"]", "extends = [\"defalt\"]", "PSR112"),
        ("seccomp    = \"perry-minimal\"", "seccomp    = \"minimal\"", "PSR112"),
        ("extends = [\"default\"]", "extends = [\"untrusted\"]", "PSR113"),
        ("memory = \"512MiB\", pids = 128", "memory = \"4GiB\", pids = 128", "PSR114"),
        ("read = [\"/srv/acme/docs\"]", "read = [\"/srv/other\"]", "PSR114"),
        ("seccomp    = \"perry-minimal\"", "seccomp    = \"perry-default\"", ""),
        ("limits  = { memory = \"128MiB\", wall = \"45s\" }", "limits  = { wall = \"45m\" }", "PSR114"),
        ("trust/plant.pub", "trust/missing.pub", "PSR115"),
        ("trust/plant.pub", "trust/writable.pub", "PSR115"),
        ("trust/plant.pub", "trust/private.pem", "PSR115"),
        ("sha256 = \"", "sha256 = \"00", "PSR110"),
        ("at-least = 2, of", "at-least = 3, of", "PSR118"),
        ("prefer = [\"microvm\"]", "prefer = [\"oci\"]", "PSR112"),
        ("prefer = [\"gvisor\"]", "prefer = [\"microvm\"]", "PSR110"),
        ("until   = 2027-01-31", "until   = 2027-01-31T00:00:00Z", "PSR110"),
        ("issuer  = \"https://token", "issuer  = \"*token", "PSR110"),
        ("grants  = { mounts", "grants  = { networks = [\"front\"], mounts", "PSR110"),
        ("image = [\"shell-tools\"]", "image = []", "PSR110"),
        ("networks = [\"front\", \"back\"]", "networks = [\"host\"]", "PSR110"),
        ("isolation = [\"gvisor\"]", "isolation = []", "PSR110"),
    ] {
        let found = codes(&changed(from, to));
        if code.is_empty() {
            assert_eq!(found, Vec::<&str>::new(), "{from} → {to}");
        } else {
            assert!(found.contains(&code), "{from} → {to}: {found:?}");
        }
    }
}

#[test]
fn a_trust_file_that_changed_is_refused() {
    let pinned = ACME.find("sha256 = \"").unwrap() + "sha256 = \"".len();
    let mut text = ACME.to_owned();
    text.replace_range(pinned..pinned + 2, if &ACME[pinned..pinned + 2] == "00" { "11" } else { "00" });
    assert_eq!(codes(&text), ["PSR115"]);
}

#[test]
fn all_mistakes_are_reported_at_once_each_at_its_place() {
    let text = ACME
        .replacen("rootfs     =", "rootfz     =", 1)
        .replacen("pids = 512", "pids = 0", 1)
        .replacen("image   = \"pdf-render\"", "image   = \"pdf\"", 1);
    let error = try_load(&[("policy.toml", &text)]).unwrap_err();
    let found: Vec<_> = error
        .refusals()
        .iter()
        .map(|refusal| {
            let (start, end) = (refusal.span.start as usize, refusal.span.end as usize);
            (refusal.code.as_str(), &text[start..end])
        })
        .collect();
    assert!(found.contains(&("PSR107", "rootfz")), "{found:?}");
    assert!(found.contains(&("PSR111", "0")), "{found:?}");
    assert!(found.contains(&("PSR112", "\"pdf\"")), "{found:?}");
    let rendered = error.render(false);
    assert!(rendered.contains("error[PSR107]") && rendered.contains("did you mean `rootfs`?"), "{rendered}");
    assert!(rendered.contains("policy.toml:"), "{rendered}");
}

#[test]
fn a_wider_child_is_shown_with_its_parent() {
    let text = changed("memory = \"512MiB\", pids = 128", "memory = \"4GiB\", pids = 128");
    let error = try_load(&[("policy.toml", &text)]).unwrap_err();
    let refusal = &error.refusals()[0];
    assert_eq!(&text[refusal.span.start as usize..refusal.span.end as usize], "\"4GiB\"");
    let (parent, _) = refusal.related.as_ref().unwrap();
    assert_eq!(&text[parent.start as usize..parent.end as usize], "\"2GiB\"");
}

#[test]
fn every_member_of_a_cycle_is_named_once() {
    let text = "schema = \"perry-sandbox/policy/v1\"\n[tier.a]\nextends = [\"b\"]\n[tier.b]\nextends = [\"c\"]\n[tier.c]\nextends = [\"a\"]\n";
    let error = try_load(&[("policy.toml", text)]).unwrap_err();
    let cycles: Vec<_> =
        error.refusals().iter().filter(|refusal| refusal.code.as_str() == "PSR113").collect();
    assert_eq!(cycles.len(), 1);
    for name in ["a", "b", "c"] {
        assert!(cycles[0].message.contains(name), "{}", cycles[0].message);
    }
}

#[test]
fn json_is_strict() {
    for (text, code) in [
        ("{\"schema\": \"perry-sandbox/policy/v1\",}", "PSR103"),
        ("{\"schema\": \"perry-sandbox/policy/v1\"} // comment", "PSR103"),
        ("{'schema': 'perry-sandbox/policy/v1'}", "PSR103"),
        ("{\"schema\": \"perry-sandbox/policy/v1\", \"schema\": \"perry-sandbox/policy/v1\"}", "PSR105"),
        ("{\"schema\": \"perry-sandbox/policy/v1\", \"name\": null}", "PSR109"),
        ("", "PSR103"),
        ("[]", "PSR106"),
        ("{\"schema\": \"perry-sandbox/policy/v1\"} {}", "PSR103"),
        ("{\"schema\": \"perry-sandbox/policy/v1\", \"name\": \"a\nb\"}", "PSR103"),
        ("{\"schema\": 1e2}", "PSR109"),
    ] {
        let error = try_load(&[("policy.json", text)]).unwrap_err();
        let codes: Vec<_> = error.refusals().iter().map(|refusal| refusal.code.as_str()).collect();
        assert!(codes.contains(&code), "{text}: {codes:?}");
    }
}

#[test]
fn size_depth_and_count_are_bounded() {
    let head = "schema = \"perry-sandbox/policy/v1\"\n";
    assert_eq!(codes(&format!("{head}# {}", "x".repeat(1 << 20))), ["PSR101"]);
    assert_eq!(codes(&format!("{head}a{} = 1", ".a".repeat(400_000))), ["PSR104"]);
    assert_eq!(codes(&format!("{head}[a{}]", ".a".repeat(400_000))), ["PSR104"]);
    assert_eq!(codes(&format!("{head}a = {}", "[".repeat(500_000))), ["PSR104"]);
    assert_eq!(codes(&format!("{head}a = [{}]", "1,".repeat(20_000))), ["PSR104"]);
    for deep in [format!("{}1{}", "[".repeat(400), "]".repeat(400)), "[".repeat(900_000)] {
        let text = format!("{{\"schema\": \"perry-sandbox/policy/v1\", \"a\": {deep}}}");
        let error = try_load(&[("policy.json", &text)]).unwrap_err();
        assert!(["PSR103", "PSR104"].contains(&error.refusals()[0].code.as_str()), "{error}");
    }
    let hosts: Vec<String> = (0..300).map(|at| format!("\"h{at}.x.org:443\"")).collect();
    let listed = ACME.replacen("[\"*:443\", \"*:80\"]", &format!("[{}]", hosts.join(", ")), 1);
    assert!(codes(&listed).contains(&"PSR104"));
    let many = format!("{{\"schema\": \"perry-sandbox/policy/v1\", \"a\": [{}1]}}", "1,".repeat(20_000));
    assert!(try_load(&[("policy.json", &many)]).unwrap_err().to_string().contains("PSR104"));
}

#[test]
fn a_meet_that_would_explode_is_refused_in_no_time() {
    let tier = |name: &str, egress: Vec<String>| {
        format!(
            "[tier.{name}]\nisolation = {{ accept = [\"oci\"] }}\negress = [{}]\nlimits = {{ memory = \"1MiB\", cpu = 1, \
             pids = 1, wall = \"1s\", output = \"1MiB\", disk = \"1MiB\", open-files = 1 }}\n",
            egress.join(", ")
        )
    };
    let ports = tier("ports", (1..=256).map(|port| format!("\"*:{port}\"")).collect());
    let hosts = tier("hosts", (1..=256).map(|host| format!("\"h{host}.x.org:*\"")).collect());
    let head = "schema = \"perry-sandbox/policy/v1\"\n";
    assert_eq!(
        codes(&format!("{head}{ports}{hosts}[tier.both]\nextends = [\"ports\", \"hosts\"]\n")),
        ["PSR104"]
    );
    let (one, other) =
        (format!("{head}{ports}"), format!("{head}{hosts}").replacen("tier.hosts", "tier.ports", 1));
    let error = try_load(&[("a.toml", &one), ("b.toml", &other)]).unwrap_err();
    assert_eq!(error.refusals()[0].code.as_str(), "PSR104");
}

#[test]
fn a_built_in_tier_needs_no_definition_and_a_defined_one_replaces_it() {
    let policy = loaded("schema = \"perry-sandbox/policy/v1\"\n");
    let level = |policy: &perry_sandbox_policy::Policy, name: &str| {
        serde_json::to_value(policy.ceiling(&tier(name)).unwrap()).unwrap()
    };
    assert_eq!(level(&policy, "hardened")["memory-enforcement"], "exact");
    assert_eq!(level(&policy, "default")["memory-enforcement"], "watched");
    assert_eq!(level(&policy, "hardened")["isolation"]["accept"][0], "oci");
    assert_eq!(level(&policy, "untrusted")["isolation"]["accept"], serde_json::json!(["microvm", "wasm"]));
    assert_eq!(
        level(&acme(), "hardened")["isolation"]["accept"],
        serde_json::json!(["gvisor", "microvm", "wasm"])
    );
    let built_in = ["default", "isolated", "hardened", "untrusted"].map(tier);
    let ceiling = |name: &TierName| policy.ceiling(name).unwrap();
    assert!(ceiling(&built_in[1]).is_within(ceiling(&built_in[0])));
    assert!(ceiling(&built_in[2]).is_within(ceiling(&built_in[0])));
    assert!(ceiling(&built_in[3]).is_within(ceiling(&built_in[2])));
    assert!(ceiling(&built_in[3]).is_within(ceiling(&built_in[1])));
}

#[test]
fn the_schema_knows_every_key_of_the_example() {
    let schema = perry_sandbox_policy::schema();
    let example: serde_json::Value = serde_json::from_str(ACME_JSON).unwrap();
    assert_eq!(unknown_keys(&schema, &example), Vec::<String>::new());
}

/// The keys of a document that a schema refuses, by nothing but `properties` and `additionalProperties`.
pub(crate) fn unknown_keys(schema: &serde_json::Value, document: &serde_json::Value) -> Vec<String> {
    let mut unknown = Vec::new();
    match document {
        serde_json::Value::Object(members) => {
            for (key, value) in members {
                let own = &schema["properties"][key];
                let other = &schema["additionalProperties"];
                if own.is_object() {
                    unknown.extend(unknown_keys(own, value));
                } else if other.is_object() {
                    unknown.extend(unknown_keys(other, value));
                } else if *other == serde_json::Value::Bool(false) {
                    unknown.push(key.clone());
                }
            }
        }
        serde_json::Value::Array(items) => {
            unknown.extend(items.iter().flat_map(|item| unknown_keys(&schema["items"], item)));
        }
        _ => {}
    }
    unknown
}

#[test]
fn every_code_is_explained() {
    let page = include_str!("../docs/CODES.md");
    let refusals = perry_sandbox_policy::RefusalCode::ALL.iter().map(|code| code.as_str());
    let denials = perry_sandbox_policy::DenyCode::ALL.iter().map(|code| code.as_str());
    let codes: Vec<_> = refusals.chain(denials).collect();
    for code in &codes {
        assert_eq!(page.matches(&format!("| {code} |")).count(), 1, "{code}");
    }
    assert_eq!(page.lines().filter(|line| line.starts_with("| PS")).count(), codes.len());
}
