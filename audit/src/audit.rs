//! The audit itself.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::exposure::exposures;
use crate::finding::{Finding, Target, TargetKind};
use crate::grade::Grade;
use crate::ignore::{Ignores, suppress};
use crate::input::{Around, Host, Input, Outcome, Refused, Subject, Unread, read};
use crate::place::{FileId, Place, Texts};
use crate::report::{Ran, Report};
use crate::rule::{Check, Persona, Reporter, Rule, RuleId};
use crate::rules::identities::{subjects, trusted_subjects};
use crate::rules::{self, rule};

/// What to audit, and how.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// What.
    pub inputs: &'a [Input],
    /// The caller's files.
    pub host: &'a dyn Host,
    /// What Compose files are loaded by: folder and environment. Its own files are not read.
    pub project: &'a perry_sandbox_compose::Request,
    /// Who asks.
    pub persona: Persona,
    /// What is ignored.
    pub ignores: &'a Ignores,
    /// What a policy denies, of the services of the one stack that is given.
    pub denied: &'a [Denied],
    /// The day by which ignores run out.
    pub today: jiff::civil::Date,
}

/// What a policy answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It would not run the service.
    No,
    /// It could not be asked: something was in the way.
    Unknown,
}

/// A service of which a policy does not say that it may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// The service.
    pub service: String,
    /// What it says.
    pub answer: Answer,
    /// The permanent code of the reason.
    pub code: String,
    /// The reason.
    pub message: String,
}

impl std::fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("inputs", &self.inputs)
            .field("persona", &self.persona)
            .finish_non_exhaustive()
    }
}

/// Audits everything that is given.
pub fn audit(request: &Request<'_>) -> Report {
    let mut texts = Texts::default();
    let mut outcomes = Vec::new();
    let around = Around { host: request.host, request: request.project, today: request.today };
    let mut seen: Vec<String> = Vec::new();
    let mut ungraded = Vec::new();
    for input in request.inputs {
        if is_part(input, &seen) {
            continue;
        }
        let known = texts.count();
        let mut outcome = read(input, around, &mut texts);
        if outcome.subjects.is_empty() {
            ungraded.extend(texts.ids_from(known));
        }
        for subject in &mut outcome.subjects {
            rules::mark_literals(subject, &texts);
        }
        seen.extend(outcome.files.iter().cloned());
        outcomes.push(outcome);
    }
    let left_out = outcomes.iter().filter(|outcome| outcome.left_out).count();
    let mut findings = Vec::new();
    let mut ran = Vec::new();
    let mut exposed = Vec::new();
    for outcome in &outcomes {
        unreadable(outcome, &texts, &mut findings);
        for subject in &outcome.subjects {
            let before = findings.len();
            run(subject, &texts, &mut findings, &mut ran);
            denied(subject, request.denied, &texts, &mut findings);
            exposed.extend(exposures(subject, findings.get(before..).unwrap_or_default()));
        }
    }
    findings.retain(|finding| finding.persona <= request.persona);
    suppress(request.ignores, request.today, &mut texts, &mut findings);
    findings.sort_by(|a, b| {
        let key =
            |finding: &Finding| (std::cmp::Reverse(finding.grade.rank()), finding.rule.id, finding.place);
        key(a).cmp(&key(b)).then_with(|| a.evidence.cmp(&b.evidence))
    });
    hide(&outcomes, &ungraded, &mut texts);
    Report { texts, findings, ran, exposures: exposed, left_out }
}

/// Keeps credentials out of everything that is printed: of files of which nothing could be made, by their lines.
fn hide(outcomes: &[Outcome], ungraded: &[FileId], texts: &mut Texts) {
    let subjects = outcomes.iter().flat_map(|outcome| &outcome.subjects);
    let mut places: Vec<Place> = subjects.flat_map(|subject| rules::secrets(subject, texts)).collect();
    for &file in ungraded {
        let ranges = rules::credentials(texts.text(file)).into_iter();
        places.extend(ranges.map(|range| Place { file, start: range.start, end: range.end }));
    }
    for place in places {
        texts.hide(place);
    }
}

/// Whether a file was read already, as a part of another input: an override beside its stack, a file that is included.
fn is_part(input: &Input, seen: &[String]) -> bool {
    match input {
        Input::File { path: Some(path), .. } | Input::Found { path, .. } => seen.contains(path),
        Input::File { path: None, .. } | Input::Unread { .. } | Input::Argv(_) | Input::Project(_) => false,
    }
}

/// What could not be read, as findings.
fn unreadable(outcome: &Outcome, texts: &Texts, findings: &mut Vec<Finding>) {
    let file_of = |place: Place| Target::new(TargetKind::File, texts.name(place.file));
    for Unread { kind, place, message, context, help } in &outcome.unread {
        let Some(rule) = rule(RuleId(kind.rule())) else { continue };
        let grade = rule.grades.first().copied().unwrap_or(Grade::Refused);
        let mut reporter = Reporter::new(rule, texts, findings);
        let found = reporter.found(grade, &file_of(*place), *place, message.clone(), message.clone());
        found.context.clone_from(context);
        if let Some(help) = help {
            found.help(help.clone());
        }
    }
    for refused in &outcome.refusals {
        let (refusal, place) = (&refused.refusal, refused.place);
        let mut reporter = Reporter::new(claims(refused), texts, findings);
        let evidence = format!("{} {}", refusal.code, texts.at(place));
        let found = reporter.found(Grade::Refused, &file_of(place), place, evidence, refusal.message.clone());
        found.label(refusal.label.clone());
        if let Some(help) = &refusal.help {
            found.help(help.clone());
        }
        if let (Some(place), Some((_, label))) = (refused.related, &refusal.related) {
            found.beside(place, label.clone());
        }
    }
}

/// What a policy denies, as findings at the services.
fn denied(subject: &Subject, denied: &[Denied], texts: &Texts, findings: &mut Vec<Finding>) {
    let Subject::Stack(stack) = subject else { return };
    for denied in denied {
        let (rule, says) = match denied.answer {
            Answer::No => (rules::weaker_than_policy(), "denies"),
            Answer::Unknown => (rules::gap(), "could not be asked about"),
        };
        let Some(grade) = rule.grades.first().copied() else { continue };
        if let Some(launch) = stack.launches.iter().find(|launch| launch.target.name == denied.service) {
            let message = format!("the policy {says} `{}`: {}", denied.service, denied.message);
            let evidence = format!("{} {}", denied.code, denied.message);
            Reporter::new(rule, texts, findings).found(
                grade,
                &launch.target,
                launch.place,
                evidence,
                message,
            );
        }
    }
}

/// The rule whose subject a refusal is: the most special one that says so, which are those with the highest numbers.
fn claims(refused: &Refused) -> &'static Rule {
    let claimed = rules::all().rev().find(|rule| {
        rule.checks.iter().any(|check| matches!(check, Check::Refusal(claims) if claims(refused)))
    });
    claimed.unwrap_or(rules::malformed())
}

/// Lets every rule look at a subject.
fn run(subject: &Subject, texts: &Texts, findings: &mut Vec<Finding>, ran: &mut Vec<Ran>) {
    let mut looked = Vec::new();
    for rule in rules::all() {
        let mut fits = false;
        for check in rule.checks {
            fits |= guarded(rule, *check, subject, texts, findings);
        }
        if fits {
            looked.push(rule.id);
        }
    }
    let file = subject.file();
    let targets = subject.targets(texts.name(file));
    ran.extend(targets.into_iter().map(|target| Ran { target, file, rules: looked.clone() }));
}

/// Runs one check; a check that fails is a finding that no threshold lets pass. Says whether the check is for such a subject.
fn guarded(
    rule: &'static Rule,
    check: Check,
    subject: &Subject,
    texts: &Texts,
    findings: &mut Vec<Finding>,
) -> bool {
    let mut found = Vec::new();
    let outcome =
        catch_unwind(AssertUnwindSafe(|| look(check, subject, &mut Reporter::new(rule, texts, &mut found))));
    if let Ok(fits) = outcome {
        findings.append(&mut found);
        return fits;
    }
    let file = subject.file();
    let target = Target::new(TargetKind::File, texts.name(file));
    let message = format!("rule {} failed on this file; nothing that it would have found is here", rule.id);
    let place = texts.line(file, 1).unwrap_or_else(|| texts.whole(file));
    Reporter::new(rules::crashed(), texts, findings).found(
        Grade::Refused,
        &target,
        place,
        rule.id.to_string(),
        message,
    );
    true
}

fn look(check: Check, subject: &Subject, reporter: &mut Reporter<'_>) -> bool {
    match (check, subject) {
        (Check::Launch(look), Subject::Stack(stack)) => {
            stack.launches.iter().for_each(|launch| look(launch, reporter));
            true
        }
        (Check::Stack(look), Subject::Stack(stack)) => {
            look(stack, reporter);
            true
        }
        (Check::Policy(look), Subject::Policy(policy)) => {
            look(policy, reporter);
            true
        }
        (Check::Profile(look), Subject::Profile(profile)) => {
            look(profile, reporter);
            true
        }
        (Check::Trust(look), Subject::Trust(trust)) => {
            look(trust, reporter);
            true
        }
        (Check::Identity(look), Subject::Policy(policy)) => {
            for named in subjects(policy) {
                look(&named, reporter);
            }
            true
        }
        (Check::Identity(look), Subject::Trust(trust)) => {
            for named in trusted_subjects(trust) {
                look(&named, reporter);
            }
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::launch::{Origin, Stack};
    use crate::rule::{Persona, Remedy};

    fn fails(_: &Stack, _: &mut Reporter<'_>) {
        panic!("a defect of this rule")
    }

    static FAILING: Rule = Rule {
        id: RuleId(999),
        slug: "failing",
        title: "a rule for this test",
        grades: &[Grade::Refused],
        persona: Persona::Everyone,
        remedy: Remedy::ByHand("none"),
        cwe: &[],
        cis: &[],
        page: "",
        checks: &[Check::Stack(fails)],
    };

    #[test]
    fn a_rule_that_fails_is_told() {
        let mut texts = Texts::default();
        let file = texts.add("compose.yaml", None, "services: {}\n");
        let place = texts.whole(file);
        let stack = Stack { origin: Origin::Compose, folder: None, place, launches: Vec::new() };
        let mut findings = Vec::new();
        let fits = guarded(&FAILING, Check::Stack(fails), &Subject::Stack(stack), &texts, &mut findings);
        assert!(fits);
        let [found] = findings.as_slice() else { panic!("one finding, not {}", findings.len()) };
        assert_eq!(
            (found.rule.id, found.grade, found.evidence.as_str()),
            (RuleId(905), Grade::Refused, "PSB999")
        );
    }
}
