//! What is ignored does not count, stays visible, and does not outlive its reason.

use perry_sandbox_audit::{Baseline, Ignores, Report, RuleId, Settings, Severity, SuppressedBy, Verdict};

use crate::support::{audited, file, report};

const STACK: &str = "services:\n  web:\n    image: a\n    privileged: true\n";

fn with(ignores: &Ignores) -> Report {
    let (input, memory) = file("compose.yaml", STACK);
    audited(input, &memory, ignores)
}

fn settings(entry: &str) -> Ignores {
    let text =
        format!("schema = \"perry-sandbox/audit-settings/v1\"\n[[ignore]]\nrule = \"PSB401\"\n{entry}");
    Ignores { settings: Some(Settings::parse("audit.toml", &text).expect("it is right")), baseline: None }
}

fn ids(report: &Report) -> Vec<u16> {
    report.counting().map(|finding| finding.rule.id.0).filter(|id| *id == 401 || *id > 900).collect()
}

#[test]
fn a_suppressed_finding_stays_and_does_not_count() {
    let report = with(&settings("reason = \"lab\"\nowner = \"ops\"\nuntil = 2026-12-24\n"));
    assert_eq!(ids(&report), Vec::<u16>::new());
    let kept = report.findings.iter().find(|finding| finding.rule.id == RuleId(401)).expect("it stays");
    let why = kept.suppressed.as_ref().expect("and says why");
    assert_eq!(
        (why.by, why.reason.as_str(), why.until.as_deref()),
        (SuppressedBy::Settings, "lab", Some("2026-12-24"))
    );
    assert_eq!(why.owner.as_deref(), Some("ops"));
}

#[test]
fn an_entry_for_another_target_or_file_does_not_hold() {
    for entry in ["target = \"db\"\nreason = \"x\"\n", "file = \"other.yaml\"\nreason = \"x\"\n"] {
        assert_eq!(ids(&with(&settings(entry))), [401, 901], "{entry}");
    }
    for entry in ["target = \"web\"\nreason = \"x\"\n", "file = \"./compose.yaml\"\nreason = \"x\"\n"] {
        assert_eq!(ids(&with(&settings(entry))), Vec::<u16>::new(), "{entry}");
    }
}

#[test]
fn without_a_reason_or_after_its_day_an_entry_does_not_hold() {
    assert_eq!(ids(&with(&settings("reason = \" \"\n"))), [401, 902]);
    assert_eq!(ids(&with(&settings("reason = \"x\"\nuntil = 2026-11-29\n"))), [401, 903]);
    assert_eq!(ids(&with(&settings("reason = \"x\"\nuntil = 2026-11-30\n"))), Vec::<u16>::new());
}

#[test]
fn a_baseline_takes_what_is_there_and_nothing_that_comes() {
    let before = report("compose.yaml", STACK);
    assert_eq!(before.verdict(Severity::High, false), Verdict::Found);
    let text = before.baseline("known when the check was introduced");
    let ignores = Ignores {
        settings: None,
        baseline: Some(Baseline::parse("base.json", &text).expect("it is read back")),
    };
    let now = with(&ignores);
    assert_eq!(now.verdict(Severity::Info, false), Verdict::Clean);
    let (input, memory) = file("compose.yaml", &STACK.replace("web", "api"));
    assert_eq!(ids(&audited(input, &memory, &ignores))[0], 401);
    // Moving lines around changes nothing.
    let (input, memory) = file("compose.yaml", &format!("# moved\n\n{STACK}"));
    assert_eq!(ids(&audited(input, &memory, &ignores)), Vec::<u16>::new());
    assert_eq!(
        with(&ignores).baseline(""),
        text,
        "an entry keeps its reason when the baseline is written anew"
    );
}

#[test]
fn a_baseline_of_another_version_is_told() {
    let text = report("compose.yaml", STACK).baseline("known").replace(env!("CARGO_PKG_VERSION"), "0.0.1");
    let ignores =
        Ignores { settings: None, baseline: Some(Baseline::parse("base.json", &text).expect("it is right")) };
    assert_eq!(ids(&with(&ignores)), [904]);
}

#[test]
fn what_cannot_be_graded_cannot_be_answered_for() {
    let text = "services:\n  web:\n    imag: a # perry-sandbox: ignore[PSB003] it is fine\n";
    let report = report("compose.yaml", text);
    assert_eq!(report.verdict(Severity::Critical, true), Verdict::Ungraded);
}

#[test]
fn a_gap_is_accepted_by_name_or_by_the_caller() {
    let text =
        "services:\n  web:\n    image: a:${TAG} # perry-sandbox: ignore[PSB006] set by the deployment\n";
    let verdict = |text: &str, gaps| report("compose.yaml", text).verdict(Severity::Critical, gaps);
    assert_eq!(verdict(text, false), Verdict::Clean);
    let bare = text.split(" #").next().expect("there is a first part");
    assert_eq!(verdict(bare, false), Verdict::Ungraded);
    assert_eq!(verdict(bare, true), Verdict::Clean);
}
