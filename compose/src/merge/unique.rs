use std::collections::HashMap;

use crate::canonical::{volume_fault, volume_target};
use crate::error::{Problem, Reason, Report};
use crate::node::{Node, Path, Value};

/// What makes an entry of a list the one that it is: a later entry of the same takes the earlier one's place.
#[derive(Debug, Clone, Copy)]
enum Identity {
    /// The text before `=`.
    Key,
    /// Where a volume is mounted.
    Volume,
    /// What a device is in the container.
    Device,
    /// Where a config or a secret is mounted, by default below the folder.
    Mount(&'static str),
    /// A port, as a number or a text.
    Expose,
    /// Address, published and target port, and protocol.
    Port,
    /// The path of a file of variables.
    EnvFile,
}

const UNIQUE: &[(&str, Identity)] = &[
    ("networks.*.labels", Identity::Key),
    ("networks.*.ipam.options", Identity::Key),
    ("services.*.annotations", Identity::Key),
    ("services.*.build.args", Identity::Key),
    ("services.*.build.additional_contexts", Identity::Key),
    ("services.*.build.platform", Identity::Key),
    ("services.*.build.tags", Identity::Key),
    ("services.*.build.labels", Identity::Key),
    ("services.*.cap_add", Identity::Key),
    ("services.*.cap_drop", Identity::Key),
    ("services.*.configs", Identity::Mount("")),
    ("services.*.deploy.labels", Identity::Key),
    ("services.*.devices", Identity::Device),
    ("services.*.dns", Identity::Key),
    ("services.*.dns_opt", Identity::Key),
    ("services.*.dns_search", Identity::Key),
    ("services.*.environment", Identity::Key),
    ("services.*.env_file", Identity::EnvFile),
    ("services.*.expose", Identity::Expose),
    ("services.*.labels", Identity::Key),
    ("services.*.links", Identity::Key),
    ("services.*.networks.*.aliases", Identity::Key),
    ("services.*.networks.*.link_local_ips", Identity::Key),
    ("services.*.ports", Identity::Port),
    ("services.*.profiles", Identity::Key),
    ("services.*.secrets", Identity::Mount("/run/secrets")),
    ("services.*.sysctls", Identity::Key),
    ("services.*.tmpfs", Identity::Key),
    ("services.*.volumes", Identity::Volume),
];

/// Lets a later entry of a list take the place of an earlier one that is the same thing.
pub(crate) fn make_unique(project: &mut Node, report: &mut Report) {
    at(project, &Path::top(), report);
}

fn at(node: &mut Node, path: &Path<'_>, report: &mut Report) {
    if let Value::Mapping(entries) = &mut node.value {
        entries.iter_mut().for_each(|(key, value)| at(value, &path.below(&key.name), report));
    } else if let Value::Sequence(items) = &mut node.value
        && let Some((_, identity)) = UNIQUE.iter().find(|(pattern, _)| path.is(pattern))
    {
        *items = unique(std::mem::take(items), *identity, path, report);
    }
}

fn unique(items: Vec<Node>, identity: Identity, path: &Path<'_>, report: &mut Report) -> Vec<Node> {
    let mut kept: Vec<Node> = Vec::with_capacity(items.len());
    let mut places: HashMap<String, usize> = HashMap::new();
    for item in items {
        let Some(name) = identity.of(&item) else {
            let message = format!("{path}: {}", identity.wrong(&item));
            report.problem(Problem::new(Reason::SchemaType, item.span, message));
            continue;
        };
        if let Some(known) = places.get(&name).and_then(|place| kept.get_mut(*place)) {
            *known = item;
        } else {
            places.insert(name, kept.len());
            kept.push(item);
        }
    }
    kept
}

impl Identity {
    fn wrong(self, item: &Node) -> String {
        let fault = item.text().filter(|_| matches!(self, Self::Volume)).and_then(volume_fault);
        fault.unwrap_or_else(|| self.expected().to_owned())
    }

    fn expected(self) -> &'static str {
        match self {
            Self::Key => "expected a text",
            Self::Volume => "expected a mount with a target",
            Self::Device => "expected a device with a target",
            Self::Mount(_) => "expected a name, or a mapping with a source",
            Self::Expose => "expected a port as a whole number or a text",
            Self::Port => "expected a port with a target",
            Self::EnvFile => "expected a path, or a mapping with one",
        }
    }

    /// What the entry is; nothing if it is not of a form that has it. Entries of other kinds are all one: the schema
    /// refuses them.
    fn of(self, item: &Node) -> Option<String> {
        let text = |key: &str| item.get(key)?.text().map(str::to_owned);
        match (&item.value, self) {
            (Value::Text(text), Self::Key) => {
                Some(text.split_once('=').map_or(text.as_str(), |(key, _)| key).to_owned())
            }
            (Value::Text(text), Self::Volume) => volume_target(text),
            (Value::Text(text), Self::Device) => text.split(':').nth(1).or(Some(text)).map(str::to_owned),
            (Value::Text(text), Self::Mount(folder)) => Some(format!("{folder}/{text}")),
            (Value::Text(text), _) => Some(text.clone()),
            (Value::Integer(number), Self::Expose | Self::Port) => Some(number.to_string()),
            (Value::Mapping(_), Self::Volume | Self::Device) => text("target"),
            (Value::Mapping(_), Self::Mount(folder)) => match item.get("target") {
                Some(target) => target.text().map(str::to_owned),
                None => {
                    Some(format!("{folder}/{}", item.get("source").map(Node::printed).unwrap_or_default()))
                }
            },
            (Value::Mapping(_), Self::Port) => port(item),
            (Value::Mapping(_), Self::EnvFile) => text("path"),
            (_, Self::Key | Self::Expose | Self::Mount(_)) => None,
            (_, Self::Volume | Self::Device | Self::Port | Self::EnvFile) => Some(String::new()),
        }
    }
}

fn port(item: &Node) -> Option<String> {
    // A number and a text of the same digits are two things to the standard's reader.
    let part = |key: &str, default: &str| match item.get(key) {
        Some(node) => format!("{}{}", if node.text().is_some() { "" } else { "=" }, node.printed()),
        None => default.to_owned(),
    };
    item.get("target")?;
    let (host, published) = (part("host_ip", "0.0.0.0"), part("published", "<nil>"));
    Some(format!("{host}:{published}:{}/{}", part("target", ""), part("protocol", "tcp")))
}
