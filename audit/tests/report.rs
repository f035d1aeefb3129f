//! What a report says as a whole.

use perry_sandbox_audit::{Answer, Denied, Ignores, Persona, RuleId, Severity, Verdict};

use crate::support::{asked, file, report};

const STACK: &str = "services:\n  web:\n    image: a\n    privileged: true\n";

#[test]
fn what_a_policy_denies_is_told_at_the_service() {
    let (input, memory) = file("compose.yaml", STACK);
    let denied = [Denied {
        service: "web".into(),
        answer: Answer::No,
        code: "PSD204".into(),
        message: "no image rule covers `a`".into(),
    }];
    let report = asked(input, &memory, &Ignores::default(), Persona::Everyone, &denied);
    let found = report.findings.iter().find(|finding| finding.rule.id == RuleId(439)).expect("it is told");
    assert_eq!(report.texts.at(found.place), "web");
    assert!(found.message.contains("no image rule covers `a`"));
    // What could not be asked is no answer, and no pass.
    let unknown = [Denied { answer: Answer::Unknown, ..denied[0].clone() }];
    let (input, memory) = file("compose.yaml", "services:\n  web:\n    image: a\n");
    let report = asked(input, &memory, &Ignores::default(), Persona::Everyone, &unknown);
    assert_eq!(report.verdict(Severity::Critical, false), Verdict::Ungraded);
}

#[test]
fn what_only_auditors_want_is_kept_from_others() {
    let count = |persona| {
        let (input, memory) = file("compose.yaml", STACK);
        let report = asked(input, &memory, &Ignores::default(), persona, &[]);
        report.findings.iter().filter(|finding| finding.rule.id == RuleId(425)).count()
    };
    assert_eq!((count(Persona::Everyone), count(Persona::Auditor)), (0, 1));
}

#[test]
fn the_verdict_is_the_worst_that_was_found() {
    let verdict = |text: &str, fail_on| report("compose.yaml", text).verdict(fail_on, false);
    assert_eq!(verdict(STACK, Severity::Critical), Verdict::Found);
    let mild = STACK.replace("    privileged: true\n", "");
    assert_eq!(verdict(&mild, Severity::High), Verdict::Clean);
    assert_eq!(verdict(&mild, Severity::Medium), Verdict::Found);
    assert_eq!(verdict(&mild.replace("image", "imgae"), Severity::Critical), Verdict::Ungraded);
    assert_eq!(verdict("a: b\n", Severity::Critical), Verdict::Ungraded, "no rule has looked at it");
}

#[test]
fn a_finding_is_known_again_whatever_stands_around_it() {
    let prints = |text: &str| {
        let report = report("compose.yaml", text);
        let mut prints: Vec<String> =
            report.findings.iter().map(|finding| finding.fingerprint(&report.texts)).collect();
        prints.sort();
        prints
    };
    let before = prints(STACK);
    assert_eq!(before, prints(&format!("# a comment\n\n{STACK}")));
    assert_ne!(before, prints(&STACK.replace("web", "api")));
    // Pinned: a baseline of today must hold tomorrow.
    assert!(before.contains(&"3e606b5c01ad803e372830144f46aa2f".to_owned()), "{before:?}");
}

#[test]
fn a_summary_counts_files_targets_and_rules() {
    let summary = report("compose.yaml", STACK).summary();
    assert_eq!((summary.files, summary.targets, summary.refused, summary.suppressed), (1, 1, 0, 0));
    assert!(summary.rules > 30, "{}", summary.rules);
    assert_eq!(summary.findings.get(&Severity::Critical), Some(&1));
}

#[test]
fn a_file_that_cannot_be_loaded_shows_no_credential_either() {
    for text in [
        "services:\n  db:\n    image: [a\n    environment: {POSTGRES_PASSWORD: hunter2}\n",
        "services:\n  db:\n    environment: {DATABASE_URL: \"postgres://u:hunter2@db/x\", POSTGRES_PASSWORD: hunter2}\n",
        "services:\n  db: {image: a, enviroment: {POSTGRES_PASSWORD: hunter2}}\n",
    ] {
        let report = report("compose.yaml", text);
        assert_eq!(report.verdict(Severity::Critical, false), Verdict::Ungraded, "{text}");
        let printed = [report.to_text(false), report.to_json().to_string(), report.to_github()].concat();
        assert!(!printed.contains("hunter2"), "{printed}");
    }
}
