use perry_sandbox_compose::Node;
use serde::Serialize;

use super::{At, Reader};

/// When a service that ended is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// Never.
    No,
    /// Always.
    Always,
    /// When it failed, so many times at most; nothing: as often as it takes.
    OnFailure(Option<u32>),
    /// Always, unless somebody stopped it.
    UnlessStopped,
}

/// `restart`, else what `deploy.restart_policy` says.
pub(super) fn read(service: &Node, reader: &mut Reader) -> Option<At<Restart>> {
    if let Some(node) = service.get("restart") {
        let text = node.text()?;
        let restart = parse(text);
        if restart.is_none() {
            let wanted = "`no`, `always`, `unless-stopped`, `on-failure` or `on-failure:TIMES`";
            reader.wrong(node.span, "restart", text, wanted);
        }
        return restart.map(|restart| At::new(restart, node.span));
    }
    let policy = service.get("deploy")?.get("restart_policy")?;
    let attempts = policy.get("max_attempts").and_then(|node| reader.number(node, "max_attempts"));
    let restart = match policy.get("condition").and_then(Node::text) {
        None | Some("any") => Restart::Always,
        Some("none") => Restart::No,
        Some("on-failure") => Restart::OnFailure(attempts),
        Some(other) => {
            reader.wrong(policy.span, "restart_policy.condition", other, "`none`, `on-failure` or `any`");
            return None;
        }
    };
    Some(At::new(restart, policy.span))
}

fn parse(text: &str) -> Option<Restart> {
    match text.split_once(':').unwrap_or((text, "")) {
        ("no", "") => Some(Restart::No),
        ("always", "") => Some(Restart::Always),
        ("unless-stopped", "") => Some(Restart::UnlessStopped),
        ("on-failure", "") => Some(Restart::OnFailure(None)),
        ("on-failure", times) => times.parse().ok().map(|times| Restart::OnFailure(Some(times))),
        _ => None,
    }
}
