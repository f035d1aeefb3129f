use perry_sandbox_compose::Node;

use super::{At, read};

/// Something of outside that is seen inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// What it is.
    pub kind: MountKind,
    /// Where it is seen.
    pub target: String,
    /// Whether it can only be read.
    pub read_only: bool,
}

/// What a mount shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountKind {
    /// A folder or file of the host.
    Bind(String),
    /// A named volume of the project.
    Named(String),
    /// A volume without a name.
    Anonymous,
    /// Memory that is gone at the end, with the options of its file system.
    Memory(Vec<String>),
    /// Something else, by its type.
    Other(String),
}

/// A secret or config that is seen as a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileMount {
    /// Its name in the project.
    pub source: String,
    /// Where it is seen.
    pub target: Option<String>,
    /// Whose it is to be.
    pub uid: Option<String>,
    /// The group that it is to have.
    pub gid: Option<String>,
    /// Who may do what with it, in octal.
    pub mode: Option<String>,
}

pub(super) fn read(service: &Node) -> Vec<At<Mount>> {
    let volumes = read::items(service.get("volumes")).iter().map(|node| At::new(mount(node), node.span));
    let memory = read::texts(service.get("tmpfs")).into_iter().map(|tmpfs| {
        let (target, options) = tmpfs.value.split_once(':').unwrap_or((&tmpfs.value, ""));
        let options = options.split(',').filter(|option| !option.is_empty()).map(str::to_owned).collect();
        let mount = Mount { kind: MountKind::Memory(options), target: target.to_owned(), read_only: false };
        At::new(mount, tmpfs.span)
    });
    volumes.chain(memory).collect()
}

fn mount(node: &Node) -> Mount {
    let source = read::text(node, "source");
    let kind = match (node.get("type").and_then(Node::text).unwrap_or_default(), source) {
        ("bind", Some(source)) => MountKind::Bind(source),
        ("volume", Some(source)) => MountKind::Named(source),
        ("volume", None) => MountKind::Anonymous,
        ("tmpfs", _) => MountKind::Memory(memory_options(node)),
        (other, _) => MountKind::Other(other.to_owned()),
    };
    let target = read::text(node, "target").unwrap_or_default();
    Mount { kind, target, read_only: read::is_true(node, "read_only") }
}

/// As the short form has them.
fn memory_options(node: &Node) -> Vec<String> {
    let option = |key: &str| node.get("tmpfs").and_then(|options| options.get(key)).and_then(read::integer);
    let size = option("size").map(|size| format!("size={size}"));
    let mode = option("mode").map(|mode| format!("mode={mode:o}"));
    size.into_iter().chain(mode).collect()
}

pub(super) fn files(service: &Node, key: &str) -> Vec<At<FileMount>> {
    let files = read::items(service.get(key)).iter().map(|node| {
        let file = FileMount {
            source: read::text(node, "source").unwrap_or_default(),
            target: read::text(node, "target"),
            uid: read::text(node, "uid"),
            gid: read::text(node, "gid"),
            mode: read::text(node, "mode"),
        };
        At::new(file, node.span)
    });
    files.collect()
}
