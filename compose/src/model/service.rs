use super::kind::{Keep, Kind, Shape, full, given, kept, renamed};

/// A service.
pub(crate) const SERVICE: Shape = Shape::new(&[
    full("profiles", Kind::Texts),
    full("annotations", Kind::Labels),
    given("attach", Kind::Bool),
    given("build", Kind::Part(&BUILD)),
    given("develop", Kind::Part(&DEVELOP)),
    given("blkio_config", Kind::Part(&BLKIO)),
    full("cap_add", Kind::Texts),
    full("cap_drop", Kind::Texts),
    full("cgroup_parent", Kind::Text),
    full("cgroup", Kind::Text),
    full("cpu_count", Kind::Integer),
    full("cpu_percent", Kind::Float),
    full("cpu_period", Kind::Integer),
    full("cpu_quota", Kind::Integer),
    full("cpu_rt_period", Kind::Integer),
    full("cpu_rt_runtime", Kind::Integer),
    full("cpus", Kind::Float),
    full("cpuset", Kind::Text),
    full("cpu_shares", Kind::Integer),
    kept("command", Kind::Command, Keep::NullInJson),
    full("configs", Kind::Parts(&FILE_MOUNT)),
    full("container_name", Kind::Text),
    given("credential_spec", Kind::Part(&CREDENTIAL_SPEC)),
    full("depends_on", Kind::NamedParts(&DEPENDENCY)),
    given("deploy", Kind::Part(&DEPLOY)),
    full("device_cgroup_rules", Kind::Texts),
    full("devices", Kind::Parts(&DEVICE)),
    full("dns", Kind::TextOrTexts),
    full("dns_opt", Kind::Texts),
    full("dns_search", Kind::TextOrTexts),
    full("dockerfile", Kind::Text),
    full("domainname", Kind::Text),
    kept("entrypoint", Kind::Command, Keep::NullInJson),
    given("provider", Kind::Part(&PROVIDER)),
    full("environment", Kind::Variables),
    full("env_file", Kind::Parts(&ENV_FILE)),
    full("expose", Kind::Scalars),
    given("extends", Kind::Part(&EXTENDS)),
    full("external_links", Kind::Texts),
    full("extra_hosts", Kind::Hosts),
    full("group_add", Kind::Texts),
    full("gpus", Kind::Parts(&DEVICE_REQUEST)),
    full("hostname", Kind::Text),
    given("healthcheck", Kind::Part(&HEALTHCHECK)),
    full("image", Kind::Text),
    given("init", Kind::Bool),
    full("ipc", Kind::Text),
    full("isolation", Kind::Text),
    full("labels", Kind::Labels),
    full("label_file", Kind::Texts),
    full("links", Kind::Texts),
    given("logging", Kind::Part(&LOGGING)),
    full("log_driver", Kind::Text),
    full("log_opt", Kind::TextMap),
    full("mem_limit", Kind::Bytes),
    full("mem_reservation", Kind::Bytes),
    full("memswap_limit", Kind::Bytes),
    full("mem_swappiness", Kind::Bytes),
    full("mac_address", Kind::Text),
    full("models", Kind::NamedPartsOrNothing(&SERVICE_MODEL)),
    full("net", Kind::Text),
    full("network_mode", Kind::Text),
    full("networks", Kind::NamedPartsOrNothing(&SERVICE_NETWORK)),
    full("oom_kill_disable", Kind::Bool),
    full("oom_score_adj", Kind::Integer),
    full("pid", Kind::Text),
    full("pids_limit", Kind::Integer),
    full("platform", Kind::Text),
    full("ports", Kind::Parts(&PORT)),
    full("privileged", Kind::Bool),
    full("pull_policy", Kind::Text),
    full("read_only", Kind::Bool),
    full("restart", Kind::Text),
    full("runtime", Kind::Text),
    given("scale", Kind::Integer),
    full("secrets", Kind::Parts(&FILE_MOUNT)),
    full("security_opt", Kind::Texts),
    full("shm_size", Kind::Bytes),
    full("stdin_open", Kind::Bool),
    given("stop_grace_period", Kind::Duration),
    full("stop_signal", Kind::Text),
    full("storage_opt", Kind::TextMap),
    full("sysctls", Kind::Labels),
    full("tmpfs", Kind::TextOrTexts),
    full("tty", Kind::Bool),
    full("ulimits", Kind::Ulimits),
    full("use_api_socket", Kind::Bool),
    full("user", Kind::Text),
    full("userns_mode", Kind::Text),
    full("uts", Kind::Text),
    full("volume_driver", Kind::Text),
    full("volumes", Kind::Parts(&MOUNT)),
    full("volumes_from", Kind::Texts),
    full("working_dir", Kind::Text),
    full("post_start", Kind::Parts(&HOOK)),
    full("pre_stop", Kind::Parts(&HOOK)),
]);

const BUILD: Shape = Shape::new(&[
    full("context", Kind::Text),
    full("dockerfile", Kind::Text),
    full("dockerfile_inline", Kind::Text),
    full("entitlements", Kind::Texts),
    full("args", Kind::Variables),
    full("provenance", Kind::Text),
    full("sbom", Kind::Text),
    full("ssh", Kind::Ssh),
    full("labels", Kind::Labels),
    full("cache_from", Kind::TextOrTexts),
    full("cache_to", Kind::TextOrTexts),
    full("no_cache", Kind::Bool),
    full("additional_contexts", Kind::Labels),
    full("pull", Kind::Bool),
    full("extra_hosts", Kind::Hosts),
    full("isolation", Kind::Text),
    full("network", Kind::Text),
    full("target", Kind::Text),
    full("secrets", Kind::Parts(&FILE_MOUNT)),
    full("shm_size", Kind::Bytes),
    full("tags", Kind::TextOrTexts),
    full("ulimits", Kind::Ulimits),
    full("platforms", Kind::TextOrTexts),
    full("privileged", Kind::Bool),
]);

const DEVELOP: Shape = Shape::new(&[full("watch", Kind::Parts(&WATCH))]);

const WATCH: Shape = Shape::new(&[
    kept("path", Kind::Text, Keep::Always),
    kept("action", Kind::Text, Keep::Always),
    full("target", Kind::Text),
    kept("exec", Kind::Part(&HOOK), Keep::EmptyInJson),
    full("include", Kind::Texts),
    full("ignore", Kind::Texts),
    full("initial_sync", Kind::Bool),
]);

const HOOK: Shape = Shape::new(&[
    kept("command", Kind::Command, Keep::NullInJson),
    full("user", Kind::Text),
    full("privileged", Kind::Bool),
    full("working_dir", Kind::Text),
    full("environment", Kind::Variables),
]);

const BLKIO: Shape = Shape::new(&[
    full("weight", Kind::Unsigned(16)),
    full("weight_device", Kind::Parts(&WEIGHT)),
    full("device_read_bps", Kind::Parts(&THROTTLE)),
    full("device_read_iops", Kind::Parts(&THROTTLE)),
    full("device_write_bps", Kind::Parts(&THROTTLE)),
    full("device_write_iops", Kind::Parts(&THROTTLE)),
]);

const WEIGHT: Shape =
    Shape::new(&[renamed("path", "Path", Kind::Text), renamed("weight", "Weight", Kind::Unsigned(16))]);

const THROTTLE: Shape =
    Shape::new(&[renamed("path", "Path", Kind::Text), renamed("rate", "Rate", Kind::Bytes)]);

const CREDENTIAL_SPEC: Shape =
    Shape::new(&[full("config", Kind::Text), full("file", Kind::Text), full("registry", Kind::Text)]);

const DEPENDENCY: Shape = Shape::new(&[
    full("condition", Kind::Text),
    full("restart", Kind::Bool),
    kept("required", Kind::Bool, Keep::Always),
]);

const DEPLOY: Shape = Shape::new(&[
    full("mode", Kind::Text),
    given("replicas", Kind::Integer),
    full("labels", Kind::Labels),
    given("update_config", Kind::Part(&UPDATE)),
    given("rollback_config", Kind::Part(&UPDATE)),
    kept("resources", Kind::Part(&RESOURCES), Keep::EmptyInJson),
    given("restart_policy", Kind::Part(&RESTART_POLICY)),
    kept("placement", Kind::Part(&PLACEMENT), Keep::EmptyInJson),
    full("endpoint_mode", Kind::Text),
]);

const UPDATE: Shape = Shape::new(&[
    given("parallelism", Kind::Unsigned(64)),
    full("delay", Kind::Duration),
    full("failure_action", Kind::Text),
    full("monitor", Kind::Duration),
    full("max_failure_ratio", Kind::Float),
    full("order", Kind::Text),
]);

const RESOURCES: Shape =
    Shape::new(&[given("limits", Kind::Part(&RESOURCE)), given("reservations", Kind::Part(&RESOURCE))]);

const RESOURCE: Shape = Shape::new(&[
    full("cpus", Kind::Cpus),
    full("memory", Kind::Bytes),
    full("pids", Kind::Integer),
    full("devices", Kind::Parts(&DEVICE_REQUEST)),
    full("generic_resources", Kind::Parts(&GENERIC_RESOURCE)),
]);

const GENERIC_RESOURCE: Shape = Shape::new(&[given("discrete_resource_spec", Kind::Part(&DISCRETE))]);

const DISCRETE: Shape =
    Shape::new(&[kept("kind", Kind::Text, Keep::Always), kept("value", Kind::Integer, Keep::Always)]);

const RESTART_POLICY: Shape = Shape::new(&[
    full("condition", Kind::Text),
    given("delay", Kind::Duration),
    given("max_attempts", Kind::Unsigned(64)),
    given("window", Kind::Duration),
]);

const PLACEMENT: Shape = Shape::new(&[
    full("constraints", Kind::Texts),
    full("preferences", Kind::Parts(&PREFERENCE)),
    full("max_replicas_per_node", Kind::Unsigned(64)),
]);

const PREFERENCE: Shape = Shape::new(&[full("spread", Kind::Text)]);

const DEVICE: Shape =
    Shape::new(&[full("source", Kind::Text), full("target", Kind::Text), full("permissions", Kind::Text)]);

const DEVICE_REQUEST: Shape = Shape::plain(&[
    full("capabilities", Kind::Texts),
    full("driver", Kind::Text),
    full("count", Kind::Count),
    full("device_ids", Kind::Texts),
    full("options", Kind::Labels),
]);

const PROVIDER: Shape = Shape::new(&[full("type", Kind::Text), full("options", Kind::ManyOptions)]);

const ENV_FILE: Shape = Shape::plain(&[
    full("path", Kind::Text),
    kept("required", Kind::Bool, Keep::Always),
    full("format", Kind::Text),
]);

const EXTENDS: Shape = Shape::plain(&[full("file", Kind::Text), full("service", Kind::Text)]);

const HEALTHCHECK: Shape = Shape::new(&[
    full("test", Kind::Test),
    given("timeout", Kind::Duration),
    given("interval", Kind::Duration),
    given("retries", Kind::Unsigned(64)),
    given("start_period", Kind::Duration),
    given("start_interval", Kind::Duration),
    full("disable", Kind::Bool),
]);

const LOGGING: Shape = Shape::new(&[full("driver", Kind::Text), full("options", Kind::Options)]);

const SERVICE_MODEL: Shape = Shape::new(&[full("endpoint_var", Kind::Text), full("model_var", Kind::Text)]);

const SERVICE_NETWORK: Shape = Shape::new(&[
    full("aliases", Kind::Texts),
    full("driver_opts", Kind::Options),
    full("gw_priority", Kind::Integer),
    full("interface_name", Kind::Text),
    full("ipv4_address", Kind::Text),
    full("ipv6_address", Kind::Text),
    full("link_local_ips", Kind::Texts),
    full("mac_address", Kind::Text),
    full("priority", Kind::Integer),
]);

const PORT: Shape = Shape::new(&[
    full("name", Kind::Text),
    full("mode", Kind::Text),
    full("host_ip", Kind::Text),
    full("target", Kind::Unsigned(32)),
    full("published", Kind::Text),
    full("protocol", Kind::Text),
    full("app_protocol", Kind::Text),
]);

const MOUNT: Shape = Shape::new(&[
    full("type", Kind::Text),
    full("source", Kind::Text),
    full("target", Kind::Text),
    full("read_only", Kind::Bool),
    full("consistency", Kind::Text),
    given("bind", Kind::Part(&BIND)),
    given("volume", Kind::Part(&VOLUME_OPTIONS)),
    given("tmpfs", Kind::Part(&TMPFS)),
    given("image", Kind::Part(&IMAGE_OPTIONS)),
]);

const BIND: Shape = Shape::new(&[
    full("selinux", Kind::Text),
    full("propagation", Kind::Text),
    full("create_host_path", Kind::Bool),
    full("recursive", Kind::Text),
]);

const VOLUME_OPTIONS: Shape =
    Shape::new(&[full("labels", Kind::Labels), full("nocopy", Kind::Bool), full("subpath", Kind::Text)]);

const TMPFS: Shape = Shape::new(&[full("size", Kind::Bytes), full("mode", Kind::Unsigned(32))]);

const IMAGE_OPTIONS: Shape = Shape::new(&[full("subpath", Kind::Text)]);

const FILE_MOUNT: Shape = Shape::new(&[
    full("source", Kind::Text),
    full("target", Kind::Text),
    full("uid", Kind::Text),
    full("gid", Kind::Text),
    given("mode", Kind::Mode),
]);
