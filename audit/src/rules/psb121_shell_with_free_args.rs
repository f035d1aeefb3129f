//! A shell that runs the caller's text.

use super::command::commands;
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::PolicyFile;
use crate::place::Place;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::SupportedCall, Reach::OtherSandboxes);

pub(super) static RULE: Rule = Rule {
    id: RuleId(121),
    slug: "shell-with-free-args",
    title: "a shell that runs the caller's text",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("name the program that is meant, and let the caller give only its arguments"),
    cwe: &[78],
    cis: &[],
    page: include_str!("../../pages/PSB121.md"),
    checks: &[Check::Policy(check)],
};

/// Programs that run what they are given.
const RUNNERS: [&str; 22] = [
    "ash", "awk", "bash", "busybox", "csh", "dash", "env", "eval", "fish", "ksh", "lua", "node", "nohup",
    "perl", "php", "python", "python3", "ruby", "sh", "tclsh", "xargs", "zsh",
];

fn check(policy: &PolicyFile, reporter: &mut Reporter<'_>) {
    for command in commands(policy) {
        let Some((target, program)) = command.program() else { continue };
        let name = program.value.rsplit('/').next().unwrap_or_default();
        let has_script = command.words.iter().skip(1).any(|word| is_script(&word.value));
        if RUNNERS.contains(&name) && !has_script && command.takes_arguments {
            let place = command
                .words
                .last()
                .map_or(program.place, |last| Place { start: program.place.start, ..last.place });
            let message = format!("`{}` runs whatever the caller writes", target.name);
            let found = reporter.found(GRADE, &target, place, name, message);
            found.label("the caller's arguments are its program");
        }
    }
}

/// Whether a word is a program or a script of the policy, to which the caller's words are arguments: no option, no further
/// runner as in `env bash`, no variable for it, and not a script that runs its arguments.
fn is_script(word: &str) -> bool {
    let name = word.rsplit('/').next().unwrap_or_default();
    let is_variable = !word.contains(' ')
        && word
            .split_once('=')
            .is_some_and(|(name, _)| name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric()));
    let bare = word.trim().trim_start_matches("exec ").trim_matches('"');
    let runs_arguments = matches!(bare, "$@" | "$*" | "$0" | "$1") || word.contains("eval ");
    !word.starts_with('-') && !RUNNERS.contains(&name) && !is_variable && !runs_arguments
}
