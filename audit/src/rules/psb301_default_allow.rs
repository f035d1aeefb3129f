//! A profile that allows what it does not name.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::{ProfileFile, ProfileForm};
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use perry_sandbox_compose::Mapping;

const GRADE: Derivation = Derivation::of(Precondition::SecondFlaw, Reach::Host);

pub(super) static RULE: Rule = Rule {
    id: RuleId(301),
    slug: "default-allow",
    title: "a profile that allows what it does not name",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand(
        "invert the profile: answer with an error by default, and list the calls that are needed",
    ),
    cwe: &[183],
    cis: &[],
    page: include_str!("../../pages/PSB301.md"),
    checks: &[Check::Profile(check)],
};

fn check(profile: &ProfileFile, reporter: &mut Reporter<'_>) {
    for document in &profile.documents {
        let default = match profile.form {
            ProfileForm::Docker => document.get("defaultAction"),
            ProfileForm::Operator => document.get("spec").and_then(|spec| spec.get("defaultAction")),
            ProfileForm::Seccompiler => None,
        };
        let filters = document.mapping().into_iter().flat_map(Mapping::iter);
        let threads = filters
            .filter_map(|(_, filter)| filter.get("default_action").or_else(|| filter.get("mismatch_action")));
        let threads = threads.filter(|_| profile.form == ProfileForm::Seccompiler);
        for action in default.into_iter().chain(threads) {
            let (Some(text), Some(place)) = (action.text(), profile.place(action.span)) else { continue };
            if matches!(text, "SCMP_ACT_ALLOW" | "allow") {
                let message =
                    "every call that the profile does not name is allowed, those of the next kernel too";
                reporter.found(GRADE, &profile.target, place, text, message).label("allows by default");
            }
        }
    }
}
