//! What services ask for of a system of their own, and of memory.

use perry_sandbox_policy::{ByteSize, FirstProcess, OomScore};

use crate::support::{refused, wants};

#[test]
fn what_a_service_calls_itself_is_a_name_of_it() {
    let names = |lines: &str| {
        let project = wants(lines).project;
        let system = project.system;
        let own = system.domain_name.map(|name| name.to_string()).unwrap_or_default();
        let aliases: Vec<String> =
            project.networks.iter().flat_map(|one| &one.aliases).map(ToString::to_string).collect();
        (system.host_name.map(|name| name.to_string()), own, aliases.join(" "))
    };
    let all = |host: &str, domain: &str, aliases: &str| {
        (Some(host.to_owned()), domain.to_owned(), aliases.to_owned())
    };
    assert_eq!(names("hostname: edge"), all("edge", "", "web edge"));
    let both = "hostname: edge\ndomainname: shop.example";
    assert_eq!(names(both), all("edge", "shop.example", "web edge edge.shop.example"));
    let alone = format!("{both}\nnetwork_mode: none");
    assert_eq!(names(&alone), all("edge", "shop.example", ""));
    assert_eq!(names("hostname: ''"), (None, String::new(), "web".to_owned()));
    for line in ["hostname: 'a b'", "domainname: -x", &format!("hostname: {}", "a.b".repeat(22))] {
        let found = refused(line);
        assert!(found.len() == 1 && found[0].contains("a name of a host"), "{line}: {found:?}");
    }
}

#[test]
fn a_service_knows_whom_its_file_names_and_not_the_host() {
    let known = |lines: &str| {
        let hosts = wants(lines).project.system.hosts;
        hosts.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(known("extra_hosts: ['db:10.0.0.7', 'six=[::1]']"), ["db=10.0.0.7", "six=::1"]);
    assert_eq!(known("extra_hosts: {db: [10.0.0.7, 10.0.0.8]}"), ["db=10.0.0.7", "db=10.0.0.8"]);
    let gateway = refused("extra_hosts: ['host.docker.internal:host-gateway']");
    assert!(gateway.len() == 1 && gateway[0].contains("nothing leads to the host"), "{gateway:?}");
    for line in ["extra_hosts: ['localhost:10.0.0.7']", "extra_hosts: ['db:somewhere']"] {
        let found = refused(line);
        assert!(found.len() == 1 && found[0].contains("a known host"), "{line}: {found:?}");
    }
}

#[test]
fn an_init_is_asked_for_where_the_file_says_so() {
    let first = |lines: &str| wants(lines).project.system.first;
    assert_eq!((first("init: true"), first("init: false")), (FirstProcess::Init, FirstProcess::Program));
}

#[test]
fn settings_of_the_kernel_are_those_of_its_own_namespaces() {
    let set = |lines: &str| {
        let sysctls = wants(lines).project.system.sysctls;
        sysctls.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let both = ["kernel.sem=250 32000 100 128", "net.core.somaxconn=1024"];
    assert_eq!(set("sysctls: {net.core.somaxconn: 1024, kernel.sem: 250 32000 100 128}"), both);
    assert_eq!(set("sysctls: [net.core.somaxconn=1024]"), both[1..]);
    for (line, why) in [
        ("sysctls: {net.ipv4.ip_forward: 1}", "expected one of kernel.msgmax"),
        ("sysctls: {vm.max_map_count: 262144}", "expected one of kernel.msgmax"),
        ("sysctls: {net.core.somaxconn: 100000}", "expected 1 to 65535"),
    ] {
        let found = refused(line);
        assert!(found.len() == 1 && found[0].contains(why), "{line}: {found:?}");
    }
}

#[test]
fn groups_are_numbers_and_a_score_is_only_raised() {
    let system = wants("group_add: [7, '8']\noom_score_adj: 500").project.system;
    assert_eq!(system.groups.iter().map(|group| group.number()).collect::<Vec<_>>(), [7, 8]);
    assert_eq!(system.oom_score.map(OomScore::number), Some(500));
    assert!(wants("oom_score_adj: 0").project.system.oom_score.is_none());
    for (line, why) in [
        ("group_add: [docker]", "write the group's number"),
        ("group_add: [0]", "is no group of a sandbox"),
        ("group_add: [70000]", "is no group of a sandbox"),
        ("oom_score_adj: -1", "others are never ended in its place"),
        ("dns: 1.1.1.1", "no name server is asked"),
        ("dns_search: example.org", "no name server is asked"),
        ("dns_opt: ['ndots:2']", "no name server is asked"),
    ] {
        let found = refused(line);
        assert!(found.len() == 1 && found[0].contains(why), "{line}: {found:?}");
    }
}

#[test]
fn folders_of_memory_are_wished_for_with_their_sizes() {
    let wished = |lines: &str| {
        let project = wants(lines).project;
        let size = |size: Option<ByteSize>| size.map_or_else(|| "-".to_owned(), |size| size.to_string());
        let folders = project.memory.iter().map(|one| format!("{} {}", one.path, size(one.size)));
        folders.chain(project.system.shm.map(|shm| format!("shm {shm}"))).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(wished("tmpfs: /tmp"), "");
    assert_eq!(
        wished("tmpfs: [/tmp, /run, '/c:size=64m,mode=1777,noexec']\nread_only: true"),
        "/run -, /c 64MiB"
    );
    assert_eq!(wished("volumes: [{type: tmpfs, target: /c, tmpfs: {size: 3k, mode: 01777}}]"), "/c 3KiB");
    assert_eq!(wished("tmpfs: '/dev/shm:size=5m'"), "shm 5MiB");
    assert_eq!(wished("shm_size: 1gb"), "shm 1GiB");
    assert!(wants("tmpfs: '/tmp:size=64m'").notes[0].starts_with("/tmp has what"));
    for (lines, why) in [
        ("tmpfs: '/run:exec'", "never executed"),
        ("tmpfs: '/run:size=50%'", "a number of bytes"),
        ("tmpfs: '/run:size=0'", "a number of bytes"),
        ("tmpfs: '/run:mode=755'", "everybody inside may write"),
        ("tmpfs: '/run:uid=7'", "leave it out"),
        ("tmpfs: /dev/x", "a place for memory"),
        ("tmpfs: /etc", "a place for memory"),
        ("volumes: [{type: tmpfs, target: /c, read_only: true}]", "leave `read_only` out"),
    ] {
        let found = refused(lines);
        assert!(found.len() == 1 && found[0].contains(why), "{lines}: {found:?}");
    }
}
