//! A memory file system with more than files.

use crate::finding::Edit;
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::launch::Launch;
use crate::place::{Place, Texts};
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use perry_sandbox_compose::shown;

const GRADE: Derivation = Derivation::of(Precondition::MitigationMissing, Reach::ThisSandbox);

pub(super) static RULE: Rule = Rule {
    id: RuleId(435),
    slug: "tmpfs-exec",
    title: "a memory file system with more than files",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::Safe("drop `exec`, `suid` and `dev`"),
    cwe: &[732],
    cis: &[],
    page: include_str!("../../pages/PSB435.md"),
    checks: &[Check::Launch(check)],
};

fn check(launch: &Launch, reporter: &mut Reporter<'_>) {
    for tmpfs in &launch.tmpfs {
        let Some((path, options)) = tmpfs.value.split_once(':') else { continue };
        let odd: Vec<&str> =
            options.split(',').filter(|option| matches!(option.trim(), "exec" | "suid" | "dev")).collect();
        if odd.is_empty() {
            continue;
        }
        let message = format!("`{}` has {} on at `{}`", launch.target.name, odd.join(" and "), shown(path));
        let edits = without(&tmpfs.value, path, options, &odd, tmpfs.place, reporter.texts());
        reporter
            .found(GRADE, &launch.target, tmpfs.place, odd.join(","), message)
            .label("engines leave this off")
            .safe_fix("drop what engines leave off", edits);
    }
}

/// The same value without these options.
fn without(
    value: &str,
    path: &str,
    options: &str,
    odd: &[&str],
    place: Place,
    texts: &Texts,
) -> Option<Vec<Edit>> {
    let at = texts.at(place).rfind(value)?;
    let kept: Vec<&str> = options.split(',').filter(|option| !odd.contains(option)).collect();
    let text = if kept.is_empty() { path.to_owned() } else { format!("{path}:{}", kept.join(",")) };
    let start = place.start.checked_add(at)?;
    Some(vec![Edit { place: Place { start, end: start.checked_add(value.len())?, ..place }, text }])
}
