//! `profile record`, and what a recorded profile is good for.

use std::path::PathBuf;

use perry_sandbox_reference::Digest;
use perry_sandbox_testkit::{As, Home, Ran};
use serde_json::Value;

use crate::{IMAGE, KEY, POLICY, users};

const WORDS: &str = "one two three\n";

fn record(home: &Home, flags: &[&str]) -> Ran {
    let args =
        [&["profile", "record", "--policy", POLICY, "--image", IMAGE], flags, &["words", "count-words"]];
    home.run_with_input(&args.concat(), WORDS.as_bytes())
}

fn file(home: &Home, name: &str) -> PathBuf {
    home.path().join("examples/hello").join(name)
}

/// A policy with the recorded profile in a tier, and two capabilities in that tier.
fn policy_with(home: &Home, profile: &str) -> String {
    let digest = Digest::of(&std::fs::read(file(home, profile)).expect("it was recorded"));
    let given = std::fs::read_to_string(home.path().join(POLICY)).expect("the example has a policy");
    let more = format!(
        "\n[seccomp.words]\npath = \"{profile}\"\nsha256 = \"{}\"\n\n[tier.words]\nextends = [\"isolated\"]\nseccomp = \"words\"\n\
         [capability.recorded]\ntier = \"words\"\nimage = \"hello\"\ncommand = [\"/bin/busybox\", \"wc\", \"-w\"]\n\
         [capability.more]\ntier = \"words\"\nimage = \"hello\"\ncommand = [\"/bin/busybox\", \"sh\", \"-c\", \"/bin/busybox ls /\"]\n",
        digest.hex()
    );
    std::fs::write(file(home, "words-policy.toml"), given + &more).expect("the home can be written");
    "examples/hello/words-policy.toml".to_owned()
}

#[test]
fn a_recorded_profile_is_proved_and_holds_in_a_tier() {
    for user in users() {
        let home = Home::new(user);
        let ran = record(&home, &["-o", "examples/hello/words.toml"]);
        assert_eq!(ran.code, 0, "{user:?}: {ran:?}");
        assert!(ran.stderr.contains("enforced: exit code 0, as recorded"), "{ran:?}");
        let shown = home.run(&["profile", "show", "--format", "json", "examples/hello/words.toml"]);
        let json: Value = serde_json::from_str(&shown.stdout).expect("it is JSON");
        assert!(json["admitted"].as_u64().is_some_and(|calls| (10..40).contains(&calls)), "{json}");
        assert_eq!(
            (&json["recorded"]["settled"], &json["recorded"]["libc"]),
            (&true.into(), &"static".into())
        );
        let missing = json["recorded"]["not-exercised"].to_string();
        assert!(missing.contains("threads") && missing.contains("sockets"), "{missing}");
        assert_eq!(home.run(&["profile", "check", "--image", IMAGE, "examples/hello/words.toml"]).code, 0);

        let policy = policy_with(&home, "words.toml");
        let run = |capability| {
            home.run_with_input(&["run", "--policy", &policy, "--image", IMAGE, capability], WORDS.as_bytes())
        };
        let held = run("recorded");
        assert_eq!((held.code, held.stdout.as_str()), (0, "3\n"), "{held:?}");
        let refused = run("more");
        assert!(refused.code != 0 && refused.stdout.is_empty(), "a shell needs more: {refused:?}");
        let explained = home.run(&["explain", "--policy", &policy, "--image", IMAGE, "recorded"]);
        assert!(explained.stdout.contains("words, "), "{explained:?}");
    }
}

#[test]
fn the_same_recording_gives_the_same_bytes() {
    let home = Home::new(As::Ordinary);
    let [one, two] = ["one.toml", "two.toml"].map(|name| {
        assert_eq!(record(&home, &["-o", name]).code, 0);
        std::fs::read_to_string(home.path().join(name)).expect("it was written")
    });
    assert_eq!(one, two);
}

#[test]
fn going_on_with_a_recording_keeps_what_it_saw() {
    let home = Home::new(As::Ordinary);
    assert_eq!(record(&home, &["-o", "words.toml"]).code, 0);
    let again = record(&home, &["-o", "words.toml"]);
    assert_eq!(again.code, 2, "a file that is there is not written over: {again:?}");
    let image =
        ["profile", "record", "--key", KEY, "--merge", "words.toml", "-o", "both.toml", "both", IMAGE, "--"];
    let shell = ["/bin/busybox", "sh", "-c", "/bin/busybox ls / | /bin/busybox wc -l"];
    let ran = home.run(&[&image[..], &shell].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    let diff = home.run(&["profile", "diff", "--json", "words.toml", "both.toml"]);
    let json: Value = serde_json::from_str(&diff.stdout).expect("it is JSON");
    assert_eq!(json["admitted-before-only"], serde_json::json!([]), "nothing is lost");
    assert!(json["admitted-after-only"].to_string().contains("getdents64"), "{json}");
    let by_hand = home.run(&["profile", "show", "--format", "toml", "perry-minimal"]).stdout;
    std::fs::write(home.path().join("hand.toml"), by_hand).expect("the home can be written");
    let ran = record(&home, &["--merge", "hand.toml"]);
    assert!(ran.code == 2 && ran.stderr.contains("was not recorded"), "{ran:?}");
}

#[test]
fn a_denied_call_is_told_and_stays_denied() {
    let home = Home::new(As::Ordinary);
    let script = "/bin/busybox mount -t tmpfs none /tmp; echo end";
    let args = [
        "profile",
        "record",
        "--json",
        "--key",
        KEY,
        "denied",
        IMAGE,
        "--",
        "/bin/busybox",
        "sh",
        "-c",
        script,
    ];
    let ran = home.run(&args);
    assert_eq!(ran.code, 0, "{ran:?}");
    let json: Value = serde_json::from_str(&ran.stdout).expect("it is JSON");
    assert!(json["denied"].to_string().contains("mount (EPERM)"), "{json}");
    let profile = json["profile"].as_str().expect("without -o it is in the answer");
    assert!(profile.contains("answer = \"EPERM\"") && profile.contains("asked for and denied"), "{profile}");
}

#[test]
fn a_recording_is_a_run_that_is_decided_and_written_down() {
    let home = Home::new(As::Ordinary);
    let log = || home.run(&["log", "show", "--json"]).stdout;
    let other = "examples/hello/other.pub";
    let denied =
        home.run(&["profile", "record", "--key", other, "mine", IMAGE, "--", "/bin/busybox", "true"]);
    assert_eq!(denied.code, 121, "{denied:?}");
    assert!(!log().contains("run-start"), "an image that is not verified is not started");
    let untrusted = [
        "profile",
        "record",
        "--key",
        KEY,
        "--tier",
        "untrusted",
        "mine",
        IMAGE,
        "--",
        "/bin/busybox",
        "true",
    ];
    assert_eq!(
        home.run(&untrusted).code,
        122,
        "what is untrusted needs another wall than one with our filter"
    );
    assert!(!log().contains("run-start"));
    let ran = home.run(&["profile", "record", "--key", KEY, "mine", IMAGE, "--", "/bin/busybox", "true"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let log = log();
    assert_eq!(log.matches("\"recorded\":true").count(), 3, "{log}");
    assert_eq!(log.matches("\"event\":\"run-start\"").count(), 4, "the proof is a run like any other: {log}");
}

#[test]
fn a_program_that_ends_otherwise_when_enforced_is_not_proved() {
    let home = Home::new(As::Ordinary);
    // Hardly ever ends the same way twice.
    let script = "exit $(/bin/busybox od -An -N1 -tu1 /dev/urandom)";
    let not_proved = (0..8).any(|attempt| {
        let name = format!("{attempt}.toml");
        let args =
            ["profile", "record", "-o", &name, "--key", KEY, "mine", IMAGE, "--", "/bin/busybox", "sh", "-c"];
        let ran = home.run(&[&args[..], &[script]].concat());
        let check = home.run(&["profile", "check", &name]);
        assert!(ran.code == 0 || ran.code == 1, "{ran:?}");
        assert_eq!(ran.code, check.code, "what is not proved is found: {check:?}");
        ran.code == 1 && ran.stderr.contains("NOT as recorded") && check.stdout.contains("it was not proved")
    });
    assert!(not_proved);
}

#[test]
fn what_cannot_be_run_cannot_be_recorded() {
    let home = Home::new(As::Ordinary);
    let absent = ["profile", "record", "--key", KEY, "mine", IMAGE, "--", "/bin/no-such-program"];
    assert_eq!(home.run(&absent).code, 127);
    assert_eq!(record(&home, &["--runs", "0"]).code, 2);
    assert_eq!(home.run(&["profile", "record", "--key", KEY, "../mine", IMAGE]).code, 2);
}

#[test]
fn a_call_that_was_seen_once_is_left_out_once_to_see_whether_it_is_needed() {
    let home = Home::new(As::Ordinary);
    // A folder is made in one run of four; of several recordings, one sees that exactly once.
    let script =
        "[ $(/bin/busybox od -An -N1 -tu1 /dev/urandom) -lt 64 ] && /bin/busybox mkdir /tmp/a; exit 0";
    let args = [
        "profile",
        "record",
        "--json",
        "--key",
        KEY,
        "mine",
        IMAGE,
        "--",
        "/bin/busybox",
        "sh",
        "-c",
        script,
    ];
    let tried = (0..40).any(|_| {
        let ran = home.run(&args);
        let json: Value = serde_json::from_str(&ran.stdout).expect("it is JSON");
        let profile = json["profile"].as_str().expect("it is in the answer");
        let fragile =
            profile.split("[[allow]]").find(|entry| entry.contains("\"mkdir\"") && entry.contains("fragile"));
        // Whether it ended otherwise without it is chance again; that it was tried is not, where the rest was proved.
        let verdicts = format!("{}{}", json["fragile-needed"], json["fragile-not-needed"]);
        let tried = verdicts.contains("mkdir");
        assert_eq!(tried, fragile.is_some() && json["recorded"]["proved"] == true, "{json}");
        tried
    });
    assert!(tried);
}
