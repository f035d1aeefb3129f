use std::collections::BTreeSet;

use perry_sandbox_compose::{Node, Span};
use perry_sandbox_policy::{HostPath, InsidePath, VolumeAccess, VolumeMount, VolumeName, WantedMount};
use perry_sandbox_reference::Digest;

use super::asker::Asker;
use super::memory;
use crate::model::{At, Mount, MountKind};

/// Sockets whose holder commands an engine, by the end of their path.
const CONTROL_SOCKETS: [&str; 7] = [
    "docker.sock",
    "podman.sock",
    "containerd.sock",
    "crio.sock",
    "buildkitd.sock",
    "dockershim.sock",
    "io.podman",
];

/// A sandbox's labels say whose own volumes it sees, in one of them.
const MOST_LENDERS: usize = 8;
/// What is in the name of a volume that has none in the files.
const ANONYMOUS: &str = "-anonymous-";

pub(super) fn volumes(asker: &mut Asker<'_>, _: Span, node: &Node) {
    for part in node.sequence().unwrap_or_default() {
        for (kind, attribute) in
            [("volume", "subpath"), ("bind", "propagation"), ("bind", "selinux"), ("bind", "recursive")]
        {
            if let Some(found) = part.get(kind).and_then(|options| options.get(attribute)) {
                asker.not_yet(found.span, &format!("volumes.{kind}.{attribute}"), "leave it out");
            }
        }
    }
    let service = asker.service;
    for mount in &service.mounts {
        match &mount.value.kind {
            MountKind::Bind(source) => bind(asker, mount, source),
            MountKind::Named(name) => named(asker, mount, name),
            MountKind::Anonymous => anonymous(asker, mount),
            MountKind::Other(kind) if matches!(kind.as_str(), "npipe" | "cluster") => {
                let why = "it is about another system";
                asker.never(mount.span, &format!("volumes.type: {kind}"), why, "use a named volume");
            }
            MountKind::Other(kind) => {
                asker.not_yet(mount.span, &format!("volumes.type: {kind}"), "use a named volume");
            }
            // Those of `tmpfs` are looked at there.
            MountKind::Memory(options)
                if node.span.start <= mount.span.start && mount.span.end <= node.span.end =>
            {
                memory::ask(asker, mount, options);
            }
            MountKind::Memory(_) => {}
        }
    }
}

/// A volume without a name is the service's own, by a name of ours: of the service and of the place, so that the service
/// that is made anew has it again.
fn anonymous(asker: &mut Asker<'_>, mount: &At<Mount>) {
    let target = &mount.value.target;
    let attribute = format!("volumes: {target}");
    let name = name_of(&asker.service.name, target);
    if asker.service.replicas > 1 {
        let instead = "start one of it, or give the volume a name and let all of them have it";
        return asker.not_yet(mount.span, &attribute, instead);
    }
    if asker.stack.volumes.contains_key(&name) {
        let why = format!("the volume `{name}` of the project would be the same");
        return asker.never(mount.span, &attribute, &why, "give it a name");
    }
    named(asker, mount, &name);
    if asker.demand.project.volumes.iter().any(|one| one.volume.to_string() == name) {
        asker.demand.anonymous.push(name);
    }
}

fn name_of(service: &str, target: &str) -> String {
    let place: String = Digest::of(target.as_bytes()).hex().chars().take(8).collect();
    format!("{service}{ANONYMOUS}{place}")
}

/// What other services see, at the same places. Of two that have the same place the last one's is seen, and what the service
/// has there itself goes before all.
pub(super) fn volumes_from(asker: &mut Asker<'_>, _: Span, node: &Node) {
    let mut taken: BTreeSet<String> =
        asker.service.mounts.iter().map(|mount| mount.value.target.clone()).collect();
    let mut lenders = lenders(node);
    let mut seen = BTreeSet::new();
    while let Some(Lender { span, name, read_only }) = lenders.pop() {
        let Some(lender) = asker.stack.services.get(&name) else {
            let why = "it is no service of the project, with `:ro` or `:rw` behind it or without";
            asker.never(
                span,
                &format!("volumes_from: {name}"),
                why,
                "share a volume of the project by its name",
            );
            continue;
        };
        // The files have no circle of these.
        if !seen.insert((name.clone(), read_only)) {
            continue;
        }
        for mount in lender.mounts.iter().filter(|mount| is_lent(&mount.value.kind)) {
            let mut value = mount.value.clone();
            value.read_only |= read_only;
            if taken.insert(value.target.clone()) {
                borrow(asker, &name, &At::new(value, span));
            }
        }
        let further = lender.attributes.get("volumes_from").map(|(_, node)| self::lenders(node));
        let further = further.unwrap_or_default().into_iter();
        lenders.extend(further.map(|one| Lender { span, read_only: one.read_only || read_only, ..one }));
    }
}

/// What a service has in memory, it has alone; what it cannot have is refused where it asks for it.
const fn is_lent(kind: &MountKind) -> bool {
    match kind {
        MountKind::Bind(_) | MountKind::Named(_) | MountKind::Anonymous => true,
        MountKind::Memory(_) | MountKind::Other(_) => false,
    }
}

struct Lender {
    span: Span,
    name: String,
    read_only: bool,
}

/// In their order.
fn lenders(node: &Node) -> Vec<Lender> {
    let lender = |part: &Node| {
        let text = part.text()?;
        let (name, read_only) = match text.rsplit_once(':') {
            Some((name, "ro")) => (name, true),
            Some((name, "rw")) => (name, false),
            _ => (text, false),
        };
        Some(Lender { span: part.span, name: name.to_owned(), read_only })
    };
    node.sequence().unwrap_or_default().iter().filter_map(lender).collect()
}

fn borrow(asker: &mut Asker<'_>, lender: &str, mount: &At<Mount>) {
    match &mount.value.kind {
        MountKind::Bind(source) => bind(asker, mount, source),
        MountKind::Named(name) => named(asker, mount, name),
        MountKind::Anonymous => {
            let name = name_of(lender, &mount.value.target);
            named(asker, mount, &name);
            asker.demand.borrowed.insert(name, lender.to_owned());
            if asker.demand.borrowed.values().collect::<BTreeSet<_>>().len() > MOST_LENDERS {
                let instead = "give volumes names that several services see";
                asker.never(
                    mount.span,
                    "volumes_from",
                    "it has volumes without a name of more than 8 services",
                    instead,
                );
            }
        }
        MountKind::Memory(_) | MountKind::Other(_) => {}
    }
}

fn named(asker: &mut Asker<'_>, mount: &At<Mount>, name: &str) {
    let volume = match asker.stack.volumes.get(name).filter(|volume| volume.external) {
        Some(volume) => VolumeName::of_outside(&volume.name),
        None => name.parse(),
    };
    let volume = volume.map_err(|error| format!("{error}"));
    let path = mount.value.target.parse::<InsidePath>().map_err(|error| format!("{error}"));
    match (volume, path) {
        (Ok(volume), Ok(path)) => {
            let access = if mount.value.read_only { VolumeAccess::Read } else { VolumeAccess::Write };
            asker.demand.project.volumes.push(VolumeMount { volume, path, access });
        }
        (Err(why), _) | (_, Err(why)) => {
            asker.never(mount.span, "volumes", &why, "use another name, or another place");
        }
    }
}

fn bind(asker: &mut Asker<'_>, mount: &At<Mount>, source: &str) {
    let attribute = format!("volumes: {source}:{}", mount.value.target);
    let file = source.rsplit('/').next().unwrap_or_default();
    if CONTROL_SOCKETS.contains(&file) {
        // SECURITY: who holds an engine's socket starts any container on the host, privileged ones too.
        let why = "who holds an engine's socket commands the host";
        return asker.never(mount.span, &attribute, why, "leave it out");
    }
    if let Err(error) = source.parse::<HostPath>() {
        return asker.never(
            mount.span,
            &attribute,
            &error.to_string(),
            "mount a folder that holds data only",
        );
    }
    let target = match mount.value.target.parse::<InsidePath>() {
        Ok(target) => target,
        Err(error) => {
            return asker.never(mount.span, &attribute, &error.to_string(), "mount it at another place");
        }
    };
    let grants = &mut asker.demand.grants;
    let list = if mount.value.read_only { &mut grants.mounts_read } else { &mut grants.mounts_write };
    list.push(WantedMount { source: source.to_owned(), target: Some(target) });
    asker.demand.binds.push(At::new(source.to_owned(), mount.span));
}

pub(super) fn devices(asker: &mut Asker<'_>, _: Span, node: &Node) {
    for device in node.sequence().unwrap_or_default() {
        let text = |key: &str| device.get(key).and_then(Node::text).unwrap_or_default();
        let (source, target) = (text("source"), text("target"));
        if source == target || target.is_empty() {
            asker.demand.grants.devices.push(source.to_owned());
        } else {
            let instead = format!("name it as it is: `{source}`");
            asker.not_yet(device.span, &format!("devices: {source}:{target}"), &instead);
        }
    }
}
