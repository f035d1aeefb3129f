//! A program that the image's PATH finds.

use super::command::commands;
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::PolicyFile;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::SecondFlaw, Reach::ThisSandbox);

pub(super) static RULE: Rule = Rule {
    id: RuleId(120),
    slug: "relative-command",
    title: "a program that the image's PATH finds",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("write the program's absolute path: `/usr/bin/check`"),
    cwe: &[426],
    cis: &[],
    page: include_str!("../../pages/PSB120.md"),
    checks: &[Check::Policy(check)],
};

fn check(policy: &PolicyFile, reporter: &mut Reporter<'_>) {
    for (target, program) in commands(policy).into_iter().filter_map(|command| command.program()) {
        if !program.value.starts_with('/') {
            let message = format!("the image's PATH decides which `{}` runs", program.value);
            reporter.found(GRADE, &target, program.place, program.value, message).label("no path");
        }
    }
}
