//! The commands around `run`: what a person or script sees.

use perry_sandbox_testkit::{As, Home};
use serde_json::{Value, json};

use crate::{IMAGE, KEY, POLICY, run_in};

fn json(home: &Home, args: &[&str]) -> Value {
    let ran = home.run(args);
    assert_eq!(ran.code, 0, "{args:?}: {ran:?}");
    serde_json::from_str(&ran.stdout)
        .unwrap_or_else(|error| panic!("{args:?} printed no JSON ({error}): {ran:?}"))
}

#[test]
fn every_command_has_help_with_a_first_line_in_the_imperative() {
    let home = Home::new(As::Ordinary);
    for command in [
        "run",
        "ps",
        "logs",
        "exec",
        "stop",
        "start",
        "wait",
        "inspect",
        "rm",
        "verify",
        "explain",
        "policy",
        "profile",
        "image",
        "store",
        "log",
        "backends",
        "engine",
        "doctor",
        "completions",
        "man",
    ] {
        let ran = home.run(&[command, "--help"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        let first = ran.stdout.lines().next().unwrap_or_default();
        assert!(first.starts_with(char::is_uppercase) && !first.ends_with('.'), "{command}: {first}");
    }
}

#[test]
fn the_help_lists_every_exit_code() {
    let ran = Home::new(As::Ordinary).run(&["--help"]);
    for code in ["0", "2", "120", "121", "122", "123", "124", "125", "126", "127", "128+n"] {
        assert!(ran.stdout.contains(&format!("\n  {code} ")), "{code} is not in:\n{}", ran.stdout);
    }
}

#[test]
fn completions_and_manual_pages_are_made_for_every_command() {
    let home = Home::new(As::Ordinary);
    for shell in ["bash", "zsh", "fish"] {
        assert!(home.run(&["completions", shell]).stdout.contains("perry-sandbox"), "{shell}");
    }
    assert!(home.run(&["man"]).stdout.contains(".TH perry-sandbox"));
    let ran = home.run(&["man", "pages"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    for page in ["perry-sandbox.1", "perry-sandbox-run.1", "perry-sandbox-policy-check.1"] {
        assert!(home.path().join("pages").join(page).is_file(), "{page}");
    }
}

#[test]
fn explain_names_an_enforcer_for_every_line_and_runs_nothing() {
    let home = Home::new(As::Ordinary);
    let ran = home.run(&["explain", "--policy", POLICY, "--image", IMAGE, "hello"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.starts_with("ALLOWED"), "{ran:?}");
    for line in ["signed by example", "seccomp", "memory", "64MiB", "enforced by"] {
        assert!(ran.stdout.contains(line), "`{line}` is not in:\n{}", ran.stdout);
    }
    let what_if =
        home.run(&["explain", "--policy", POLICY, "--image", IMAGE, "--if", "tier=untrusted", "hello"]);
    assert_eq!(what_if.code, 122, "{what_if:?}");
    assert!(what_if.stdout.starts_with("DENIED"), "{what_if:?}");
}

#[test]
fn explain_in_json_carries_codes_and_digests() {
    let home = Home::new(As::Ordinary);
    let explained = json(&home, &["explain", "--json", "--policy", POLICY, "--image", IMAGE, "hello"]);
    assert_eq!(explained["verdict"], "allowed", "{explained}");
    assert!(
        explained["rows"].as_array().is_some_and(|rows| rows
            .iter()
            .filter(|row| row["enforcer"].is_string())
            .count()
            > 10),
        "{explained}"
    );
}

#[test]
fn a_dry_run_prints_plan_and_execution_and_starts_nothing() {
    let home = Home::new(As::Ordinary);
    let ran = run_in(&home, &["--dry-run"], &["/bin/busybox", "touch", "/tmp/x"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    for word in ["plan", "sha256:", "clone3", "seccomp filter", "execute /bin/busybox"] {
        assert!(ran.stdout.contains(word), "`{word}` is not in:\n{}", ran.stdout);
    }
}

#[test]
fn policies_are_checked_formatted_compared_and_begun() {
    let home = Home::new(As::Ordinary);
    assert_eq!(home.run(&["policy", "check", POLICY]).code, 0);
    assert_eq!(
        home.run(&["policy", "fmt", "--check", POLICY]).code,
        0,
        "the example is in the canonical form"
    );
    assert_eq!(home.run(&["policy", "init", "mine.toml"]).code, 0);
    let again = home.run(&["policy", "init", "mine.toml"]);
    assert_ne!(again.code, 0, "an existing file is never overwritten: {again:?}");
    let checked = home.run(&["policy", "check", "mine.toml"]);
    assert_eq!(checked.code, 0, "what init writes can be loaded: {checked:?}");
    assert_eq!(home.run(&["policy", "fmt", "mine.toml"]).code, 0);
    assert_eq!(home.run(&["policy", "fmt", "--check", "mine.toml"]).code, 0, "fmt is idempotent");
    let file = home.path().join(POLICY);
    let wider =
        std::fs::read_to_string(&file).expect("the policy can be read").replace("\"64MiB\"", "\"128MiB\"");
    std::fs::write(home.path().join("examples/hello/wider.toml"), wider).expect("the home can be written");
    let diff = home.run(&["policy", "diff", POLICY, "examples/hello/wider.toml"]);
    assert!(diff.stdout.contains("hello") && diff.stdout.contains("128MiB"), "{diff:?}");
    let schema = json(&home, &["policy", "schema"]);
    assert_eq!(schema["additionalProperties"], false);
}

#[test]
fn formatting_and_beginning_a_policy_answer_in_json() {
    let home = Home::new(As::Ordinary);
    let begun = json(&home, &["policy", "init", "--json", "mine.toml"]);
    assert_eq!(begun, json!({"schema": "perry-sandbox/policy-init/v1", "file": "mine.toml", "text": null}));
    let text = std::fs::read_to_string(home.path().join("mine.toml")).expect("it was written");
    let begun = json(&home, &["policy", "init", "--json"]);
    assert_eq!((&begun["file"], &begun["text"]), (&Value::Null, &text.as_str().into()));

    let (from_file, loose) = ("loose.toml", format!("{}\n\n\n", text.trim_end()));
    std::fs::write(home.path().join(from_file), &loose).expect("the home can be written");
    let file = |canonical: bool| json!([{"file": from_file, "canonical": canonical, "text": null}]);
    let checked = home.run(&["policy", "fmt", "--check", "--json", from_file]);
    let report: Value = serde_json::from_str(&checked.stdout).expect("JSON");
    assert_eq!((checked.code, &report["files"]), (1, &file(false)), "{checked:?}");
    assert_eq!(report["schema"], "perry-sandbox/policy-fmt/v1");
    std::fs::write(home.path().join(from_file), &loose).expect("the home can be written");
    assert_eq!(json(&home, &["policy", "fmt", "--json", from_file])["files"], file(false));
    assert_eq!(json(&home, &["policy", "fmt", "--json", from_file])["files"], file(true));
    let piped = home.run_with_input(&["policy", "fmt", "--json", "-"], loose.as_bytes());
    let report: Value = serde_json::from_str(&piped.stdout).expect("JSON");
    let formatted = std::fs::read_to_string(home.path().join(from_file)).expect("it was written");
    assert_eq!((piped.code, &report["files"][0]["text"]), (0, &formatted.as_str().into()), "{piped:?}");
    assert_eq!(json(&home, &["policy", "schema", "--json"]), json(&home, &["policy", "schema"]));
    let absent = home.run(&["policy", "fmt", "--json", "nowhere.toml"]);
    let failure: Value = serde_json::from_str(&absent.stdout).expect("JSON");
    assert_eq!((absent.code, &failure["schema"]), (2, &"perry-sandbox/error/v1".into()), "{absent:?}");
}

#[test]
fn a_trust_policy_is_imported_whole_or_told_of() {
    let home = Home::new(As::Ordinary);
    let trust = |requirements: &str, scope: &str| {
        format!(
            r#"{{"default": [{{"type": "reject"}}], "transports": {{"docker": {{"{scope}": {requirements}}}}}}}"#
        )
    };
    let key = r#"[{"type": "sigstoreSigned", "keyPath": "/k.pub", "rekorPublicKeyPath": "/r.pub"}]"#;
    std::fs::write(home.path().join("policy.json"), trust(key, "registry.example/acme"))
        .expect("it is written");
    let whole = home.run(&["policy", "import", "policy.json"]);
    assert_eq!(whole.code, 0, "{whole:?}");
    assert!(whole.stdout.contains("repository = \"registry.example/acme\""), "{whole:?}");

    std::fs::write(home.path().join("policy.json"), trust(key, "registry.example")).expect("it is written");
    let lossy = home.run(&["policy", "import", "policy.json", "--output", "mine.toml"]);
    assert_eq!(lossy.code, 1, "{lossy:?}");
    assert!(lossy.stderr.contains("policy.json:1:61: left out: a whole registry"), "{lossy:?}");
    assert!(!home.path().join("mine.toml").exists(), "what leaves something out is not written");
    let partial = ["policy", "import", "policy.json", "--partial", "--json", "--output", "mine.toml"];
    let ran = home.run(&partial);
    let report: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(
        (ran.code, &report["file"], &report["losses"][0]["kind"]),
        (1, &"mine.toml".into(), &"left-out".into())
    );
    let again = home.run(&partial);
    assert_eq!(again.code, 2, "an existing file is never overwritten: {again:?}");
}

#[test]
fn a_pinned_policy_digest_must_match() {
    let home = Home::new(As::Ordinary);
    let checked = json(&home, &["policy", "check", "--json", POLICY]);
    let digest = checked["digest"].as_str().expect("check prints the digest");
    let ran = home.run(&["run", "--policy", POLICY, "--require-policy", digest, "--image", IMAGE, "hello"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let other = format!("sha256:{}", "0".repeat(64));
    let ran = home.run(&["run", "--policy", POLICY, "--require-policy", &other, "--image", IMAGE, "hello"]);
    assert_eq!(ran.code, 120, "{ran:?}");
}

#[test]
fn images_are_pulled_listed_inspected_and_removed() {
    let home = Home::new(As::Ordinary);
    assert_eq!(home.run(&["image", "pull", "--quiet", IMAGE]).code, 0);
    let listed = json(&home, &["image", "ls", "--json"]);
    let digest = listed[0]["digest"].as_str().expect("the image has a digest").to_owned();
    let inspected = json(&home, &["image", "inspect", "--json", &digest]);
    assert_eq!(inspected["config"]["cmd"][0], "/usr/bin/look", "{inspected}");
    assert_eq!(home.run(&["image", "rm", &digest]).code, 0);
    assert_eq!(home.run(&["image", "ls", "--json"]).stdout.trim(), "[]");
    assert_ne!(home.run(&["image", "rm", &digest]).code, 0, "it is gone");
}

#[test]
fn the_store_finds_damage_and_prunes() {
    let home = Home::new(As::Ordinary);
    assert_eq!(run_in(&home, &[], &[]).code, 0);
    assert_eq!(home.run(&["store", "check"]).code, 0);
    let blobs = home.data_dir().join("blobs/sha256");
    let largest = std::fs::read_dir(&blobs)
        .expect("the store has blobs")
        .map(|entry| entry.expect("an entry").path())
        .max_by_key(|path| std::fs::metadata(path).map_or(0, |metadata| metadata.len()))
        .expect("the store is not empty");
    std::fs::write(&largest, b"damage").expect("the test may write there");
    let checked = home.run(&["store", "check"]);
    assert_eq!(checked.code, 1, "{checked:?}");
    assert_eq!(home.run(&["store", "prune", "--all"]).code, 0);
    assert_eq!(home.run(&["store", "check"]).code, 0, "the damaged blob went with its image");
}

#[test]
fn the_trail_is_a_chain_that_shows_tampering() {
    let home = Home::new(As::Ordinary);
    assert_eq!(run_in(&home, &[], &["/bin/busybox", "echo", "argument-canary"]).code, 0);
    assert_eq!(run_in(&home, &["--tier", "untrusted"], &[]).code, 122);
    assert_eq!(home.run(&["log", "verify"]).code, 0);
    let shown = home.run(&["log", "show", "--json"]);
    assert!(shown.stdout.lines().count() >= 3, "two decisions and one end: {shown:?}");
    assert!(!shown.stdout.contains("argument-canary"), "arguments are not written down");
    let key =
        json(&home, &["verify", "--json", "--key", KEY, IMAGE])["evidence"]["signatures"][0]["by"].clone();
    let started = shown.stdout.lines().find(|line| line.contains("run-start")).expect("a start");
    let started: Value = serde_json::from_str(started).expect("a line is JSON");
    assert_eq!((started["signatures"][0]["by"].is_null(), &started["signatures"][0]["by"]), (false, &key));
    let words = home.run(&["log", "show"]).stdout;
    for said in [": exit code 0", "signed by command-line (key sha256:", "denied   an image by itself: PSD"] {
        assert!(words.contains(said), "expected `{said}` in:\n{words}");
    }
    assert!(!words.contains('{') && !words.contains("null"), "{words}");
    let trail = home.data_dir().join("trail");
    let file = std::fs::read_dir(&trail)
        .expect("there is a trail")
        .map(|entry| entry.expect("an entry").path())
        .find(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .expect("the trail is JSON Lines");
    let text = std::fs::read_to_string(&file).expect("the trail can be read");
    std::fs::write(&file, text.replacen("isolated", "hardened", 1)).expect("the test may write there");
    let verified = home.run(&["log", "verify"]);
    assert_eq!(verified.code, 1, "{verified:?}");
}

#[test]
fn doctor_and_backends_say_what_holds_here() {
    let home = Home::new(As::Ordinary);
    let doctor = home.run(&["doctor"]);
    assert_eq!(doctor.code, 0, "{doctor:?}");
    assert!(doctor.stdout.contains("user namespaces"), "{doctor:?}");
    let backends = json(&home, &["backends", "--json"]);
    assert_eq!(backends["backends"][0]["name"], "native", "{backends}");
}

#[test]
fn a_backend_is_installed_by_nobody_who_was_not_asked() {
    let home = Home::new(As::Ordinary);
    assert_eq!(home.run(&["backends", "--install", "typo"]).code, 2);
    assert_eq!(home.run(&["backends", "--install", "podman", "--json"]).code, 2);
    let here = home.run(&["backends", "--install", "native"]);
    assert_eq!((here.code, here.stdout.trim()), (0, "native is here already"), "{here:?}");
    // Nothing has a terminal here. Only a Mac has a package of this one.
    let absent = home.run(&["backends", "--install", "lima"]);
    assert_eq!(absent.code, 122, "{absent:?}");
    assert!(absent.stderr.contains("lima"), "{absent:?}");
}

#[test]
fn verify_by_hand_explains_itself() {
    let home = Home::new(As::Ordinary);
    let good = home.run(&["verify", "--key", KEY, IMAGE]);
    assert_eq!(good.code, 0, "{good:?}");
    assert!(good.stdout.contains("registry.example/perry-sandbox/hello"), "{good:?}");
    assert!(good.stdout.contains("not checked"), "{good:?}");
    let code = home.run(&["verify", "--explain-code", "V-SIG-01"]);
    assert_eq!(code.code, 0, "{code:?}");
    assert!(code.stdout.contains("Most often:") && code.stdout.contains("What to do:"), "{code:?}");
    assert_eq!(home.run(&["verify", "--explain-code", "V-NO-99"]).code, 2);
    assert!(good.stdout.contains("not asked"), "{good:?}");
    let expression = home.run(&[
        "verify",
        "--trusted-root",
        KEY,
        "--certificate-identity-regexp",
        "(",
        "--certificate-oidc-issuer",
        "https://issuer.example",
        IMAGE,
    ]);
    assert_eq!(expression.code, 2, "{expression:?}");
    assert!(expression.stderr.contains("regular expression"), "{expression:?}");
}

#[test]
fn a_refusal_is_json_too_where_json_was_asked_for() {
    let home = Home::new(As::Ordinary);
    for (args, code) in [
        (&["run", "--json", IMAGE][..], 120),
        (&["run", "--json", "--policy", POLICY, "helo"], 120),
        (&["verify", "--json", "--key", KEY, "oci:nowhere"], 125),
        (&["verify", "--json", "--key", "nowhere", IMAGE], 2),
    ] {
        let ran = home.run(args);
        assert_eq!(ran.code, code, "{args:?}: {ran:?}");
        let failure: Value =
            serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
        assert_eq!(failure["exit"], code, "{failure}");
    }
}

#[test]
fn output_that_cannot_be_written_is_no_success() {
    let home = Home::new(As::Ordinary);
    for args in [&["policy", "schema"][..], &["verify", "--key", KEY, IMAGE], &["man"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("every Linux has it");
        let status = home.command(args).stdout(full).stderr(std::process::Stdio::null()).status();
        assert_eq!(status.expect("it starts").code(), Some(125), "{args:?}");
    }
}

#[test]
fn a_policy_can_do_without_a_trail() {
    let home = Home::new(As::Ordinary);
    let file = home.path().join(POLICY);
    let text = std::fs::read_to_string(&file).expect("the policy can be read");
    std::fs::write(&file, format!("{text}\n[audit]\nlog = \"off\"\n")).expect("the policy can be written");
    assert_eq!(home.run(&["run", "--policy", POLICY, "--image", IMAGE, "hello"]).code, 0);
    assert!(!home.data_dir().join("trail").exists());
}

#[test]
fn the_tier_of_the_command_line_applies_where_the_whole_policy_is_there() {
    let home = Home::new(As::Ordinary);
    let explained = json(&home, &["explain", "--json", "--tier", "default", "--key", KEY, IMAGE]);
    assert_eq!(explained["tier"], "default", "{explained}");
    let explained = json(&home, &["explain", "--json", "--key", KEY, IMAGE]);
    assert_eq!(explained["tier"], "isolated", "{explained}");
}

#[test]
fn a_changed_layer_is_found_by_verify_too() {
    let home = Home::new(As::Ordinary);
    let blobs = home.path().join("examples/hello/image/blobs/sha256");
    for entry in std::fs::read_dir(blobs).expect("the layout has blobs") {
        let path = entry.expect("an entry").path();
        let mut bytes = std::fs::read(&path).expect("a blob can be read");
        if bytes.len() > 100_000 {
            bytes[50_000] ^= 1;
            std::fs::write(&path, bytes).expect("the layout can be written");
        }
    }
    assert_eq!(home.run(&["verify", "--key", KEY, IMAGE]).code, 121);
}

#[test]
fn the_trail_holds_explanation_and_arguments_only_where_the_policy_asks() {
    let home = Home::new(As::Ordinary);
    let file = home.path().join(POLICY);
    let text = std::fs::read_to_string(&file).expect("the policy can be read");
    let run = |include: &str| {
        let text = format!("{text}\n[audit]\nlog = \"chained\"\ninclude = [{include}]\n");
        std::fs::write(&file, text).expect("the policy can be written");
        let args = ["run", "--policy", POLICY, "--image", IMAGE, "hello", "--", "argument-canary"];
        let ran = home.run(&args);
        assert_eq!(ran.code, 0, "{ran:?}");
        home.run(&["log", "show", "--json"]).stdout
    };
    let plain = run("\"decision\", \"resource-use\"");
    assert!(!plain.contains("argument-canary") && !plain.contains("explanation"), "{plain}");
    let all = run("\"decision\", \"explain\", \"arguments\"");
    assert!(all.contains("argument-canary") && all.contains("\"explanation\":{"), "{all}");
    assert_eq!(home.run(&["log", "verify"]).code, 0);
}
