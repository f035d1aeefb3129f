use perry_sandbox_compose::{Node, Span};
use serde::Serialize;

use super::{At, Reader, read};

/// A service that another waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// The other service.
    pub service: String,
    /// How far it must be.
    pub condition: Condition,
    /// Whether it must be part of the project.
    pub required: bool,
    /// Whether this one is started anew when the other is.
    pub restart: bool,
}

/// How far a service must be before those that need it start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// It runs.
    Started,
    /// It runs, and a check since this start says that it is well.
    Healthy,
    /// It has ended with code 0.
    Completed,
}

pub(super) fn depends_on(service: &Node, reader: &mut Reader) -> Vec<At<Dependency>> {
    let depends = read::entries(service.get("depends_on")).into_iter().filter_map(|(key, node)| {
        let condition = match node.get("condition").and_then(Node::text) {
            None | Some("service_started") => Condition::Started,
            Some("service_healthy") => Condition::Healthy,
            Some("service_completed_successfully") => Condition::Completed,
            Some(other) => {
                let wanted = "`service_started`, `service_healthy` or `service_completed_successfully`";
                reader.wrong(node.span, "depends_on.condition", other, wanted);
                return None;
            }
        };
        let dependency = Dependency {
            service: key.name.clone(),
            condition,
            required: read::is_true(node, "required"),
            restart: read::is_true(node, "restart"),
        };
        Some(At::new(dependency, key.span))
    });
    depends.collect()
}

/// Services that are named by other attributes: `links`, `volumes_from`, and the namespaces of `service:NAME`.
pub(super) fn others(service: &Node) -> Vec<(String, Span)> {
    let first = |text: &str| text.split(':').next().unwrap_or_default().to_owned();
    let links = read::texts(service.get("links")).into_iter().map(|link| (first(&link.value), link.span));
    let volumes = read::texts(service.get("volumes_from"))
        .into_iter()
        .filter(|from| !from.value.starts_with("container:"))
        .map(|from| (first(&from.value), from.span));
    let shared = ["network_mode", "ipc", "pid"].into_iter().filter_map(|key| {
        let mode = read::text_at(service, key)?;
        Some((mode.value.strip_prefix("service:")?.to_owned(), mode.span))
    });
    links.chain(volumes).chain(shared).collect()
}
