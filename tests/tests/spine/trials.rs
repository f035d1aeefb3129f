//! A rule that is enforced, and one that is only tried.

use std::fs;

use perry_sandbox_testkit::{As, Home};
use serde_json::Value;

use crate::{IMAGE, roomy};

/// The policy of `roomy` with a trial.
fn policy(trial: &str) -> String {
    let repository = "repository = \"registry.example/perry-sandbox/hello\"";
    roomy("1m", "", "").replace(repository, &format!("{repository}\ntrial = {{ {trial} }}"))
}

#[test]
fn what_a_trial_would_refuse_runs_with_a_warning_and_is_written_down() {
    let home = Home::new(As::Ordinary);
    fs::write(home.path().join("policy.toml"), policy("log = \"required\"")).expect("a policy");
    let with = |command: &[&str], rest: &[&str]| {
        home.run(&[command, &["--policy", "policy.toml", IMAGE], rest].concat())
    };
    let warning = "warning: the trial of the image rule would refuse this image: ";
    let ran = with(&["run"], &["--", "/bin/true"]);
    assert!(ran.code == 0 && ran.stderr.contains(warning) && ran.stderr.contains("V-QUORUM-01"), "{ran:?}");
    let quiet = with(&["run", "--quiet"], &["--", "/bin/true"]);
    assert!(quiet.code == 0 && !quiet.stderr.contains("trial"), "{quiet:?}");
    for (command, place) in [("verify", "/evidence/trial"), ("run", "/evidence/trial"), ("explain", "/trial")]
    {
        let ran = with(&[command, "--json"], &[]);
        let said: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
        assert_eq!(
            said.pointer(place).and_then(|trial| trial["outcome"].as_str()),
            Some("not-met"),
            "{ran:?}"
        );
    }
    let verified = with(&["verify"], &[]);
    assert!(verified.code == 0 && verified.stderr.contains(warning), "{verified:?}");
    let explained = with(&["explain"], &[]);
    assert!(explained.stdout.contains("note: the trial of the image rule would refuse"), "{explained:?}");
    let log = home.run(&["log", "show", "--json"]);
    assert!(log.stdout.contains("\"outcome\":\"not-met\""), "{log:?}");
}

#[test]
fn what_a_trial_accepts_runs_without_a_word_and_what_a_rule_refuses_does_not_run() {
    let home = Home::new(As::Ordinary);
    let place = home.path().join("policy.toml");
    let run = || home.run(&["run", "--policy", "policy.toml", IMAGE, "--", "/bin/true"]);
    fs::write(&place, policy("signed-as = \"ignore\"")).expect("a policy");
    let ran = run();
    assert!(ran.code == 0 && !ran.stderr.contains("trial"), "{ran:?}");
    // A trial that would accept it opens nothing.
    let refusing = policy("log = \"optional\"").replace("\ntrial", "\nlog = \"required\"\ntrial");
    fs::write(&place, refusing).expect("a policy");
    let ran = run();
    assert!(ran.code == 121 && !ran.stderr.contains("trial"), "{ran:?}");
}
