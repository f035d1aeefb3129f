//! A port on every interface.

use crate::finding::Edit;
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::launch::{Launch, Port};
use crate::place::{Place, Texts};
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use perry_sandbox_compose::shown;

const GRADE: Derivation = Derivation::of(Precondition::MitigationMissing, Reach::ThisSandbox).from_outside();

pub(super) static RULE: Rule = Rule {
    id: RuleId(419),
    slug: "port-on-all",
    title: "a port on every interface",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::Unsafe("publish on loopback: `127.0.0.1:8080:80`"),
    cwe: &[668],
    cis: &["5.13"],
    page: include_str!("../../pages/PSB419.md"),
    checks: &[Check::Launch(check)],
};

const BREAKS: &str = "other machines no longer reach the port";

fn check(launch: &Launch, reporter: &mut Reporter<'_>) {
    let mut last = None;
    for port in &launch.ports {
        let all = match port.address.as_deref() {
            None => true,
            Some(address) => matches!(address, "0.0.0.0" | "::" | "[::]" | "*"),
        };
        // A range is one text.
        if !all || last.replace(port.place) == Some(port.place) {
            continue;
        }
        let message = format!(
            "`{}` publishes `{}` on every interface of the host",
            launch.target.name,
            shown(&port.text)
        );
        let edits = bind(port, reporter.texts());
        reporter
            .found(GRADE, &launch.target, port.place, port.text.clone(), message)
            .label("past the host's firewall, which engines write around")
            .unsafe_fix("publish on loopback only", BREAKS, edits);
    }
}

/// Loopback in front of a port's short form.
fn bind(port: &Port, texts: &Texts) -> Option<Vec<Edit>> {
    let text = texts.at(port.place);
    let at = text.rfind(&port.text).filter(|_| port.address.is_none() && !text.contains(['{', '\n', '$']))?;
    let start = port.place.start.checked_add(at)?;
    // Without a port of the host, the address needs an empty one.
    let prefix = if port.published.is_some() { "127.0.0.1:" } else { "127.0.0.1::" };
    Some(vec![Edit { place: Place { start, end: start, ..port.place }, text: prefix.to_owned() }])
}
