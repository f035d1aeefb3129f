//! What each option does to the launch.

use super::options::Means;
use crate::launch::limit::{cpus, size};
use crate::launch::mount::{Mount, MountKind, host_path};
use crate::launch::{Device, Launch, NamespaceMode, Port, SecurityOpt, Variable};
use crate::place::{Place, Placed};

/// Yes or no, as Go reads it; what it would refuse counts as yes, which is the worse here.
fn yes(text: &str) -> bool {
    !matches!(text, "false" | "False" | "FALSE" | "0" | "f" | "F")
}

impl Launch {
    /// An option that stands alone.
    pub(super) fn switch(&mut self, means: Means, given: &str, place: Place) {
        let said = Some(Placed::new(yes(given), place));
        match means {
            Means::Privileged => self.privileged = said,
            Means::ReadOnly => self.read_only = said,
            Means::OomKillDisable => self.oom_kill_disable = said,
            Means::ApiSocket => self.api_socket = said,
            Means::Remove => self.removed = Some(yes(given)),
            Means::PublishAll if yes(given) => self.ports.push(Port {
                text: "all exposed ports".to_owned(),
                address: None,
                published: None,
                place,
            }),
            _ => {}
        }
    }

    /// An option with a value.
    pub(super) fn value(&mut self, means: Means, value: &str, place: Place, home: Option<&str>) {
        let placed = || Placed::new(value.to_owned(), place);
        let number = |read: fn(&str) -> Option<f64>| read(value).map(|number| Placed::new(number, place));
        let plain: fn(&str) -> Option<f64> = |text| text.trim().parse().ok();
        match means {
            Means::CapAdd => self.cap_add.extend(parts(value, place)),
            Means::CapDrop => self.cap_drop.extend(parts(value, place)),
            Means::SecurityOpt => self.security.push(Placed::new(SecurityOpt::parse(value), place)),
            Means::Volume => self.mounts.push(volume(value, place, self.folder.as_deref(), home)),
            Means::Mount => self.mounts.push(mount(value, place, self.folder.as_deref(), home)),
            Means::VolumesFrom => self.volumes_from.push(placed()),
            Means::Publish => self.ports.push(port(value, place)),
            Means::Device => self.devices.push(Device::Path(Placed::new(device(value), place))),
            Means::Gpus => self.devices.push(Device::Request(placed())),
            Means::DeviceRule => self.devices.push(Device::Rule(placed())),
            Means::AddHost => self.hosts.push(Placed::new(value.replacen(':', "=", 1), place)),
            Means::Memory => self.limits.memory = number(size),
            Means::Cpus => self.limits.cpu = number(cpus),
            Means::CpuQuota => self.limits.cpu = number(plain),
            Means::PidsLimit => self.limits.pids = number(plain),
            Means::Sysctl => self.sysctls.push(placed()),
            Means::User => self.user = Some(placed()),
            Means::OomScoreAdj => self.oom_score_adj = number(plain),
            Means::Env => self.environment.push(variable(value, place)),
            Means::Runtime => self.runtime = Some(placed()),
            Means::Tmpfs => self.tmpfs.push(placed()),
            Means::LogDriver => self.log_driver = Some(placed()),
            Means::LogOpt => self.limits.log = option_of(value, "max-size", place).or(self.limits.log.take()),
            Means::StorageOpt => {
                self.limits.disk = option_of(value, "size", place).or(self.limits.disk.take());
            }
            Means::Ulimit => {
                let last = value.strip_prefix("nofile=").and_then(|limits| limits.rsplit(':').next());
                self.limits.open_files = last
                    .and_then(plain)
                    .map(|most| Placed::new(most, place))
                    .or(self.limits.open_files.take());
            }
            Means::Network | Means::Pid | Means::Ipc | Means::Uts | Means::Userns | Means::Cgroupns => {
                self.has_no_network |= means == Means::Network && value == "none";
                self.namespace(means, Placed::new(NamespaceMode::of(value), place));
            }
            _ => {}
        }
    }

    fn namespace(&mut self, means: Means, mode: Placed<NamespaceMode>) {
        let spaces = &mut self.namespaces;
        let space = match means {
            Means::Network => &mut spaces.network,
            Means::Pid => &mut spaces.pid,
            Means::Ipc => &mut spaces.ipc,
            Means::Uts => &mut spaces.uts,
            Means::Userns => &mut spaces.user,
            _ => &mut spaces.cgroup,
        };
        *space = Some(mode);
    }
}

/// The size that an option `name=size` gives.
fn option_of(value: &str, name: &str, place: Place) -> Option<Placed<f64>> {
    let (known, text) = value.split_once('=')?;
    size(text).filter(|_| known == name).map(|bytes| Placed::new(bytes, place))
}

/// podman takes several caps in one word.
fn parts(value: &str, place: Place) -> impl Iterator<Item = Placed<String>> + '_ {
    value.split(',').map(move |part| Placed::new(part.trim().to_owned(), place))
}

fn variable(value: &str, place: Place) -> Variable {
    let (name, value) = value.split_once('=').map_or((value, None), |(name, value)| (name, Some(value)));
    Variable { name: name.to_owned(), value: value.map(str::to_owned), place }
}

/// `source[:target[:permissions]]`.
fn device(value: &str) -> String {
    value.split(':').next().unwrap_or(value).to_owned()
}

/// `[address:][published:]target[/protocol]`.
fn port(value: &str, place: Place) -> Port {
    let (address, rest) = match value.strip_prefix('[').and_then(|rest| rest.split_once("]:")) {
        Some((address, rest)) => (Some(address.to_owned()), rest),
        None => match value.match_indices(':').nth(1) {
            Some(_) => {
                let (address, rest) = value.split_once(':').unwrap_or(("", value));
                (Some(address.to_owned()), rest)
            }
            None => (None, value),
        },
    };
    let published = rest.split_once(':').map(|(published, _)| published.to_owned());
    let published = published.filter(|text| !text.is_empty());
    Port { text: value.to_owned(), address: address.filter(|text| !text.is_empty()), published, place }
}

/// `[source:]target[:options]`.
fn volume(value: &str, place: Place, folder: Option<&str>, home: Option<&str>) -> Mount {
    let mut parts = value.splitn(3, ':');
    let (first, second, options) =
        (parts.next().unwrap_or_default(), parts.next(), parts.next().unwrap_or_default());
    let (source, target) = second.map_or((None, first), |target| (Some(first), target));
    let is_path = source.is_some_and(|source| source.starts_with(['/', '.', '~', '$']));
    let propagation = options
        .split(',')
        .find(|word| matches!(*word, "shared" | "rshared" | "slave" | "rslave" | "private" | "rprivate"));
    Mount {
        kind: if is_path { MountKind::Bind } else { MountKind::Volume },
        source: source.map(|source| Placed::new(source.to_owned(), place)),
        host: source.filter(|_| is_path).map(|path| Placed::new(host_path(path, folder, home), place)),
        target: target.to_owned(),
        read_only: options.split(',').any(|word| word == "ro"),
        propagation: propagation.map(|word| Placed::new(word.to_owned(), place)),
        place,
    }
}

/// `type=bind,source=/a,target=/b,readonly`.
fn mount(value: &str, place: Place, folder: Option<&str>, home: Option<&str>) -> Mount {
    let mut made = Mount {
        kind: MountKind::Volume,
        source: None,
        host: None,
        target: String::new(),
        read_only: false,
        propagation: None,
        place,
    };
    let mut device = None;
    for part in value.split(',') {
        let part = part.trim_matches('"');
        let (key, value) = part.split_once('=').unwrap_or((part, "true"));
        match key {
            "type" => {
                made.kind = match value {
                    "bind" => MountKind::Bind,
                    "volume" => MountKind::Volume,
                    "tmpfs" => MountKind::Tmpfs,
                    _ => MountKind::Other,
                }
            }
            "source" | "src" => made.source = Some(Placed::new(value.to_owned(), place)),
            "target" | "destination" | "dst" => value.clone_into(&mut made.target),
            "readonly" | "ro" => made.read_only = yes(value),
            "bind-propagation" => made.propagation = Some(Placed::new(value.to_owned(), place)),
            // `volume-opt=device=/path` binds a folder of the host behind a volume's name.
            "volume-opt" => device = value.strip_prefix("device=").map(str::to_owned).or(device),
            _ => {}
        }
    }
    let path = match made.kind {
        MountKind::Bind => made.source.as_ref().map(|source| source.value.clone()),
        MountKind::Volume => device.filter(|device| device.starts_with('/')),
        MountKind::Tmpfs | MountKind::Other => None,
    };
    made.host = path.map(|path| Placed::new(host_path(&path, folder, home), place));
    made
}
