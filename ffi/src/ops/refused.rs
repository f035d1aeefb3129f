//! A "no" of policy or verifier, as a fault and as an exit code.

use perry_sandbox_pipeline::{Answer, Asked, Class};
use perry_sandbox_policy::{Denial, DenyKind, DenyReason, Explanation, Verdict};
use perry_sandbox_verifier::DenialClass;
use serde_json::{Value, json};

use crate::code::Code;
use crate::fault::{Fault, of_class};
use crate::ops::result::camel;

/// What kind of a "no" the policy's is. A "no" of the policy goes first, since no other host or signature would change it.
fn class_of(denial: &Denial) -> Class {
    let has = |kind| denial.iter().any(|reason| reason.code.kind() == kind);
    if has(DenyKind::Policy) {
        Class::Denied
    } else if has(DenyKind::NotVerified) {
        Class::NotVerified
    } else {
        Class::NotAvailable
    }
}

/// What kind of a "no" the answer is; nothing if it is a yes.
pub(super) fn class(answer: &Answer<'_>) -> Option<Class> {
    match answer {
        Answer::NotAsked(denial) => Some(class_of(denial)),
        Answer::NotVerified(denial) => Some(match denial.class {
            DenialClass::NotVerified => Class::NotVerified,
            DenialClass::Failure => Class::Registry,
        }),
        Answer::Broken(_) => Some(Class::NotVerified),
        Answer::Decided(decided) => match &decided.verdict {
            Verdict::Allow(_) => None,
            Verdict::Deny(denial) => Some(class_of(denial)),
        },
    }
}

/// The exit code that the command line has for it.
pub(super) fn exit(class: Option<Class>) -> u8 {
    match class {
        None => 0,
        Some(Class::Denied) => 120,
        Some(Class::NotVerified) => 121,
        Some(Class::NotAvailable) => 122,
        Some(_) => 125,
    }
}

/// The explanation of the answer, where policy said something.
pub(super) fn explanation(asked: &Asked<'_>) -> Option<Explanation> {
    match &asked.answer {
        Answer::NotAsked(denial) => {
            Some(Explanation::of_denial(&asked.policy, &asked.request, denial, asked.now))
        }
        Answer::Decided(decided) => Some(decided.explanation.clone()),
        Answer::NotVerified(_) | Answer::Broken(_) => None,
    }
}

/// The fault of a wish that was not admitted.
pub(super) fn fault(asked: &Asked<'_>) -> Fault {
    match &asked.answer {
        Answer::NotVerified(denial) => not_verified(denial),
        Answer::Broken(error) => Fault::new(Code::NotVerified, error.to_string()),
        Answer::NotAsked(denial) => denied(asked, denial),
        Answer::Decided(decided) => match &decided.verdict {
            Verdict::Deny(denial) => denied(asked, denial),
            Verdict::Allow(_) => Fault::internal(),
        },
    }
}

/// The verifier's "no".
pub(super) fn not_verified(denial: &perry_sandbox_verifier::Denial) -> Fault {
    let code = match denial.class {
        DenialClass::NotVerified => Code::NotVerified,
        DenialClass::Failure => Code::Registry,
    };
    let details = serde_json::to_value(denial).map_or(Value::Null, camel);
    Fault::new(code, denial.to_string().trim_end()).with(&details)
}

/// One reason of the policy.
pub(super) fn reason(reason: &DenyReason) -> Value {
    json!({
        "code": reason.code, "row": reason.row, "wanted": reason.wanted, "found": reason.found,
        "remedy": reason.remedy,
    })
}

fn denied(asked: &Asked<'_>, denial: &Denial) -> Fault {
    let reasons: Vec<_> = denial.iter().map(reason).collect();
    let sentences: Vec<_> = denial.iter().map(ToString::to_string).collect();
    let explanation = explanation(asked).map(|explanation| explanation.to_json());
    Fault::new(of_class(class_of(denial)), format!("denied: {}", sentences.join("; ")))
        .with(&json!({ "reasons": reasons, "explanation": explanation }))
}
