//! A profile under which nothing starts.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use perry_sandbox_profiles::Runtime;

use crate::input::{ProfileFile, ProfileForm};

const GRADE: Derivation = Derivation::of(Precondition::SecondFlaw, Reach::ThisSandbox);

pub(super) static RULE: Rule = Rule {
    id: RuleId(315),
    slug: "missing-runtime-calls",
    title: "a profile under which nothing starts",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand(
        "add the calls, by runtime and version: `perry-sandbox profile check` lists what each needs, as measured",
    ),
    cwe: &[755],
    cis: &[],
    page: include_str!("../../pages/PSB315.md"),
    checks: &[Check::Profile(check)],
};

fn check(profile: &ProfileFile, reporter: &mut Reporter<'_>) {
    let name = match profile.form {
        ProfileForm::Docker | ProfileForm::Operator => "runc",
        ProfileForm::Own => "native",
        // Such a filter is loaded by the program itself, and not by a runtime.
        ProfileForm::Seccompiler => return,
    };
    let Some(runtime) = Runtime::find(name) else { return };
    for filter in &profile.filters {
        let needed = runtime.calls().iter().chain(runtime.sometimes());
        let missing: Vec<&str> = needed.map(|call| call.name()).filter(|call| !filter.admits(call)).collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            let message = format!("nothing starts under `{name}` with this profile: it needs {missing}");
            let found =
                reporter.found(GRADE, &profile.target, filter.default.place, missing.as_str(), message);
            found.label(format!("the answer to what `{name}` needs"));
        }
    }
}
