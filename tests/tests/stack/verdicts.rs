//! Exit codes, and what is refused whatever a policy says.

use serde_json::Value;

use perry_sandbox_testkit::example::BARE_POLICY;

use crate::shop::{ALONE, SHOP, compose, extend_policy, home};

#[test]
fn what_is_never_done_is_refused_at_its_line() {
    let home = home(
        "name: bad\nservices:\n  web:\n    image: oci:examples/hello/image\n    privileged: true\n    volumes: ['/var/run/docker.sock:/var/run/docker.sock']\n",
    );
    let ran = compose(&home, &["plan", "--policy", "bare.toml"]);
    assert!(ran.code == 3 && ran.stdout.contains("web  refused"), "{ran:?}");
    for wanted in [
        "compose.yaml:5:5",
        "takes every wall away",
        "compose.yaml:6:15",
        "commands the host",
        "help: leave it out",
    ] {
        assert!(ran.stderr.contains(wanted), "{wanted}: {ran:?}");
    }
    let json = compose(&home, &["plan", "--policy", "bare.toml", "--json"]);
    let report: Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(
        (&report["refused"][0]["place"], &report["refused"][0]["refusing"]),
        (&"compose.yaml:5:5".into(), &"never".into())
    );
    assert_eq!(report["allowed"], false);
}

#[test]
fn exit_codes_say_who_says_no() {
    let home = home(ALONE);
    extend_policy(&home);
    let other = std::fs::read(home.path().join("examples/hello/other.pub")).expect("another key");
    home.give("other.pub", &other);
    let good = std::fs::read_to_string(home.path().join("good.toml")).expect("a policy");
    home.give("other.toml", good.replace("examples/hello/cosign.pub", "other.pub").as_bytes());
    home.give("broken.toml", b"schema = 1");
    for (args, code) in [
        (vec!["plan", "--policy", "good.toml"], 0),
        (vec!["plan", "--policy", "good.toml", "none"], 1),
        (vec!["plan", "--policy", "broken.toml"], 2),
        (vec!["plan", "--policy", "none.toml"], 2),
        (vec!["plan", "--no-such-flag"], 2),
        (vec!["plan", "--policy", "bare.toml"], 3),
        (vec!["plan", "--policy", "other.toml"], 4),
        (vec!["-f", "none.yaml", "plan"], 1),
    ] {
        let ran = compose(&home, &args);
        assert_eq!(ran.code, code, "{args:?}: {ran:?}");
    }
}

#[test]
fn what_the_policy_gives_must_be_what_the_file_demands() {
    let demanding = ALONE.replace("    user: '1000:1000'\n", "    user: root\n    read_only: true\n");
    let home = home(&demanding);
    extend_policy(&home);
    let good = std::fs::read_to_string(home.path().join("good.toml")).expect("a policy");
    assert_eq!(compose(&home, &["plan", "--policy", "good.toml"]).code, 0);
    let writable =
        good.replace("rootfs = \"read-only\"", "rootfs = \"ephemeral\"").replace("user = \"any\"\n", "");
    home.give("good.toml", writable.as_bytes());
    let ran = compose(&home, &["plan", "--policy", "good.toml"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.stdout.contains("read_only: the tier `alone-job` has a root that can be written"), "{ran:?}");
    assert!(ran.stdout.contains("user: the tier `alone-job` makes it 65534:65534"), "{ran:?}");
}

#[test]
fn a_tier_that_the_file_asks_for_can_only_tighten() {
    let home = home(&format!("{ALONE}    x-perry-tier: isolated\n"));
    home.give("good.toml", BARE_POLICY.as_bytes());
    let ran = compose(&home, &["explain", "job", "--policy", "good.toml"]);
    assert!(ran.code == 3 && ran.stdout.contains("tier isolated"), "{ran:?}");
}

#[test]
fn only_the_named_services_and_their_needs_are_planned() {
    let home = home(SHOP);
    let ran = compose(&home, &["plan", "--policy", "bare.toml", "db"]);
    assert!(ran.stdout.contains("start shop-db-1") && !ran.stdout.contains("shop-web-1"), "{ran:?}");
}
