use perry_sandbox_compose::Node;

use super::asker::Asker;

const OWN: [&str; 3] = ["x-perry-tier", "x-perry-backend", "x-perry-egress"];

/// Our own keys. They can ask, and tighten; the policy decides.
pub(super) fn ask(asker: &mut Asker<'_>) {
    let service = asker.service;
    for (key, node) in service.extensions.iter().filter(|(key, _)| key.starts_with("x-perry-")) {
        let text = node.value.text();
        match (key.as_str(), text) {
            ("x-perry-tier", Some(tier)) => match tier.parse() {
                Ok(tier) => asker.demand.tier = Some(tier),
                Err(error) => asker.never(node.span, key, &format!("{error}"), "write a tier of the policy"),
            },
            ("x-perry-backend", Some(backend)) => asker.demand.backend = Some(backend.to_owned()),
            ("x-perry-egress", _) => egress(asker, key, &node.value),
            _ if OWN.contains(&key.as_str()) => {
                asker.never(node.span, key, "its value must be text", "write one word");
            }
            _ => {
                let instead = format!("there are {}", OWN.map(|key| format!("`{key}`")).join(", "));
                asker.never(node.span, key, "there is no such key", &instead);
            }
        }
    }
}

fn egress(asker: &mut Asker<'_>, key: &str, node: &Node) {
    let only = std::slice::from_ref(node);
    for item in node.sequence().unwrap_or(only) {
        match item.text() {
            Some(host) => asker.demand.grants.egress.push(host.to_owned()),
            None => asker.never(item.span, key, "it must be a list of texts", "write `host:port`"),
        }
    }
}
