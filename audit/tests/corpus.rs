//! Every text of the fuzzer's corpus, whole and cut off, is audited alike twice, without a failure of a rule.

use perry_sandbox_audit::{Allowed, Ignores, Input, Report, Severity, apply};

use crate::support::{Memory, audited};

fn report(text: &str) -> Report {
    let input = match text.strip_prefix("argv ") {
        Some(words) => Input::Argv(words.split(' ').map(str::to_owned).collect()),
        None => Input::File { name: "input".to_owned(), path: None, bytes: text.as_bytes().to_vec() },
    };
    audited(input, &Memory::default(), &Ignores::default())
}

fn printed(report: &Report) -> String {
    let verdict = report.verdict(Severity::High, false);
    let mut text =
        [report.to_text(true), report.to_json().to_string(), report.to_sarif(verdict).to_string()].concat();
    text.push_str(
        &[report.to_junit(), report.to_github(), report.to_markdown(), report.baseline("x")].concat(),
    );
    for changed in apply(report, Allowed::All) {
        text.push_str(&changed.diff);
    }
    text
}

#[test]
fn every_text_is_audited_alike_and_no_rule_fails() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/audit");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the corpus is there") {
        let text = std::fs::read_to_string(entry.expect("an entry").path()).expect("it is text");
        count += 1;
        for part in 0..=4 {
            let end = (0..=text.len() * part / 4)
                .rev()
                .find(|end| text.is_char_boundary(*end))
                .expect("the start is one");
            let cut = &text[..end];
            let (first, second) = (report(cut), report(cut));
            assert_eq!(printed(&first), printed(&second), "{cut}");
            assert!(first.findings.iter().all(|found| found.rule.id.0 != 905), "{cut}");
        }
    }
    assert!(count > 50, "only {count} texts");
}

#[test]
fn a_credential_is_in_nothing_that_is_printed() {
    let text = "services:\n  db:\n    image: a\n    security_opt: [\"seccomp:unconfined\"]\n    environment:\n      - DB_PASSWORD=battery-staple\n      - OTHER_TOKEN=\"battery-staple\"\n      - URL=postgres://u:battery-staple@db\n";
    let report = report(text);
    assert_eq!(report.findings.iter().filter(|found| found.rule.id.0 == 430).count(), 3);
    assert!(!printed(&report).contains("battery-staple"), "{}", printed(&report));
}
