use perry_sandbox_compose::{Node, Span};

use super::service::Services;
use crate::launch::mount::{HostFile, Mount, MountKind, host_path};
use crate::launch::{items, text};
use crate::place::Placed;

impl Services<'_> {
    /// What a service mounts.
    pub(super) fn mounts(&self, service: &Node) -> Vec<Mount> {
        items(service.get("volumes")).iter().filter_map(|mount| self.mount(mount)).collect()
    }

    fn mount(&self, mount: &Node) -> Option<Mount> {
        let read = self.reader;
        let kind = match mount.get("type").and_then(Node::text) {
            Some("bind") => MountKind::Bind,
            Some("volume") => MountKind::Volume,
            Some("tmpfs") => MountKind::Tmpfs,
            _ => MountKind::Other,
        };
        let source = read.text(mount.get("source"));
        let host = match kind {
            MountKind::Bind => source.clone().map(|source| source.map(|path| self.path(&path))),
            MountKind::Volume => source.as_ref().and_then(|source| self.bound_by_driver(&source.value)),
            MountKind::Tmpfs | MountKind::Other => None,
        };
        let bind = mount.get("bind");
        Some(Mount {
            kind,
            source,
            host,
            target: mount.get("target").and_then(text).unwrap_or_default(),
            read_only: read.boolean(mount.get("read_only")).is_some_and(|read_only| read_only.value),
            propagation: bind.and_then(|bind| read.text(bind.get("propagation"))),
            place: read.place(mount.span)?,
        })
    }

    fn path(&self, path: &str) -> String {
        host_path(path, Some(self.folder), self.home)
    }

    /// The path of the host that a named volume's driver binds, if it does.
    fn bound_by_driver(&self, name: &str) -> Option<Placed<String>> {
        let options = self.model.get("volumes")?.get(name)?.get("driver_opts")?;
        let device = options.get("device")?;
        let mode = options.get("o").and_then(text).unwrap_or_default();
        let binds = mode.split(',').any(|word| matches!(word.trim(), "bind" | "rbind"))
            || options.get("type").and_then(text).is_some_and(|kind| kind == "none");
        let path = text(device).filter(|_| binds)?;
        Some(Placed::new(self.path(&path), self.reader.place(device.span)?))
    }

    /// Secrets and configs of a service that are files of the host.
    pub(super) fn host_files(&self, service: &Node) -> Vec<HostFile> {
        let mut found = Vec::new();
        for section in ["secrets", "configs"] {
            for used in items(service.get(section)) {
                let name = used.get("source").or(Some(used)).and_then(text);
                let Some(name) = name else { continue };
                let Some(definition) = self.model.get(section).and_then(|all| all.get(&name)) else {
                    continue;
                };
                let file = definition.get("file");
                found.extend(file.and_then(|file| self.host_file(&name, file, file.span)));
            }
        }
        found
    }

    fn host_file(&self, name: &str, file: &Node, span: Span) -> Option<HostFile> {
        let path = Placed::new(self.path(&text(file)?), self.reader.place(span)?);
        Some(HostFile { path, name: name.to_owned() })
    }
}
