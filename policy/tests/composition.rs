//! Several files as one policy, and what differs between two.

use perry_sandbox_policy::{
    BuildNetwork, DenyCode, LogRule, WantedBuild, decide_build, decide_requirement, diff,
};

use crate::decisions::{ad_hoc, allowed, run, subject};
use crate::support::{ACME, able_host, acme, capability, loaded, shell_tools, try_load};

#[test]
fn files_compose_by_meet_in_any_order() {
    let team = r#"
        schema = "perry-sandbox/policy/v1"
        name = "team"
        open = ["trust-root", "signer", "image", "service", "exception", "ad-hoc", "tier"]
        [capability.format-markdown]
        tier = "hardened"
        image = "shell-tools"
        command = ["/usr/bin/mdformat", "-"]
        args = { max = 2, each-max = 1024 }
        warm = 2
        limits = { wall = "10s" }
    "#;
    let one = try_load(&[("base.toml", ACME), ("team.toml", team)]).unwrap();
    let two = try_load(&[("team.toml", team), ("base.toml", ACME)]).unwrap();
    assert_eq!(one.to_canonical_json(), two.to_canonical_json());
    assert_eq!(one.name(), "acme-build-tools+team");
    assert_eq!(one.capabilities().count(), 1);
    let (_, met) = one.capabilities().next().unwrap();
    assert!(met.grants.mounts_read.is_empty());
    let args = met.args.unwrap().value;
    assert_eq!((args.max.get(), args.each_max.get()), (2, 256));
    let plan = allowed(run(&one, &capability("format-markdown"), &shell_tools(), &able_host()));
    assert_eq!(plan.limits.wall.to_string(), "10s");
    assert_eq!(plan.warm, None, "one of the files keeps none ready");
}

#[test]
fn a_closed_file_takes_away_what_it_does_not_list() {
    let bare = "schema = \"perry-sandbox/policy/v1\"\n";
    let met = try_load(&[("a.toml", ACME), ("b.toml", bare)]).unwrap();
    assert_eq!((met.capabilities().count(), met.images().count(), met.exceptions().count()), (0, 0, 0));
    assert!(met.ad_hoc().is_none());
    let tier = "default".parse().unwrap();
    assert!(met.ceiling(&tier).unwrap().grants.egress.is_empty());
}

#[test]
fn two_files_that_contradict_each_other_are_refused() {
    let other = ACME.replacen("command = [\"/bin/render\"]", "command = [\"/bin/other\"]", 1);
    let error = try_load(&[("a.toml", ACME), ("b.toml", &other)]).unwrap_err();
    assert_eq!(error.refusals()[0].code.as_str(), "PSR116");
    assert!(error.refusals()[0].related.is_some());
}

#[test]
fn a_diff_says_what_became_possible() {
    let old = acme();
    let wider = loaded(&ACME.replacen(
        "egress = [\"api.osv.dev:443\"]",
        "egress = [\"api.osv.dev:443\", \"b.example:443\"]",
        1,
    ));
    let ahead = diff(&old, &wider);
    assert_eq!(ahead.to_text(), "capability fetch-advisories\n  + is granted egress to b.example:443\n");
    assert!(ahead.widens());
    let back = diff(&wider, &old);
    assert_eq!(back.to_text(), "capability fetch-advisories\n  - is granted egress to b.example:443\n");
    assert!(diff(&old, &acme()).is_empty());
}

#[test]
fn a_composed_image_rule_asks_for_the_more_and_takes_the_fewer() {
    let rule = |of: &str, least: u32, more: &str| {
        format!(
            "schema = \"perry-sandbox/policy/v1\"\n[signer.a]\npublic-key = \"keya.pub\"\n[signer.b]\npublic-key = \"keyb.pub\"\n\
             [signer.c]\npublic-key = \"keyc.pub\"\n[image.i]\nrepository = \"r.example/i\"\n\
             signed-by = {{ at-least = {least}, of = [{of}] }}\n{more}\n[ad-hoc]\ntier = \"isolated\"\nimage = [\"i\"]\n"
        )
    };
    let one = rule("\"a\", \"b\", \"c\"", 1, "max-age = \"10d\"");
    let two = rule("\"a\", \"b\"", 2, "max-age = \"5d\"\nlog = \"required\"");
    for files in [
        [("x.toml", one.as_str()), ("y.toml", two.as_str())],
        [("x.toml", two.as_str()), ("y.toml", one.as_str())],
    ] {
        let policy = try_load(&files).unwrap();
        let required = decide_requirement(&policy, &ad_hoc(), &subject("r.example/i")).unwrap().requirement;
        let names: Vec<_> = required.signers.iter().map(|signer| signer.name.as_str()).collect();
        assert_eq!((names.as_slice(), required.at_least.get()), (["a", "b"].as_slice(), 2));
        assert_eq!((required.max_age.unwrap().as_secs(), required.log), (5 * 86_400, LogRule::Required));
    }
    let policy = try_load(&[("x.toml", &rule("\"c\"", 1, "")), ("y.toml", &two)]).unwrap();
    let denial = decide_requirement(&policy, &ad_hoc(), &subject("r.example/i")).unwrap_err();
    assert_eq!(denial.first().code, DenyCode::UnsatisfiableRule);
}

/// A policy that grants a build in this folder, with this network.
fn with_build(context: &str, network: &str) -> String {
    format!(
        r#"
        schema = "perry-sandbox/policy/v1"
        open = ["tier"]
        [signer.local]
        public-key = "trust/plant.pub"
        [image.local]
        repository = "localhost/shop"
        signed-by = {{ at-least = 1, of = ["local"] }}
        [service."shop/web"]
        tier = "isolated"
        image = ["local"]
        build = {{ context = "{context}", repository = "localhost/shop/web", signer = "local", network = "{network}" }}
    "#
    )
}

#[test]
fn a_build_is_granted_where_every_file_grants_it() {
    let wanted =
        |context: &str| WantedBuild { service: "shop/web".parse().unwrap(), context: context.to_owned() };
    let (wide, narrow) = (with_build("/srv/shop", "none"), with_build("/srv/shop/web", "builder"));
    for files in [[("a.toml", &*wide), ("b.toml", &*narrow)], [("b.toml", &*narrow), ("a.toml", &*wide)]] {
        let met = try_load(&files).unwrap();
        let allowed = decide_build(&met, &wanted("/srv/shop/web/app")).unwrap();
        assert_eq!((allowed.context.as_str(), allowed.network), ("/srv/shop/web", BuildNetwork::None));
        for outside in ["/srv/shop", "/srv/shop/webb", "/srv/shop/web/../x", "relative", ""] {
            let denial = decide_build(&met, &wanted(outside)).unwrap_err();
            assert_eq!(denial.first().code, DenyCode::Build, "{outside}");
        }
    }
    let bare = "schema = \"perry-sandbox/policy/v1\"\nopen = [\"tier\", \"signer\", \"image\"]\n";
    let others = with_build("/srv/other", "none");
    for other in [bare, &*others] {
        let met = try_load(&[("a.toml", &*wide), ("b.toml", other)]).unwrap();
        assert!(decide_build(&met, &wanted("/srv/shop")).is_err(), "{other}");
    }
    let more = diff(&loaded(&others), &loaded(&wide)).to_text();
    assert!(more.contains("it is built from /srv/shop as localhost/shop/web"), "{more}");
    let unknown = wide.replace("signer = \"local\"", "signer = \"nobody\"");
    assert_eq!(try_load(&[("a.toml", &*unknown)]).unwrap_err().refusals()[0].code.as_str(), "PSR112");
}
