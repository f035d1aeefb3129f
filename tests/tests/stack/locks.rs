//! `lock`, and plans under a lock.

use perry_sandbox_testkit::example::registry_with_example;

use perry_sandbox_testkit::example::BARE_POLICY;

use crate::shop::{ALONE, SHOP, compose, extend_policy, home};

#[test]
fn a_lock_names_digests_and_a_plan_asks_about_them() {
    let home = home(ALONE);
    extend_policy(&home);
    let locked = compose(&home, &["lock", "--policy", "good.toml"]);
    assert!(locked.code == 0 && locked.stdout.ends_with("perry-compose.lock: 1 image\n"), "{locked:?}");
    let text = std::fs::read_to_string(home.path().join("perry-compose.lock")).expect("a lock");
    assert!(text.contains("[image.\"oci:examples/hello/image\"]\ndigest = \"sha256:"), "{text}");
    assert!(text.contains("signers = [\"example\"]"), "{text}");
    let plan = compose(&home, &["plan", "--policy", "good.toml"]);
    assert!(plan.code == 0 && plan.stderr.is_empty(), "{plan:?}");
    let digest = text.split('"').find(|part| part.starts_with("sha256:")).expect("a digest");
    let moved = text.replace(digest, &format!("sha256:{}", "0".repeat(64)));
    home.give("perry-compose.lock", moved.as_bytes());
    let gone = compose(&home, &["plan", "--policy", "good.toml"]);
    assert!(gone.code != 0 && !gone.stdout.contains("allowed"), "another digest is another image: {gone:?}");
}

#[test]
fn an_image_that_is_not_signed_by_whom_the_lock_names_is_not_run() {
    let home = home(ALONE);
    extend_policy(&home);
    compose(&home, &["lock", "--policy", "good.toml"]);
    let text = std::fs::read_to_string(home.path().join("perry-compose.lock")).expect("a lock");
    let signed_by =
        |signers: &str| text.replace("signers = [\"example\"]", &format!("signers = [{signers}]"));
    for (signers, missing) in [("\"other\"", "other"), ("\"example\", \"second\"", "second")] {
        home.give("perry-compose.lock", signed_by(signers).as_bytes());
        for command in [&["plan"][..], &["up", "-d"]] {
            let ran = compose(&home, &[command, &["--policy", "good.toml"]].concat());
            assert_eq!(ran.code, 4, "{command:?} {signers}: {ran:?}");
            let said = format!("{}{}", ran.stdout, ran.stderr);
            assert!(said.contains(&format!("was signed by {missing}, and by what holds now")), "{said}");
        }
    }
    home.give("perry-compose.lock", signed_by("").as_bytes());
    let plan = compose(&home, &["plan", "--policy", "good.toml"]);
    assert_eq!(plan.code, 0, "who has signed beside them does no harm: {plan:?}");
}

#[test]
fn an_image_that_the_lock_lacks_is_not_run() {
    let home = home(ALONE);
    extend_policy(&home);
    compose(&home, &["lock", "--policy", "good.toml"]);
    home.give("compose.yaml", ALONE.replace("hello/image", "hello/../hello/image").as_bytes());
    for command in [&["plan"][..], &["up", "-d"]] {
        let ran = compose(&home, &[command, &["--policy", "good.toml"]].concat());
        let told = ran.stdout.clone() + &ran.stderr;
        assert!(
            ran.code == 4 && told.contains("does not have `oci:examples/hello/../hello/image`"),
            "{ran:?}"
        );
    }
}

#[test]
fn nothing_is_locked_that_is_not_verified() {
    let home = home(SHOP);
    home.give("key.pub", &std::fs::read(home.path().join("examples/hello/other.pub")).expect("another key"));
    let ran = compose(&home, &["lock", "--policy", "bare.toml", "--key", "key.pub"]);
    assert!(ran.code != 0 && ran.stderr.contains("nothing was written"), "{ran:?}");
    assert!(!home.path().join("perry-compose.lock").exists());
    home.give("perry-compose.lock", b"not a lock");
    let ran = compose(&home, &["plan", "--policy", "bare.toml"]);
    assert!(ran.code == 1 && ran.stderr.contains("perry-compose.lock"), "{ran:?}");
}

#[test]
fn a_tag_is_not_looked_up_again_under_a_lock() {
    let home = home(ALONE);
    let (registry, _) = registry_with_example(&home, "acme/hello", true);
    let repository = format!("{}/acme/hello", registry.host());
    let bare = BARE_POLICY.replace(
        "\"registry.example/perry-sandbox/hello\"",
        &format!("\"{repository}\"\nsigned-as = \"ignore\""),
    );
    home.give("bare.toml", bare.as_bytes());
    home.give(
        "compose.yaml",
        ALONE.replace("oci:examples/hello/image", &format!("{repository}:v1")).as_bytes(),
    );
    let suggested = compose(&home, &["plan", "--policy", "bare.toml", "--suggest-policy"]);
    home.give("good.toml", format!("{bare}\n{}", suggested.stdout).as_bytes());
    let locked = compose(&home, &["lock", "--policy", "good.toml"]);
    assert_eq!(locked.code, 0, "{locked:?}");
    let before = registry.count("/manifests/v1");
    assert!(before > 0, "a lock looks tags up: {:?}", registry.log());
    let plan = compose(&home, &["plan", "--policy", "good.toml"]);
    assert!(plan.code == 0 && plan.stdout.contains(&format!("{repository}@sha256:")), "{plan:?}");
    assert_eq!(registry.count("/manifests/v1"), before, "{:?}", registry.log());
}
