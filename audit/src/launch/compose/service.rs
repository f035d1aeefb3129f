use perry_sandbox_compose::{Key, Mapping, Node};

use crate::finding::{Target, TargetKind};
use crate::launch::limit::{cpus, size};
use crate::launch::{
    Build, Device, Hook, Launch, LaunchLimits, NamespaceMode, Namespaces, Origin, Port, Reader, SecurityOpt,
    Variable, items, text,
};
use crate::place::Placed;

/// Reads services of a merged model.
pub(super) struct Services<'a> {
    pub(super) reader: Reader<'a>,
    pub(super) model: &'a Node,
    pub(super) folder: &'a str,
    pub(super) home: Option<&'a str>,
}

fn plain(text: &str) -> Option<f64> {
    text.trim().parse().ok()
}

impl Services<'_> {
    /// What a service asks for.
    pub(super) fn launch(&self, key: &Key, node: &Node) -> Option<Launch> {
        let read = self.reader;
        let target = Target::new(TargetKind::Service, key.name.clone());
        let place = read.place(key.span)?;
        let mut launch = Launch::new(target, Origin::Compose, place, Some(self.folder.to_owned()));
        launch.image = read.text(node.get("image"));
        launch.build = node.get("build").map(|build| self.build(build));
        launch.privileged = read.boolean(node.get("privileged"));
        launch.hooks = ["post_start", "pre_stop"]
            .into_iter()
            .flat_map(|hook| items(node.get(hook)))
            .map(|hook| Hook {
                privileged: read.boolean(hook.get("privileged")),
                user: read.text(hook.get("user")),
                command: hook.get("command").and_then(|node| {
                    let words: Vec<String> =
                        read.texts(Some(node)).into_iter().map(|word| word.value).collect();
                    Some(Placed::new(words.join(" "), read.place(node.span)?))
                }),
            })
            .collect();
        launch.cap_add = read.texts(node.get("cap_add"));
        launch.cap_drop = read.texts(node.get("cap_drop"));
        let options = read.texts(node.get("security_opt")).into_iter();
        launch.security = options.map(|option| option.map(|text| SecurityOpt::parse(&text))).collect();
        launch.mounts = self.mounts(node);
        launch.host_files = self.host_files(node);
        launch.volumes_from = read.texts(node.get("volumes_from"));
        launch.namespaces = self.namespaces(node);
        launch.has_no_network = node.get("network_mode").and_then(Node::text) == Some("none");
        launch.ports = items(node.get("ports")).iter().filter_map(|port| self.port(port)).collect();
        launch.devices = self.devices(node);
        launch.hosts = self.hosts(node);
        launch.limits = self.limits(node);
        launch.read_only = read.boolean(node.get("read_only"));
        let settings = read.pairs(node.get("sysctls")).into_iter();
        launch.sysctls = settings
            .map(|(name, value, place)| Placed::new(format!("{name}={}", value.unwrap_or_default()), place))
            .collect();
        launch.user = read.text(node.get("user"));
        launch.provider = node.get("provider").and_then(|provider| read.text(provider.get("type")));
        launch.oom_kill_disable = read.boolean(node.get("oom_kill_disable"));
        launch.oom_score_adj = read.number(node.get("oom_score_adj"), plain);
        launch.environment = self.variables(node.get("environment"));
        launch.runtime = read.text(node.get("runtime"));
        launch.tmpfs = read.texts(node.get("tmpfs"));
        launch.log_driver = node.get("logging").and_then(|logging| read.text(logging.get("driver")));
        launch.api_socket = read.boolean(node.get("use_api_socket"));
        Some(launch)
    }

    fn build(&self, build: &Node) -> Build {
        let read = self.reader;
        let ssh = build.get("ssh").and_then(Node::mapping).into_iter().flat_map(Mapping::iter);
        Build {
            privileged: read.boolean(build.get("privileged")),
            entitlements: read.texts(build.get("entitlements")),
            network: read.text(build.get("network")),
            ssh: ssh
                .filter_map(|(key, _)| Some(Placed::new(key.name.clone(), read.place(key.span)?)))
                .chain(read.texts(build.get("ssh")))
                .collect(),
            args: self.variables(build.get("args")),
        }
    }

    fn namespaces(&self, node: &Node) -> Namespaces {
        let mode =
            |key: &str| self.reader.text(node.get(key)).map(|text| text.map(|word| NamespaceMode::of(&word)));
        Namespaces {
            network: mode("network_mode").or_else(|| mode("net")).or_else(|| self.host_network(node)),
            pid: mode("pid"),
            ipc: mode("ipc"),
            uts: mode("uts"),
            user: mode("userns_mode"),
            cgroup: mode("cgroup"),
        }
    }

    /// The host's network where a service names it as an external one: the engine has it under that name.
    fn host_network(&self, service: &Node) -> Option<Placed<NamespaceMode>> {
        let networks = service.get("networks")?;
        let keys = networks.mapping().into_iter().flat_map(Mapping::iter);
        let keys = keys.map(|(key, _)| (key.name.clone(), key.span));
        let listed = items(Some(networks)).iter().filter_map(|item| Some((text(item)?, item.span)));
        let is_host = |name: &str| {
            let network = self.model.get("networks").and_then(|all| all.get(name));
            let is_external = network.is_some_and(|network| {
                self.reader.boolean(network.get("external")).is_some_and(|external| external.value)
            });
            let called = network.and_then(|network| network.get("name")).and_then(text);
            is_external && called.as_deref().unwrap_or(name) == "host"
        };
        let (_, span) = keys.chain(listed).find(|(name, _)| is_host(name))?;
        Some(Placed::new(NamespaceMode::Host, self.reader.place(span)?))
    }

    fn port(&self, port: &Node) -> Option<Port> {
        let read = self.reader;
        let said =
            |key: &str| read.text(port.get(key)).map(|text| text.value).filter(|text| !text.is_empty());
        let (published, target) = (said("published"), said("target"));
        let text = match (&published, &target) {
            (Some(published), Some(target)) => format!("{published}:{target}"),
            (one, other) => one.clone().or_else(|| other.clone()).unwrap_or_default(),
        };
        Some(Port { text, address: said("host_ip"), published, place: read.place(port.span)? })
    }

    fn devices(&self, node: &Node) -> Vec<Device> {
        let read = self.reader;
        let mut found = Vec::new();
        for device in items(node.get("devices")) {
            let source = read.text(device.get("source")).or_else(|| read.text(Some(device)));
            found.extend(source.map(Device::Path));
        }
        found.extend(read.texts(node.get("device_cgroup_rules")).into_iter().map(Device::Rule));
        let reserved = ["deploy", "resources", "reservations", "devices"]
            .into_iter()
            .try_fold(node, |node, key| node.get(key));
        for request in items(node.get("gpus")).iter().chain(items(reserved)) {
            let words = read.texts(request.get("capabilities")).into_iter();
            let kinds: Vec<String> = words.map(|word| word.value).collect();
            let name = if kinds.is_empty() { "gpu".to_owned() } else { kinds.join(",") };
            found.extend(read.place(request.span).map(|place| Device::Request(Placed::new(name, place))));
        }
        if let Some(runtime) = read.text(node.get("gpus")) {
            found.push(Device::Request(runtime));
        }
        found
    }

    fn hosts(&self, node: &Node) -> Vec<Placed<String>> {
        let Some(hosts) = node.get("extra_hosts") else { return Vec::new() };
        let Some(entries) = hosts.mapping() else { return self.reader.texts(Some(hosts)) };
        let addresses = entries.iter().flat_map(|(key, value)| {
            items(Some(value)).iter().filter_map(|item| {
                let address = self.reader.text(Some(item))?;
                Some(address.map(|address| format!("{}={address}", key.name)))
            })
        });
        addresses.collect()
    }

    fn limits(&self, node: &Node) -> LaunchLimits {
        let read = self.reader;
        let deployed =
            ["deploy", "resources", "limits"].into_iter().try_fold(node, |node, key| node.get(key));
        let below = |key: &str| deployed.and_then(|limits| limits.get(key));
        LaunchLimits {
            memory: read.number(node.get("mem_limit"), size).or_else(|| read.number(below("memory"), size)),
            cpu: read
                .number(node.get("cpus"), cpus)
                .or_else(|| read.number(below("cpus"), cpus))
                .or_else(|| read.number(node.get("cpu_quota"), plain)),
            pids: read.number(node.get("pids_limit"), plain).or_else(|| read.number(below("pids"), plain)),
            open_files: node.get("ulimits").and_then(|limits| {
                let files = limits.get("nofile")?;
                read.number(files.get("hard").or(Some(files)), plain)
            }),
            disk: node.get("storage_opt").and_then(|options| read.number(options.get("size"), size)),
            log: ["logging", "options", "max-size"]
                .into_iter()
                .try_fold(node, |node, key| node.get(key))
                .and_then(|most| read.number(Some(most), size)),
        }
    }

    fn variables(&self, node: Option<&Node>) -> Vec<Variable> {
        let pairs = self.reader.pairs(node).into_iter();
        pairs.map(|(name, value, place)| Variable { name, value, place }).collect()
    }
}
