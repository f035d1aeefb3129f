//! Each rule finds exactly what its fixture marks, at exactly that text, and nothing in the hardened version.
//!
//! A fixture is a list of cases: `=== bad NAME`, `=== good NAME`, each with more files behind `=== with NAME`. A name of `argv`
//! is a command line. What a finding of the rule must point at stands between `«` and `»`. Behind a name, `!writable` lets
//! others write the file, and `!link=PATH` makes it a link.

use perry_sandbox_audit::{CATALOGUE, Ignores, Input, RuleId};

use crate::support::{Held, Memory, audited};

/// A file with the ranges that its marks enclose.
type Marked = (String, Held, Vec<(usize, usize)>);

#[derive(Debug, Default)]
struct Case {
    is_bad: bool,
    line: usize,
    files: Vec<Marked>,
}

/// The text without marks, and what stood between them.
fn unmarked(marked: &str) -> (String, Vec<(usize, usize)>) {
    let (mut text, mut open, mut spans) = (String::new(), Vec::new(), Vec::new());
    for char in marked.chars() {
        match char {
            '«' => open.push(text.len()),
            '»' => spans.push((open.pop().expect("a mark that closes has opened"), text.len())),
            other => text.push(other),
        }
    }
    spans.sort_unstable();
    (text, spans)
}

fn cases(fixture: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut body = String::new();
    let finish = |cases: &mut Vec<Case>, body: &mut String| {
        if let Some((_, held, spans)) = cases.last_mut().and_then(|case| case.files.last_mut()) {
            (held.text, *spans) = unmarked(body);
        }
        body.clear();
    };
    for (number, line) in fixture.lines().enumerate() {
        let Some(heading) = line.strip_prefix("=== ") else {
            body.push_str(line);
            body.push('\n');
            continue;
        };
        finish(&mut cases, &mut body);
        let mut words = heading.split(' ');
        let (kind, name) = (words.next().unwrap_or_default(), words.next().expect("a case has a file"));
        let mut held = Held::default();
        for word in words {
            match word.strip_prefix("!link=") {
                Some(link) => held.link = Some(link.to_owned()),
                None => held.writable |= word == "!writable",
            }
        }
        match kind {
            "bad" | "good" => cases.push(Case { is_bad: kind == "bad", line: number + 1, ..Case::default() }),
            "with" => {}
            other => panic!("`{other}` is no kind of case"),
        }
        cases.last_mut().expect("a case has begun").files.push((name.to_owned(), held, Vec::new()));
    }
    finish(&mut cases, &mut body);
    cases
}

/// What is wrong with a case; nothing if it is right.
fn check(id: RuleId, case: &Case) -> Option<String> {
    let memory =
        Memory(case.files.iter().map(|(name, held, _)| (format!("/p/{name}"), held.clone())).collect());
    let (name, held, _) = &case.files[0];
    let input = if name == "argv" {
        Input::Argv(held.text.split_whitespace().map(str::to_owned).collect())
    } else {
        Input::File {
            name: name.clone(),
            path: Some(format!("/p/{name}")),
            bytes: held.text.clone().into_bytes(),
        }
    };
    let report = audited(input, &memory, &Ignores::default());
    let mut found: Vec<(String, usize, usize)> = Vec::new();
    for finding in report.findings.iter().filter(|finding| finding.rule.id == id) {
        assert!(finding.rule.grades.contains(&finding.grade), "{id}: a grade that the rule does not state");
        assert!(!finding.message.is_empty() && !finding.help.is_empty(), "{id}: says nothing");
        found.push((
            report.texts.name(finding.place.file).replace("<command line>", "argv"),
            finding.place.start,
            finding.place.end,
        ));
    }
    found.sort();
    found.dedup();
    let mut wanted: Vec<(String, usize, usize)> = case
        .files
        .iter()
        .flat_map(|(name, _, spans)| spans.iter().map(move |(start, end)| (name.clone(), *start, *end)))
        .collect();
    wanted.sort();
    let shown = |list: &[(String, usize, usize)]| -> Vec<String> {
        let text = |name: &str| {
            case.files.iter().find(|(known, ..)| known == name).map_or("", |(_, held, _)| &held.text)
        };
        list.iter()
            .map(|(name, start, end)| format!("{name}: `{}`", text(name).get(*start..*end).unwrap_or("?")))
            .collect()
    };
    (found != wanted).then(|| {
        let all = report.findings.iter().map(|finding| format!("{} {}", finding.rule.id, finding.message));
        let (found, wanted, line) = (shown(&found), shown(&wanted), case.line);
        format!(
            "{id}, case at line {line}: found {found:#?}, wanted {wanted:#?}, of {:#?}\n",
            all.collect::<Vec<_>>()
        )
    })
}

/// Rules whose findings come of more than files; the test that holds them.
const ELSEWHERE: &[(u16, &str)] = &[
    (439, "report::what_a_policy_denies_is_told_at_the_service"),
    (904, "ignores::a_baseline_of_another_version_is_told"),
    (905, "audit::tests::a_rule_that_fails_is_told"),
];

#[test]
fn each_rule_finds_what_its_fixture_marks_and_nothing_else() {
    let mut without = Vec::new();
    let mut wrong = String::new();
    for row in &CATALOGUE {
        let path = format!("{}/tests/fixtures/{}.txt", env!("CARGO_MANIFEST_DIR"), row.id);
        let Ok(fixture) = std::fs::read_to_string(&path) else {
            without.push(row.id.0);
            continue;
        };
        let cases = cases(&fixture);
        assert!(cases.iter().any(|case| case.is_bad), "{}: no bad case", row.id);
        assert!(cases.iter().any(|case| !case.is_bad), "{}: no good case", row.id);
        for case in &cases {
            let marked = case.files.iter().any(|(_, _, spans)| !spans.is_empty());
            assert_eq!(
                marked, case.is_bad,
                "{}: a bad case has marks, a good one none (line {})",
                row.id, case.line
            );
            wrong.extend(check(row.id, case));
        }
    }
    without.retain(|id| !ELSEWHERE.iter().any(|(known, _)| known == id));
    assert_eq!(without, Vec::<u16>::new(), "rules without a fixture");
    assert!(wrong.is_empty(), "{wrong}");
}
