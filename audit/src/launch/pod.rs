//! Containers of Kubernetes Pods, and of what makes Pods.

use perry_sandbox_compose::Node;

use super::limit::cpus;
use super::mount::{Mount, MountKind, host_path};
use super::{
    Device, Launch, LaunchLimits, NamespaceMode, Namespaces, Origin, Port, Reader, SeccompChoice,
    SecurityOpt, Stack, Variable, items, text,
};
use crate::finding::{Target, TargetKind};
use crate::place::{Place, Placed};

/// Kinds with a Pod in them, and the way to it.
const WORKLOADS: &[(&str, &[&str])] = &[
    ("Pod", &["spec"]),
    ("Deployment", &["spec", "template", "spec"]),
    ("StatefulSet", &["spec", "template", "spec"]),
    ("DaemonSet", &["spec", "template", "spec"]),
    ("ReplicaSet", &["spec", "template", "spec"]),
    ("Job", &["spec", "template", "spec"]),
    ("CronJob", &["spec", "jobTemplate", "spec", "template", "spec"]),
];

fn below<'n>(node: &'n Node, way: &[&str]) -> Option<&'n Node> {
    way.iter().try_fold(node, |node, key| node.get(key))
}

fn spec_of(document: &Node) -> Option<&Node> {
    let kind = document.get("kind")?.text()?;
    let (_, way) = WORKLOADS.iter().find(|(known, _)| *known == kind)?;
    below(document, way)
}

/// Whether a document has a Pod in it.
pub(crate) fn is_workload(document: &Node) -> bool {
    let kind = document.get("kind").and_then(Node::text);
    document.get("apiVersion").is_some() && WORKLOADS.iter().any(|(known, _)| kind == Some(known))
}

/// The containers of all Pods among the documents.
pub(crate) fn read_pods(documents: &[Node], reader: Reader<'_>, place: Place) -> Stack {
    let mut launches = Vec::new();
    for spec in documents.iter().filter_map(spec_of) {
        for list in ["initContainers", "containers", "ephemeralContainers"] {
            let containers = items(spec.get(list)).iter();
            launches.extend(containers.filter_map(|container| Pod { reader, spec }.launch(container)));
        }
    }
    Stack { origin: Origin::Pod, folder: None, place, launches }
}

struct Pod<'a> {
    reader: Reader<'a>,
    spec: &'a Node,
}

fn quantity(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 10] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("m", 1e-3),
        ("", 1.0),
    ];
    let (number, unit) = UNITS.iter().find_map(|(unit, size)| Some((text.strip_suffix(unit)?, size)))?;
    number.parse::<f64>().ok().map(|number| number * unit)
}

impl Pod<'_> {
    fn launch(&self, container: &Node) -> Option<Launch> {
        let read = self.reader;
        let name = container.get("name")?;
        let target = Target::new(TargetKind::Container, text(name)?);
        let mut launch = Launch::new(target, Origin::Pod, read.place(name.span)?, None);
        launch.image = read.text(container.get("image"));
        let context = container.get("securityContext");
        let own = |key: &str| context.and_then(|context| context.get(key));
        let either = |key: &str| {
            own(key).or_else(|| self.spec.get("securityContext").and_then(|context| context.get(key)))
        };
        launch.privileged = read.boolean(own("privileged"));
        let caps = own("capabilities");
        launch.cap_add = read.texts(caps.and_then(|caps| caps.get("add")));
        launch.cap_drop = read.texts(caps.and_then(|caps| caps.get("drop")));
        launch.read_only = read.boolean(own("readOnlyRootFilesystem"));
        launch.security.extend(
            read.boolean(own("allowPrivilegeEscalation"))
                .map(|allowed| allowed.map(|allowed| SecurityOpt::NoNewPrivileges(!allowed))),
        );
        launch.security.extend(self.profiles(either("seccompProfile"), either("appArmorProfile")));
        launch.security.extend(
            read.text(own("procMount"))
                .filter(|mount| mount.value == "Unmasked")
                .map(|mount| mount.map(|_| SecurityOpt::OpenSystemPaths)),
        );
        launch.user = self.user(either("runAsUser"), either("runAsNonRoot"));
        launch.sysctls = self.sysctls();
        launch.namespaces = self.namespaces();
        launch.limits = self.limits(container);
        launch.devices = self.devices(container);
        launch.mounts = self.mounts(container);
        launch.ports = items(container.get("ports")).iter().filter_map(|port| self.port(port)).collect();
        launch.environment = items(container.get("env"))
            .iter()
            .filter_map(|variable| {
                let value = variable.get("value");
                let at = value.or_else(|| variable.get("name"))?;
                Some(Variable {
                    name: text(variable.get("name")?)?,
                    value: value.and_then(text),
                    place: read.place(at.span)?,
                })
            })
            .collect();
        launch.runtime = read.text(self.spec.get("runtimeClassName"));
        Some(launch)
    }

    fn profiles(&self, seccomp: Option<&Node>, apparmor: Option<&Node>) -> Vec<Placed<SecurityOpt>> {
        let kind = |profile: Option<&Node>| self.reader.text(profile.and_then(|profile| profile.get("type")));
        let file = |profile: Option<&Node>| {
            profile.and_then(|profile| profile.get("localhostProfile")).and_then(text).unwrap_or_default()
        };
        let seccomp = kind(seccomp).map(|kind| {
            kind.map(|kind| {
                SecurityOpt::Seccomp(match kind.as_str() {
                    "Unconfined" => SeccompChoice::Unconfined,
                    "Localhost" => SeccompChoice::File(file(seccomp)),
                    _ => SeccompChoice::Builtin,
                })
            })
        });
        let apparmor = kind(apparmor)
            .filter(|kind| kind.value == "Unconfined")
            .map(|kind| kind.map(|_| SecurityOpt::AppArmor("unconfined".to_owned())));
        seccomp.into_iter().chain(apparmor).collect()
    }

    /// `runAsUser`, or that the engine refuses root.
    fn user(&self, user: Option<&Node>, non_root: Option<&Node>) -> Option<Placed<String>> {
        self.reader.text(user).or_else(|| {
            let refused = self.reader.boolean(non_root)?;
            refused.value.then(|| refused.map(|_| "non-root".to_owned()))
        })
    }

    fn sysctls(&self) -> Vec<Placed<String>> {
        let settings = below(self.spec, &["securityContext", "sysctls"]);
        let settings = items(settings).iter().filter_map(|setting| {
            let value = setting.get("value").and_then(text).unwrap_or_default();
            Some(self.reader.text(setting.get("name"))?.map(|name| format!("{name}={value}")))
        });
        settings.collect()
    }

    fn namespaces(&self) -> Namespaces {
        let host = |key: &str| {
            let said = self.reader.boolean(self.spec.get(key))?;
            Some(said.map(|host| if host { NamespaceMode::Host } else { NamespaceMode::Own }))
        };
        let user = self.reader.boolean(self.spec.get("hostUsers")).filter(|said| !said.value);
        Namespaces {
            network: host("hostNetwork"),
            pid: host("hostPID"),
            ipc: host("hostIPC"),
            user: user.map(|said| said.map(|_| NamespaceMode::Own)),
            ..Namespaces::default()
        }
    }

    fn limits(&self, container: &Node) -> LaunchLimits {
        let limit = |key: &str| below(container, &["resources", "limits", key]);
        LaunchLimits {
            memory: self.reader.number(limit("memory"), quantity),
            cpu: self.reader.number(limit("cpu"), cpus),
            pids: None,
            disk: self.reader.number(limit("ephemeral-storage"), quantity),
            ..LaunchLimits::default()
        }
    }

    /// Extended resources, `nvidia.com/gpu` and the like.
    fn devices(&self, container: &Node) -> Vec<Device> {
        let limits = below(container, &["resources", "limits"]).and_then(Node::mapping);
        let wanted = limits.into_iter().flat_map(perry_sandbox_compose::Mapping::iter);
        wanted
            .filter(|(key, _)| key.name.contains('/'))
            .filter_map(|(key, _)| {
                Some(Device::Request(Placed::new(key.name.clone(), self.reader.place(key.span)?)))
            })
            .collect()
    }

    fn mounts(&self, container: &Node) -> Vec<Mount> {
        items(container.get("volumeMounts")).iter().filter_map(|mount| self.mount(mount)).collect()
    }

    fn mount(&self, mount: &Node) -> Option<Mount> {
        let read = self.reader;
        let name = text(mount.get("name")?)?;
        let volume = items(self.spec.get("volumes"))
            .iter()
            .find(|volume| volume.get("name").and_then(text).as_deref() == Some(name.as_str()))?;
        let path = below(volume, &["hostPath", "path"]);
        let source = read.text(path);
        let host = source.clone().map(|path| path.map(|path| host_path(&path, None, None)));
        let propagation = read.text(mount.get("mountPropagation")).map(|mode| {
            mode.map(|mode| {
                let word = match mode.as_str() {
                    "Bidirectional" => "rshared",
                    "HostToContainer" => "rslave",
                    _ => "rprivate",
                };
                word.to_owned()
            })
        });
        Some(Mount {
            kind: if host.is_some() { MountKind::Bind } else { MountKind::Volume },
            source,
            host,
            target: mount.get("mountPath").and_then(text).unwrap_or_default(),
            read_only: read.boolean(mount.get("readOnly")).is_some_and(|said| said.value),
            propagation,
            place: read.place(path.unwrap_or(mount).span)?,
        })
    }

    fn port(&self, port: &Node) -> Option<Port> {
        let published = port.get("hostPort")?;
        Some(Port {
            text: text(published)?,
            address: port.get("hostIP").and_then(text),
            published: text(published),
            place: self.reader.place(published.span)?,
        })
    }
}
