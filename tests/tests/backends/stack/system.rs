//! What a service has of a system of its own: the same lines of a file, asked inside of every backend.

use super::shop::{Shop, shops};

/// One service that waits, with these lines.
fn service(lines: &[&str]) -> String {
    let lines: String = lines.iter().flat_map(|line| ["    ", line, "\n"]).collect();
    format!(
        "services:\n  web:\n    image: oci:examples/hello/image\n    command: [/bin/busybox, sleep, '600']\n{lines}"
    )
}

/// That the service is refused for this reason, and nothing is made.
fn is_refused(shop: &Shop, why: &str) {
    let ran = shop.up(&[]);
    assert!(ran.code != 0 && ran.stderr.contains(why), "{}: {ran:?}", shop.backend);
    assert_eq!(shop.left(), Vec::<String>::new());
}

#[test]
fn a_service_is_called_what_its_file_says() {
    let _turn = crate::life::turn();
    for shop in shops("named") {
        let alone = ["hostname: edge", "network_mode: none"];
        shop.write(&service(&alone));
        shop.comes_up();
        assert_eq!(shop.said("busybox hostname"), "edge\n", "{}", shop.backend);
        let plan = shop.compose(&["explain", "--policy", "policy.toml", "web"]);
        assert!(plan.stdout.contains("host name edge"), "{}: {plan:?}", shop.backend);
        // Another name makes another sandbox.
        let id = shop.id("web");
        shop.rewrite(&service(&["hostname: edge.two", "network_mode: none"]));
        shop.comes_up();
        assert_eq!(shop.said("busybox hostname"), "edge.two\n", "{}", shop.backend);
        assert_ne!(shop.id("web"), id, "{}", shop.backend);
        assert_eq!(shop.compose(&["down", "-t", "0"]).code, 0, "{}", shop.backend);
        shop.write(&service(&["hostname: edge", "domainname: shop.example"]));
        if shop.backend == "podman" {
            is_refused(&shop, "podman has no word for a domain's name");
            continue;
        }
        shop.comes_up();
        let text = shop.said("busybox hostname; busybox cat /proc/sys/kernel/domainname");
        assert_eq!(text, "edge\nshop.example\n", "{}", shop.backend);
    }
}

#[test]
fn a_service_knows_whom_its_file_names_whether_it_is_in_a_network_or_not() {
    let _turn = crate::life::turn();
    for shop in shops("known") {
        for network in ["network_mode: none", "networks: [default]"] {
            shop.write(&service(&["extra_hosts: ['db:192.0.2.7', 'six:2001:db8::7']", network]));
            shop.comes_up();
            let text = shop.said("busybox cat /etc/hosts; echo x >>/etc/hosts && echo changed");
            for line in ["192.0.2.7\tdb", "2001:db8::7\tsix", "127.0.0.1\tlocalhost"] {
                let is_there = text.lines().any(|one| one.split_whitespace().eq(line.split('\t')));
                assert!(is_there, "{} {network}, {line}: {text}", shop.backend);
            }
            assert!(!text.contains("changed"), "{}: {text}", shop.backend);
            let plan = shop.compose(&["explain", "--policy", "policy.toml", "web"]);
            assert!(plan.stdout.contains("known hosts db=192.0.2.7"), "{}: {plan:?}", shop.backend);
            assert_eq!(shop.compose(&["down", "-t", "0"]).code, 0, "{}", shop.backend);
        }
        shop.rewrite(&service(&["extra_hosts: ['host.docker.internal:host-gateway']"]));
        is_refused(&shop, "nothing leads to the host");
    }
}

#[test]
fn memory_is_where_the_file_wants_it_under_a_read_only_root() {
    let _turn = crate::life::turn();
    for shop in shops("memory") {
        let sizes = "tmpfs: [/run, '/var/cache/app:size=64k', /tmp]";
        let lines = ["read_only: true", "network_mode: none", "shm_size: 3m", "user: '1000:1000'", sizes];
        let secret = "secrets: [token]";
        let all = [&lines[..], &[secret]].concat();
        shop.give("token-file", "hush");
        shop.write(&(service(&all) + "secrets: {token: {file: ./token-file}}\n"));
        shop.comes_up();
        let line = "for at in /run /var/cache/app /dev/shm /tmp; do echo x >$at/own && busybox cat $at/own; done; \
            busybox grep -c -E ' /(run|var/cache/app|dev/shm|tmp) rw,nosuid,nodev,noexec' /proc/self/mountinfo; \
            busybox df -k /var/cache/app /dev/shm | busybox awk 'NR > 1 {print $2}'; \
            busybox head -c 70000 /dev/zero >/var/cache/app/full || echo full; \
            echo x >/var/cache/no || echo kept; busybox cat /run/secrets/token";
        let text = shop.said(line);
        assert!(text.starts_with("x\nx\nx\nx\n4\n64\n3072\n"), "{}: {text}", shop.backend);
        assert!(text.contains("full\n") && text.ends_with("kept\nhush"), "{}: {text}", shop.backend);
        let plan = shop.compose(&["explain", "--policy", "policy.toml", "web"]);
        let said = plan.stdout.contains("/var/cache/app 64KiB") && plan.stdout.contains("/dev/shm 3MiB");
        assert!(said, "{}: {plan:?}", shop.backend);
        // More than the policy's disk limit gives is denied.
        shop.rewrite(&service(&["network_mode: none", "tmpfs: '/run:size=1g'"]));
        let denied = shop.up(&[]);
        assert!(
            denied.code == 3 && denied.stderr.contains("the disk limit is"),
            "{}: {denied:?}",
            shop.backend
        );
    }
}

#[test]
fn an_init_waits_for_processes_whose_parents_have_ended() {
    let _turn = crate::life::turn();
    for shop in shops("init") {
        shop.write(&service(&["init: true", "network_mode: none", "stop_grace_period: 90s"]));
        if shop.backend == "native" {
            is_refused(&shop, "the program itself is process 1");
            continue;
        }
        shop.comes_up();
        let line = "(busybox sleep 0 &); busybox sleep 1; busybox cat /proc/1/cmdline; echo; \
            busybox cat /proc/[0-9]*/stat | busybox grep -c ') Z '";
        let text = shop.said(line);
        assert!(text.contains("init") && text.ends_with("\n0\n"), "{}: {text:?}", shop.backend);
        // It passes signals on, which a program that is process 1 would have to catch.
        let begun = std::time::Instant::now();
        assert_eq!(shop.compose(&["stop"]).code, 0, "{}", shop.backend);
        assert!(begun.elapsed() < std::time::Duration::from_secs(60), "{}: it was waited for", shop.backend);
    }
}

#[test]
fn settings_of_its_own_namespaces_are_those_of_the_file() {
    let _turn = crate::life::turn();
    let sysctls =
        "sysctls: {net.core.somaxconn: 1024, kernel.shmmni: 128, net.ipv4.ip_unprivileged_port_start: 80}";
    for shop in shops("sysctls") {
        for network in ["network_mode: none", "networks: [default]"] {
            shop.write(&service(&[sysctls, network]));
            shop.comes_up();
            let line = "for at in net/core/somaxconn kernel/shmmni net/ipv4/ip_unprivileged_port_start; do \
                busybox cat /proc/sys/$at; echo 7 >/proc/sys/$at && echo changed; done";
            let text = shop.said(line);
            let values: Vec<&str> = text.lines().filter(|line| line.parse::<u32>().is_ok()).collect();
            assert_eq!(values, ["1024", "128", "80"], "{}: {text}", shop.backend);
            assert!(!text.contains("changed"), "{}: {text}", shop.backend);
            assert_eq!(shop.compose(&["down", "-t", "0"]).code, 0, "{}", shop.backend);
        }
        shop.rewrite(&service(&["sysctls: {net.ipv4.ip_forward: 1}"]));
        is_refused(&shop, "not a setting of a sandbox's own");
    }
}

#[test]
fn a_service_is_in_further_groups_and_goes_before_others() {
    let _turn = crate::life::turn();
    for shop in shops("groups") {
        let lines = ["user: '1000:1000'", "oom_score_adj: 700", "network_mode: none"];
        shop.write(&service(&lines));
        shop.comes_up();
        let line = "busybox cat /proc/1/oom_score_adj; echo 0 >/proc/1/oom_score_adj || echo kept";
        let text = shop.said(line);
        assert!(text.starts_with("700\n") && text.ends_with("kept\n"), "{}: {text}", shop.backend);
        assert_eq!(shop.compose(&["down", "-t", "0"]).code, 0, "{}", shop.backend);
        shop.write(&service(&[&lines[..], &["group_add: ['2000', 3000]"]].concat()));
        if shop.backend == "native" {
            shop.comes_up();
            assert_eq!(shop.said("busybox id -G"), "1000 2000 3000\n");
        } else {
            is_refused(&shop, "looks a group's number up as a name");
        }
    }
}
