use std::collections::BTreeMap;

use perry_sandbox_compose::{Key, Mapping, Node, Project, Span, Value};

use super::{At, read};

/// A network of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// The name that it gets.
    pub name: String,
    /// Where it stands.
    pub span: Span,
    /// Whether it is another project's.
    pub external: bool,
    /// Whether nothing outside is reached from it.
    pub internal: bool,
    /// Its addresses.
    pub ipam: Ipam,
    /// Attributes that are not done here.
    pub others: Vec<(String, Span)>,
}

impl Network {
    /// What one of the project's is called outside, if not by the project's name and its own.
    pub fn called(&self, project: &str, key: &str) -> Option<&str> {
        let usual = self.name.strip_prefix(project).and_then(|rest| rest.strip_prefix('_')) == Some(key);
        (!self.external && !usual).then_some(self.name.as_str())
    }
}

/// The addresses of a network, as written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ipam {
    /// All of them.
    pub subnet: Option<At<String>>,
    /// The one that no sandbox gets.
    pub gateway: Option<At<String>>,
    /// Those for who asks for none.
    pub range: Option<At<String>>,
    /// Further rows of addresses: where.
    pub further: Vec<Span>,
    /// Attributes that are not done here.
    pub others: Vec<(String, Span)>,
}

/// A volume of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// The name that it gets, or has where it is not the project's own.
    pub name: String,
    /// Whether it is made elsewhere.
    pub external: bool,
    /// Where it stands.
    pub span: Span,
    /// Attributes that are not done here.
    pub others: Vec<(String, Span)>,
}

/// Where the value of a secret or config comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueSource {
    /// A file of the host.
    File(String),
    /// A variable of the caller.
    Variable(String),
    /// The project's own file.
    Content(String),
    /// Something that is not done here.
    Elsewhere(Span),
}

pub(super) fn networks(project: &Project) -> BTreeMap<String, Network> {
    section(project, "networks", |key, node| {
        let own = |key: &str, node: &Node| match key {
            "name" | "internal" | "labels" | "attachable" | "ipam" => true,
            "driver" => matches!(node.text(), Some("bridge" | "default")),
            "external" => matches!(node.value, Value::Bool(_)),
            "enable_ipv4" => matches!(node.value, Value::Bool(true)),
            _ => false,
        };
        Network {
            name: read::text(node, "name").unwrap_or_else(|| key.name.clone()),
            span: key.span,
            external: read::is_true(node, "external"),
            internal: read::is_true(node, "internal"),
            ipam: node.get("ipam").map(ipam).unwrap_or_default(),
            others: unlike(node, own),
        }
    })
}

pub(super) fn volumes(project: &Project) -> BTreeMap<String, Volume> {
    section(project, "volumes", |key, node| {
        let external = read::is_true(node, "external");
        let usual = format!("{}_{}", project.name, key.name);
        let own = |key: &str, node: &Node| match key {
            "name" => external || node.text() == Some(usual.as_str()),
            "labels" => true,
            "external" => external,
            "driver" => node.text() == Some("local"),
            _ => false,
        };
        Volume {
            name: read::text(node, "name").unwrap_or_else(|| key.name.clone()),
            external,
            span: key.span,
            others: unlike(node, own),
        }
    })
}

/// Where the values of a project's secrets come from.
pub(crate) fn secret_sources(project: &Project) -> BTreeMap<String, ValueSource> {
    values(project, "secrets")
}

pub(super) fn values(project: &Project, of: &str) -> BTreeMap<String, ValueSource> {
    section(project, of, |key, node| {
        if let Some(file) = read::text(node, "file") {
            ValueSource::File(file)
        } else if let Some(variable) = read::text(node, "environment") {
            ValueSource::Variable(variable)
        } else if let Some(content) = read::text(node, "content") {
            ValueSource::Content(content)
        } else {
            ValueSource::Elsewhere(key.span)
        }
    })
}

fn section<T>(project: &Project, name: &str, read: impl Fn(&Key, &Node) -> T) -> BTreeMap<String, T> {
    let entries = project.section(name).into_iter().flat_map(Mapping::iter);
    entries.map(|(key, node)| (key.name.clone(), read(key, node))).collect()
}

/// Attributes that are not as `own` wants them.
fn unlike(node: &Node, own: impl Fn(&str, &Node) -> bool) -> Vec<(String, Span)> {
    let entries = read::entries(Some(node)).into_iter();
    let unlike = entries.filter(|(key, node)| !key.name.starts_with('#') && !own(&key.name, node));
    unlike.map(|(key, _)| (key.name.clone(), key.span)).collect()
}

fn ipam(node: &Node) -> Ipam {
    let mut configs = read::items(node.get("config")).iter();
    let first = configs.next();
    let text = |key: &str| first.and_then(|config| read::text_at(config, key));
    let prefixed = |node: &Node, own: fn(&str, &Node) -> bool, before: &str| -> Vec<(String, Span)> {
        unlike(node, own).into_iter().map(|(key, span)| (format!("{before}.{key}"), span)).collect()
    };
    let of_all =
        |key: &str, node: &Node| key == "config" || key == "driver" && node.text() == Some("default");
    let of_one = |key: &str, _: &Node| matches!(key, "subnet" | "gateway" | "ip_range");
    let mut others = prefixed(node, of_all, "ipam");
    others.extend(first.into_iter().flat_map(|config| prefixed(config, of_one, "ipam.config")));
    Ipam {
        subnet: text("subnet"),
        gateway: text("gateway"),
        range: text("ip_range"),
        further: configs.map(|config| config.span).collect(),
        others,
    }
}
