use std::collections::BTreeMap;
use std::fmt::Write as _;

use perry_sandbox_stack::{Demands, Judged, Judgement};

/// The verdicts for people: a line a service, and below it why not, or what is done otherwise. Reasons that another service
/// before it has word for word are not written out again.
pub(crate) fn verdicts(demands: &Demands, judged: &[Judged]) -> String {
    let width = demands.services.keys().map(|name| name.chars().count()).max().unwrap_or_default();
    let judged: BTreeMap<&str, &Judged> = judged.iter().map(|one| (one.service.as_str(), one)).collect();
    let mut text = String::new();
    let mut told: BTreeMap<Vec<String>, &str> = BTreeMap::new();
    for (name, demand) in &demands.services {
        let found = judged.get(name.as_str());
        let word = found.map_or("refused", |one| one.judgement.word());
        let signed = found.and_then(|one| one.signed.as_ref());
        let signed = signed.map_or_else(String::new, |signed| {
            let built = if found.is_some_and(|one| one.built.is_some()) { "built here, " } else { "" };
            format!("{built}signed by {}, {}", signed.signers.join(", "), signed.digest)
        });
        let _ = writeln!(text, "{}", format!("{name:<width$}  {word:<13}  {signed}").trim_end());
        let reasons = found.map(|one| one.judgement.reasons()).unwrap_or_default();
        if let Some(other) = told.get(&reasons) {
            let _ = writeln!(text, "    as `{other}`");
        } else {
            for reason in &reasons {
                let _ = writeln!(text, "    {reason}");
            }
        }
        if !reasons.is_empty() {
            told.entry(reasons).or_insert(name);
        }
        if found.is_some_and(|one| matches!(one.judgement, Judgement::Allowed(_))) {
            for note in &demand.notes {
                let _ = writeln!(text, "    note: {note}");
            }
        }
    }
    text
}
