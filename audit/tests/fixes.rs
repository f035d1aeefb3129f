//! Fixes change one field each, and what they end is not found again.

use perry_sandbox_audit::{Allowed, Ignores, Input, apply};

use crate::support::{audited, report};

const STACK: &str = "\
# our shop
services:
  web:
    image: a
    ports:
      - \"8080:80\"   # for everybody
    security_opt:
      - seccomp:unconfined
    environment:
      DB_PASSWORD: hunter2
  db:
    image: b
    security_opt: [label=disable]
    tmpfs:
      - /tmp:size=1m,exec
    <<: *never
  plain:
    image: c
";

fn stack() -> String {
    STACK.replace("    <<: *never\n", "")
}

#[test]
fn safe_fixes_end_their_findings_and_keep_everything_else() {
    let report = report("compose.yaml", &stack());
    let changed = apply(&report, Allowed::Safe);
    let [file] = changed.as_slice() else { panic!("one file changes, not {}", changed.len()) };
    assert_eq!(file.left, 1, "taking the list's one item out meets the one that is added");
    let again = apply(&crate::support::report("compose.yaml", &file.text), Allowed::Safe);
    let [file] = again.as_slice() else { panic!("the rest can be applied now") };
    assert_eq!(file.left, 0);
    assert!(!file.text.contains("seccomp:unconfined") && !file.text.contains("exec"));
    assert!(file.text.contains("# our shop\n") && file.text.contains("\"8080:80\"   # for everybody"));
    assert_eq!(file.text.matches("no-new-privileges:true").count(), 2, "{}", file.text);
    let after = crate::support::report("compose.yaml", &file.text);
    let ids: Vec<u16> = after.findings.iter().map(|finding| finding.rule.id.0).collect();
    assert!(!ids.contains(&407) && !ids.contains(&435), "{ids:?}");
    assert!(
        apply(&after, Allowed::Safe)
            .iter()
            .all(|file| file.applied.iter().all(|fix| !fix.finding.contains("plain")))
    );
    assert!(!file.diff.contains("hunter2"), "{}", file.diff);
    let diff = "     security_opt:\n       - no-new-privileges:true\n-      - seccomp:unconfined\n     environment:\n";
    assert!(file.diff.contains(diff), "{}", file.diff);
}

#[test]
fn unsafe_fixes_say_what_they_can_break() {
    let report = report("compose.yaml", &stack());
    let changed = apply(&report, Allowed::All);
    let file = &changed[0];
    assert!(file.text.contains("\"127.0.0.1:8080:80\"") && file.text.contains("read_only: true"));
    assert!(file.applied.iter().any(|fix| fix.breaks.is_some()));
    let after = crate::support::report("compose.yaml", &file.text);
    let left = |id: u16| after.findings.iter().filter(|finding| finding.rule.id.0 == id).count();
    assert_eq!((left(419), left(423)), (0, 0));
}

#[test]
fn what_anchors_make_is_not_touched() {
    let text = "x-base: &base\n  image: a\nservices:\n  web:\n    <<: *base\n    security_opt: &opts\n      - seccomp:unconfined\n  db:\n    image: b\n    security_opt: *opts\n";
    let report = report("compose.yaml", text);
    for file in apply(&report, Allowed::All) {
        assert!(file.applied.iter().all(|fix| !fix.finding.ends_with(" web")), "{:?}", file.applied);
        assert!(file.text.contains("&opts\n      - seccomp:unconfined"), "{}", file.text);
    }
}

#[test]
fn a_command_line_is_shown_and_never_written() {
    let words = ["docker", "run", "--security-opt", "seccomp=unconfined", "alpine"].map(str::to_owned);
    let report =
        audited(Input::Argv(words.to_vec()), &crate::support::Memory::default(), &Ignores::default());
    let changed = apply(&report, Allowed::Safe);
    assert_eq!(changed[0].path, None);
    assert_eq!(changed[0].text, "docker run --rm --security-opt=no-new-privileges alpine");
}
