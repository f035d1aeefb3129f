//! A host without a port.

use crate::grade::Grade;
use crate::input::Refused;
use crate::rule::{Check, Persona, Remedy, Rule, RuleId};
use perry_sandbox_policy::RefusalCode;

pub(super) static RULE: Rule = Rule {
    id: RuleId(204),
    slug: "egress-no-port",
    title: "a host without a port",
    grades: &[Grade::Refused],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("add the port: `api.example.org:443`"),
    cwe: &[284],
    cis: &[],
    page: include_str!("../../pages/PSB204.md"),
    checks: &[Check::Refusal(claims)],
};

fn claims(refused: &Refused) -> bool {
    let host = refused.text.trim_start_matches('[');
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port == "*" || port.parse::<u16>().is_ok());
    refused.is(&[RefusalCode::BadValue]) && refused.has("egress") && !has_port
}
