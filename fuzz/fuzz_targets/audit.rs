//! The auditor: any text is audited, always alike, in bounded time and memory, without a panic, and no credential is told.
#![no_main]

use perry_sandbox_audit::{Allowed, Finding, Ignores, Input, NoHost, Persona, Report, Request, Severity, apply, audit};

/// What stands in place of a password; an input that has it anywhere else than as one is not judged.
const PASSWORD: &str = "hunter2-hunter2";

fn report(input: Input) -> Report {
    let project = perry_sandbox_compose::Request {
        current_folder: "/project".to_owned(),
        ..perry_sandbox_compose::Request::default()
    };
    audit(&Request {
        inputs: &[input],
        host: &NoHost,
        project: &project,
        persona: Persona::Auditor,
        ignores: &Ignores::default(),
        denied: &[],
        today: jiff::civil::date(2026, 11, 30),
    })
}

/// Everything that a report can be printed as.
fn printed(report: &Report) -> String {
    let verdict = report.verdict(Severity::High, false);
    let mut text = [
        report.to_text(true),
        report.to_json().to_string(),
        report.to_sarif(verdict).to_string(),
        report.to_junit(),
        report.to_github(),
        report.to_markdown(),
        report.baseline("fuzzed"),
    ]
    .concat();
    for changed in apply(report, Allowed::All) {
        text.push_str(&changed.diff);
    }
    text
}

libfuzzer_sys::fuzz_target!(|text: &str| {
    let input = || match text.strip_prefix("argv ") {
        Some(words) => Input::Argv(words.split(' ').map(str::to_owned).collect()),
        None => Input::File { name: "input".to_owned(), path: None, bytes: text.as_bytes().to_vec() },
    };
    let (first, second) = (report(input()), report(input()));
    assert_eq!(printed(&first), printed(&second));
    // A credential that a rule has seen stands nowhere in the report; one rule failing is a finding, not a pass.
    let seen = |found: &Finding| found.rule.id.0 == 430 && first.texts.at(found.place).contains(PASSWORD);
    if text.matches(PASSWORD).count() == 1 && first.findings.iter().any(seen) {
        assert!(!printed(&first).contains(PASSWORD));
    }
    assert!(first.findings.iter().all(|found| found.rule.id.0 != 905), "a rule has failed");
});
