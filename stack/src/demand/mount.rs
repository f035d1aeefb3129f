use perry_sandbox_compose::{Node, Span};
use perry_sandbox_policy::{HostPath, InsidePath, VolumeAccess, VolumeMount, VolumeName, WantedMount};

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
            MountKind::Anonymous => {
                let attribute = format!("volumes: {}", mount.value.target);
                asker.not_yet(mount.span, &attribute, "give the volume a name: nobody would find it again");
            }
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
