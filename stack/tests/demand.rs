//! What services ask for, and what is refused.

use std::collections::BTreeSet;

use perry_sandbox_pipeline::Pull;
use perry_sandbox_policy::{BuildNetwork, IsolationLevel, Terminal, VolumeAccess, WantedMount};
use perry_sandbox_profiles::LinuxCap;
use perry_sandbox_stack::{ATTRIBUTES, Demand, Fate, demand};

use crate::support::{one, refused, stack, wants};

const SCHEMA: &str = include_str!("../../compose/src/schema/compose-spec.json");

#[test]
fn every_attribute_of_the_standard_has_one_fate() {
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    let properties = schema["definitions"]["service"]["properties"].as_object().unwrap();
    let standard: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
    let ours: Vec<&str> = ATTRIBUTES.iter().map(|row| row.attribute).collect();
    assert!(ours.is_sorted(), "the table is in order");
    assert_eq!(ours.len(), ours.iter().collect::<BTreeSet<_>>().len(), "one fate each");
    assert_eq!(ours.into_iter().collect::<BTreeSet<_>>(), standard);
    for row in ATTRIBUTES {
        let (Fate::Honoured(text) | Fate::Asked(text) | Fate::NotYet(text) | Fate::Never(text, _)) = row.fate;
        assert!(!text.is_empty(), "{}", row.attribute);
    }
}

#[test]
fn command_and_entry_point_are_those_of_docker() {
    let argv = |lines: &str| {
        let demand = wants(lines);
        (demand.entrypoint.unwrap_or_default(), demand.args.join(" "))
    };
    let both = |program: &str, args: &str| (program.to_owned(), args.to_owned());
    assert_eq!(argv("command: serve -p 80"), both("", "serve -p 80"));
    assert_eq!(argv("entrypoint: [/bin/a, b]"), both("/bin/a", "b"));
    assert_eq!(argv("entrypoint: /bin/a b\ncommand: [c]"), both("/bin/a", "b c"));
    assert_eq!(
        argv("entrypoint: ['']\ncommand: [/bin/c, d]"),
        both("/bin/c", "d"),
        "an empty one drops the image's"
    );
    assert!(refused("command: []")[0].starts_with("command: []"));
    assert!(refused("entrypoint: []")[0].starts_with("entrypoint: []"));
}

#[test]
fn a_port_is_published_on_loopback_unless_an_address_is_written() {
    let demand = wants("ports: ['8080:80', '0.0.0.0:53:53/udp', '[::1]:90:90']");
    let on: Vec<String> = demand.project.publish.iter().map(ToString::to_string).collect();
    assert_eq!(on, ["0.0.0.0:53 to 53/udp", "127.0.0.1:8080 to 80/tcp", "[::1]:90 to 90/tcp"]);
    assert_eq!(demand.notes, ["port 80 is published on 127.0.0.1: the file names no address"]);
}

#[test]
fn a_port_of_a_range_or_of_the_kernels_choice_is_published() {
    let on =
        |text: &str| -> Vec<String> { wants(text).project.publish.iter().map(ToString::to_string).collect() };
    assert_eq!(
        on("ports: ['80', '0.0.0.0::81/udp']"),
        ["0.0.0.0:free to 81/udp", "127.0.0.1:free to 80/tcp"]
    );
    assert_eq!(on("ports: [{target: 80, published: 0}]"), ["127.0.0.1:free to 80/tcp"]);
    assert_eq!(on("ports: ['8000-8010:80']"), ["127.0.0.1:8000-8010 to 80/tcp"]);
    assert_eq!(
        on("ports: ['8000-8001:80-81/udp']"),
        ["127.0.0.1:8000 to 80/udp", "127.0.0.1:8001 to 81/udp"]
    );
    assert!(refused("ports: ['8000-9999:80']")[0].contains("a range of at most 1024"));
}

#[test]
fn volumes_are_asked_of_the_project_and_folders_of_the_policy() {
    let demands = demand(&stack(
        "name: shop\nservices: {web: {image: a/b, volumes: [data:/data, 'logs:/logs:ro', /srv:/elsewhere:ro, ./in:/var/in]}}\nvolumes: {data: , logs: }\n",
    ));
    assert!(demands.all_refused().is_empty());
    let web = &demands.services["web"];
    let volumes: Vec<_> =
        web.project.volumes.iter().map(|one| (one.volume.to_string(), one.access)).collect();
    assert_eq!(volumes, [("data".to_owned(), VolumeAccess::Write), ("logs".to_owned(), VolumeAccess::Read)]);
    let mount = |source: &str, target: &str| {
        let target = Some(target.parse().unwrap());
        vec![WantedMount { source: source.to_owned(), target }]
    };
    assert_eq!(
        (&web.grants.mounts_read, &web.grants.mounts_write),
        (&mount("/srv", "/elsewhere"), &mount("/p/in", "/var/in"))
    );
    for (volume, why) in [
        ("/var/run/docker.sock:/var/run/docker.sock", "commands the host"),
        ("/run/user/7/podman/podman.sock:/x", "commands the host"),
        ("/etc/ssl:/etc/ssl", "is not a folder that can be shared"),
        ("/srv/here:/proc/here", "`/proc/here` is not"),
        ("/srv/here:/run/secrets", "`/run/secrets` is not"),
        ("/proc:/proc", "`/proc` is not"),
    ] {
        let found = refused(&format!("volumes: ['{volume}']"));
        assert!(found.len() == 1 && found[0].contains(why), "{volume}: {found:?}");
    }
}

#[test]
fn a_volume_without_a_name_is_the_services_own_by_its_place() {
    let web = wants("volumes: [/data, {type: volume, target: /old, read_only: true}]");
    let volumes: Vec<_> =
        web.project.volumes.iter().map(|one| (one.volume.to_string(), one.path.as_str())).collect();
    let [(data, "/data"), (old, "/old")] = volumes.as_slice() else { panic!("{volumes:?}") };
    assert!(data.starts_with("web-anonymous-") && data.len() == 22 && data != old, "{volumes:?}");
    assert_eq!(web.project.volumes[1].access, VolumeAccess::Read);
    assert_eq!(web.anonymous, [data.clone(), old.clone()]);
    assert_eq!(wants("volumes: [/data]").anonymous, std::slice::from_ref(data), "the same each time");
    assert!(refused("scale: 2\nvolumes: [/data]")[0].contains("give the volume a name"));
    let taken = format!(
        "name: shop\nservices: {{web: {{image: x, volumes: [/data, '{data}:/other']}}}}\nvolumes: {{{data}: }}\n"
    );
    assert!(demand(&stack(&taken)).all_refused()[0].why.contains("would be the same"));
}

#[test]
fn what_another_service_sees_is_asked_for_as_that_has_it() {
    let project = |web: &str| {
        format!(
            "name: shop
services:
  base: {{image: x, volumes: [/kept, '/srv/site:/site:ro', 'own:/mem', 'own:/rows']}}
  db: {{image: x, volumes: ['rows:/rows', 'logs:/logs', {{type: tmpfs, target: /mem}}], volumes_from: ['base:ro']}}
  web: {{image: x, {web}}}
volumes: {{rows: , logs: , own: }}
"
        )
    };
    let of = |web: &str| demand(&stack(&project(web))).services["web"].clone();
    let seen = |demand: &Demand| -> Vec<String> {
        let volumes = demand.project.volumes.iter();
        volumes.map(|one| format!("{} {} {:?}", one.volume, one.path, one.access)).collect()
    };
    let kept = demand(&stack(&project(""))).services["base"].project.volumes[0].volume.to_string();
    let web = of("volumes: ['own:/logs'], volumes_from: [db]");
    let kept = format!("{kept} /kept Read");
    assert_eq!(seen(&web), ["own /logs Write", "rows /rows Write", &kept, "own /mem Read"]);
    assert_eq!(web.grants.mounts_read[0].source, "/srv/site");
    assert!(web.anonymous.is_empty() && web.project.memory.is_empty(), "that is another's");
    let read = ["rows /rows Read", "logs /logs Read", &kept, "own /mem Read"];
    assert_eq!(seen(&of("volumes_from: ['db:ro']")), read);
    // Of two that have one place the last one's is seen.
    let rows =
        |from: &str| seen(&of(from)).into_iter().filter(|one| one.contains("/rows")).collect::<Vec<_>>();
    assert_eq!(rows("volumes_from: [db, base]"), ["own /rows Write"]);
    assert_eq!(rows("volumes_from: [base, db]"), ["rows /rows Write"]);
    let strange = demand(&stack(&project("volumes_from: ['container:other']")));
    let strange = strange.all_refused();
    assert!(strange[0].why.contains("no service of the project"), "{strange:?}");
}

#[test]
fn a_volume_that_is_made_elsewhere_is_asked_for_by_the_name_that_it_has_there() {
    let volumes = |text: &str| {
        let project = format!(
            "name: shop\nservices: {{web: {{image: a/b, volumes: ['rows:/rows']}}}}\nvolumes: {text}\n"
        );
        demand(&stack(&project))
    };
    for (text, name) in [
        ("{rows: }", "rows"),
        ("{rows: {name: shop_rows}}", "rows"),
        ("{rows: {external: true}}", "external:rows"),
        ("{rows: {external: true, name: other_data}}", "external:other_data"),
    ] {
        let demands = volumes(text);
        assert!(demands.all_refused().is_empty(), "{text}: {:?}", demands.all_refused());
        assert_eq!(demands.services["web"].project.volumes[0].volume.to_string(), name, "{text}");
    }
    for text in ["{rows: {name: other}}", "{rows: {external: true, name: a/b}}"] {
        assert_eq!(volumes(text).all_refused().len(), 1, "{text}");
    }
}

#[test]
fn linux_caps_are_asked_for_and_dropped_ones_must_not_come_back() {
    let demand = wants("cap_drop: [ALL]\ncap_add: [net_bind_service, CAP_CHOWN]");
    let caps: Vec<LinuxCap> = demand.grants.linux_caps.iter().collect();
    assert_eq!(caps, [LinuxCap::Chown, LinuxCap::NetBindService]);
    let without: Vec<LinuxCap> = demand.must.without.iter().map(|cap| cap.value).collect();
    assert!(without.len() == LinuxCap::ALL.len() - 2 && !without.contains(&LinuxCap::Chown));
    assert!(refused("cap_add: [ALL]")[0].contains("root on the host"));
    assert!(refused("cap_add: [NET_ADMN]")[0].contains("did you mean `NET_ADMIN`?"));
}

#[test]
fn users_are_numbers() {
    let user = |text: &str| wants(&format!("user: '{text}'")).user.unwrap();
    assert_eq!((user("1000"), user("7:8"), user("root")), ("1000:1000".into(), "7:8".into(), "0:0".into()));
    assert!(refused("user: postgres")[0].contains("write the user's number"));
    assert!(refused("user: '7:staff'")[0].contains("write the group's number"));
}

#[test]
fn limits_are_wished_for() {
    let limits = wants("mem_limit: 64m\ncpus: 1.5\npids_limit: 20\nulimits: {nofile: 99}").limits;
    assert_eq!(limits.memory.unwrap().to_string(), "64MiB");
    assert_eq!(limits.cpu.unwrap().to_string(), "1.5");
    assert_eq!((limits.pids.unwrap().get(), limits.open_files.unwrap().get()), (20, 99));
    let deployed = wants("deploy: {resources: {limits: {cpus: '0.1', memory: 20M, pids: 7}}}").limits;
    assert_eq!(deployed.memory.unwrap().to_string(), "20MiB");
    assert_eq!((deployed.cpu.unwrap().0.get(), deployed.pids.unwrap().get()), (100, 7));
}

#[test]
fn our_own_keys_ask_for_tier_backend_and_egress() {
    let demand = wants(
        "tty: true\nx-perry-tier: hardened\nx-perry-backend: podman\nx-perry-egress: ['a.example:443']",
    );
    assert_eq!(demand.tier.unwrap().as_str(), "hardened");
    assert_eq!((demand.backend.as_deref(), demand.terminal), (Some("podman"), Terminal::Own));
    assert_eq!(demand.grants.egress, ["a.example:443"]);
    assert!(refused("x-perry-allow: all")[0].contains("there is no such key"));
    assert!(refused("x-perry-tier: [a]")[0].contains("must be text"));
    assert!(wants("x-other: anything").grants.egress.is_empty());
}

#[test]
fn walls_are_never_taken_away() {
    for (line, why) in [
        ("privileged: true", "takes every wall away"),
        ("security_opt: ['seccomp=unconfined']", "takes a wall away"),
        ("security_opt: ['apparmor:unconfined']", "takes a wall away"),
        ("security_opt: ['systempaths=unconfined']", "takes a wall away"),
        ("security_opt: ['label:disable']", "takes a wall away"),
        ("security_opt: ['no-new-privileges:false']", "always holds"),
        ("pid: host", "no namespace with the host"),
        ("ipc: host", "no namespace with the host"),
        ("cgroup: host", "no namespace with the host"),
        ("uts: host", "no namespace with the host"),
        ("userns_mode: host", "no namespace with the host"),
        ("network_mode: host", "no namespace with the host"),
        ("use_api_socket: true", "hands over the engine"),
        ("provider: {type: model}", "a program of the host"),
        ("oom_kill_disable: true", "a limit must hold"),
        ("storage_opt: {size: 1G}", "an engine's own store"),
    ] {
        let found = refused(line);
        assert!(found.len() == 1 && found[0].contains(why), "{line}: {found:?}");
    }
    assert!(wants("security_opt: ['no-new-privileges:true', 'no-new-privileges']").must.without.is_empty());
}

#[test]
fn what_is_not_done_yet_says_so() {
    for line in [
        "gpus: all",
        "runtime: mine",
        "ulimits: {stack: 5}",
        "logging: {driver: syslog}",
        "deploy: {placement: {constraints: [a]}}",
        "deploy: {resources: {reservations: {memory: 1m}}}",
        "pull_policy: build",
        "devices: ['/dev/fuse:/dev/other']",
        "cpu_shares: 5",
    ] {
        let found = refused(line);
        assert!(found.len() == 1 && found[0].contains("not done here yet"), "{line}: {found:?}");
    }
    assert!(wants("devices: ['/dev/fuse']\nlogging: {driver: json-file}").grants.devices == ["/dev/fuse"]);
}

#[test]
fn a_refusal_stands_at_its_line() {
    let stack = stack("name: shop\nservices:\n  web:\n    image: a\n    privileged: true\n    pid: host\n");
    let problems = demand(&stack).problems(&stack).unwrap().to_string();
    let lines: Vec<&str> = problems.lines().collect();
    assert!(lines[0].starts_with("compose.yaml:5:5: service `web`: `privileged` is refused: "), "{problems}");
    assert!(lines[1].starts_with("compose.yaml:6:5: service `web`: `pid: host` is refused: "), "{problems}");
}

#[test]
fn what_there_is_once_is_had_once() {
    assert!(refused("scale: 2\nports: ['8080:80']")[0].contains("it publishes a port"));
    assert!(refused("scale: 3\nports: ['8080-8081:80']")[0].contains("it publishes a port"));
    for text in ["scale: 2", "scale: 2\nports: ['80']", "scale: 2\nports: ['8080-8081:80']"] {
        assert!(one(text).all_refused().is_empty(), "{text}");
    }
    let two = |a: &str, b: &str| {
        let text = format!(
            "name: shop\nservices: {{a: {{image: x, ports: ['{a}']}}, b: {{image: x, ports: ['{b}']}}}}\n"
        );
        demand(&stack(&text)).all_refused().len()
    };
    assert_eq!((two("80:1", "80:2"), two("80:1", "0.0.0.0:80:2"), two("0.0.0.0:80:1", "80:2")), (1, 1, 1));
    assert_eq!((two("80:1", "81:1"), two("80:1", "127.0.0.2:80:1"), two("80:1", "80:1/udp")), (0, 0, 0));
    assert_eq!((two("80-81:1", "80-81:1"), two("1", "2")), (0, 0), "of several each takes one");
}

#[test]
fn volumes_of_others_are_not_touched() {
    let text = "name: shop\nservices: {a: {image: x, volumes: ['vol:/v']}}\nvolumes: {vol: {driver: nfs}}\n";
    let demands = demand(&stack(text));
    let found: Vec<_> =
        demands.all_refused().iter().map(|one| (one.subject.clone(), one.attribute.clone())).collect();
    assert_eq!(found, [("volume `vol`".into(), "driver".into())]);
}

#[test]
fn a_build_is_read_and_what_it_cannot_have_is_refused() {
    let read = |build: &str| {
        let text = format!(
            "name: shop\nservices: {{a: {{build: {{context: /srv/a, {build}}}}}}}\nsecrets: {{token: {{file: /t}}}}\n"
        );
        demand(&stack(&text)).services.remove("a").unwrap()
    };
    let plain = read("args: {A: 1}, target: web, labels: {l: v}, no_cache: true, pull: true, network: none");
    assert!(plain.refused.is_empty(), "{:?}", plain.refused);
    let build = plain.build.unwrap();
    assert_eq!(
        (build.context.as_str(), build.args["A"].as_str(), build.labels["l"].as_str()),
        ("/srv/a", "1", "v")
    );
    assert_eq!((build.target.as_deref(), build.no_cache, build.pull), (Some("web"), true, true));
    for granted in [BuildNetwork::None, BuildNetwork::Builder] {
        assert_eq!(build.network(granted), BuildNetwork::None, "the file asks for none");
        assert_eq!(read("target: web").build.unwrap().network(granted), granted);
    }
    for (part, why) in [
        ("privileged: true", "takes every wall away"),
        ("network: host", "cannot give its build a network"),
        ("ssh: [default]", "the user's keys"),
        ("secrets: [token]", "in its layers"),
        ("entitlements: [network.host]", "walls away"),
        ("additional_contexts: {x: /etc}", "not done here yet"),
        ("platforms: [linux/amd64, linux/arm64]", "not done here yet"),
        ("extra_hosts: ['a:1.2.3.4']", "not done here yet"),
    ] {
        let found = read(part).refused;
        assert!(found.len() == 1 && found[0].why.contains(why), "{part}: {found:?}");
    }
    let beside = "name: shop\nservices: {a: {image: x, build: {context: /srv/a, ssh: [default]}}}\n";
    let beside = demand(&stack(beside)).services.remove("a").unwrap();
    assert!(
        beside.refused.is_empty() && beside.build.unwrap().refused.len() == 1,
        "an image that is named may be used"
    );
}

#[test]
fn processors_and_processes_are_limited_by_any_of_their_names() {
    let cpu = |lines: &str| wants(lines).limits.cpu.map(|cpu| cpu.0.get());
    assert_eq!(cpu("cpu_quota: 50000"), Some(500));
    assert_eq!(cpu("cpu_quota: 50000\ncpu_period: 25000"), Some(2000));
    assert_eq!(cpu("cpu_count: 2"), Some(2000));
    assert!(refused("cpu_period: 25000")[0].contains("write `cpu_quota` beside it"));
    let pids = |lines: &str| wants(lines).limits.pids.map(std::num::NonZeroU32::get);
    assert_eq!(pids("ulimits: {nproc: 30}"), Some(30));
    assert_eq!(pids("pids_limit: 20\nulimits: {nproc: {soft: 10, hard: 30}}"), Some(20));
    assert_eq!(pids("pids_limit: 50\nulimits: {nproc: 30, core: 0}"), Some(30));
    assert!(refused("ulimits: {core: -1}")[0].contains("nothing is dumped"));
    assert!(refused("ulimits: {core: {soft: 0, hard: 1}}")[0].contains("nothing is dumped"));
    assert!(refused("ulimits: {memlock: -1}")[0].starts_with("ulimits.memlock"));
}

#[test]
fn nothing_is_swapped_and_no_group_of_others_is_joined() {
    assert!(wants("mem_limit: 64m\nmemswap_limit: 64m").refused.is_empty());
    for more in
        ["mem_limit: 64m\nmemswap_limit: 128m", "mem_limit: 64m\nmemswap_limit: -1", "memswap_limit: 64m"]
    {
        assert!(refused(more)[0].contains("nothing is swapped"), "{more}");
    }
    assert!(refused("cgroup_parent: system.slice")[0].contains("below nobody else's"));
}

#[test]
fn a_runtime_can_only_ask_for_a_stronger_wall() {
    let level = |name: &str| wants(&format!("runtime: {name}")).must.isolation.map(|level| level.value);
    assert_eq!(level("runc"), Some(IsolationLevel::Oci));
    assert_eq!(level("runsc"), Some(IsolationLevel::Gvisor));
    assert_eq!(level("io.containerd.kata.v2"), Some(IsolationLevel::Microvm));
    assert!(refused("runtime: mine")[0].starts_with("runtime: mine"));
}

#[test]
fn an_image_that_is_to_be_no_older_than_some_time_is_asked_for_each_time() {
    for lines in [
        "pull_policy: daily",
        "pull_policy: weekly",
        "pull_policy: every_2h",
        "pull_policy: refresh\npull_refresh_after: 2h",
    ] {
        let demand = wants(lines);
        assert_eq!(demand.pull, Pull::Always, "{lines}");
        assert!(demand.notes[0].contains("each time"), "{lines}");
    }
    assert_eq!(wants("build: .\npull_policy: build").pull, Pull::Missing);
    assert!(refused("pull_policy: build")[0].starts_with("pull_policy: build"));
}

#[test]
fn a_log_has_the_bounds_of_its_file_and_nothing_else_of_it() {
    let log = |options: &str| {
        let log = wants(&format!("logging: {{driver: local, options: {{{options}}}}}")).log;
        (log.size(), log.files())
    };
    assert_eq!(log("max-size: 10m, max-file: '3'"), (10_000_000, 3));
    assert_eq!(log("max-size: 500k"), (500_000, 4));
    assert_eq!(log("max-size: '-1', max-file: 2"), (4 << 20, 2));
    for (options, why) in [
        ("max-size: 1.5m", "it is no size"),
        ("max-file: many", "it is no number"),
        ("max-size: 1g, max-file: '9'", "are no bounds of a log"),
        ("max-file: '0'", "are no bounds of a log"),
        ("tag: x", "logging.options.tag: x: it is not done here yet"),
    ] {
        let all = refused(&format!("logging: {{options: {{{options}}}}}"));
        assert!(all.len() == 1 && all[0].contains(why), "{options}: {all:?}");
    }
}
