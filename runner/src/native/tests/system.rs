//! What a sandbox has of a system of its own.

use std::collections::BTreeSet;

use perry_sandbox_policy::{MemoryFolder, OomScore, SecretName, System};

use super::super::ids::Ids;
use super::rootfs::settings;
use super::*;
use crate::secret::{Secret, Secrets};

#[test]
fn settings_of_its_own_namespaces_are_set_and_cannot_be_changed_inside() {
    if Ids::of_this_process() != Ids::Range {
        return perry_sandbox_testkit::skip("settings of namespaces need root");
    }
    let all =
        ["net.core.somaxconn=99", "kernel.sem=250 32000 100 128", "net.ipv4.ip_local_port_range=2000 3000"];
    let sysctls = all.iter().map(|text| text.parse().unwrap()).collect();
    let line = "cd /proc/sys; for at in net/core/somaxconn kernel/sem net/ipv4/ip_local_port_range; do \
        cat $at; echo 7 >$at || echo kept; done 2>/dev/null";
    let text = said(System { sysctls, ..System::default() }, line);
    assert_eq!(text, "99\nkept\n250\t32000\t100\t128\nkept\n2000\t3000\nkept\n");
    let own = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
    assert_ne!(own, "99\n", "the host's own is another");
}

#[test]
fn it_is_in_the_groups_that_are_named_and_goes_before_others() {
    let line = "id -G; cat /proc/self/oom_score_adj; echo 0 >/proc/self/oom_score_adj || echo kept";
    let oom_score = OomScore::try_from(700).ok();
    let range = Ids::of_this_process() == Ids::Range;
    let groups = if range {
        [7, 4000].into_iter().map(|id| id.try_into().unwrap()).collect()
    } else {
        BTreeSet::new()
    };
    let expected = if range { "65534 7 4000" } else { "65534" };
    let line = format!("{{ {line}; }} 2>/dev/null");
    let text = said(System { oom_score, groups, ..System::default() }, &line);
    assert_eq!(text, format!("{expected}\n700\nkept\n"));
}

#[test]
fn memory_is_where_it_is_wanted_with_a_bound_of_its_own() {
    let size = |text: &str| text.parse().unwrap();
    let folder = |path: &str, text: &str| MemoryFolder { path: path.parse().unwrap(), size: size(text) };
    let line = "df -k /run /srv/cache /dev/shm /tmp | awk '{print $2}' | grep -v K; \
        grep -c -E ' /(run|srv/cache|dev/shm|tmp) rw,nosuid,nodev,noexec' /proc/self/mountinfo; \
        for at in /run /srv/cache /dev/shm /tmp; do echo x >$at/own && stat -c %a $at; done; \
        head -c 70000 /dev/zero >/run/full || echo full; echo x >/srv/no || echo kept";
    let system = System { shm: Some(size("1MiB")), ..System::default() };
    let memory = vec![folder("/run", "64KiB"), folder("/srv/cache", "2MiB")];
    let settings = Settings {
        system,
        memory,
        tmp: 4 << 20,
        ..settings(&["/bin/sh", "-c", &format!("{{ {line}; }} 2>/dev/null")])
    };
    let text = String::from_utf8(sandbox(&settings).unwrap().stdout).unwrap();
    let rooms = "64\n2048\n1024\n3072\n4\n";
    assert_eq!(text, format!("{rooms}{}full\nkept\n", "1777\n".repeat(4)));
}

#[test]
fn secrets_are_seen_in_memory_at_run() {
    let folder = MemoryFolder { path: "/run".parse().unwrap(), size: "64KiB".parse().unwrap() };
    let name = "token".parse::<SecretName>().unwrap();
    let line =
        "cat /run/secrets/token; echo x >/run/secrets/other || echo kept; echo x >/run/own && echo own";
    let settings = Settings {
        memory: vec![folder],
        secrets: vec![name.clone()],
        ..settings(&["/bin/sh", "-c", &format!("{{ {line}; }} 2>/dev/null")])
    };
    let mut secrets = Secrets::default();
    secrets.insert(name.clone(), Secret::of_bytes(&name, b"hush".to_vec()).unwrap()).unwrap();
    let (image, scratch) = (busybox(), tempfile::tempdir().unwrap());
    let nowhere = without_cgroups();
    let place = Place { secrets: Some(&secrets), ..place(&nowhere, scratch.path()) };
    let finished = run(&settings, &root_folder(image.path()), Streams::captured(), None, &place).unwrap();
    assert_eq!(String::from_utf8(finished.stdout).unwrap(), "hushkept\nown\n");
}

/// What a line of shell says.
fn said(system: System, line: &str) -> String {
    let settings = Settings { system, ..settings(&["/bin/sh", "-c", line]) };
    String::from_utf8(sandbox(&settings).unwrap().stdout).unwrap()
}

#[test]
fn a_sandbox_is_called_what_it_is_to_be_called() {
    let line = "hostname; cat /proc/sys/kernel/domainname";
    let (host_name, domain_name) = ("edge".parse().ok(), "shop.example".parse().ok());
    assert_eq!(said(System { host_name, domain_name, ..System::default() }, line), "edge\nshop.example\n");
    assert_eq!(said(System::default(), "hostname"), "sandbox\n");
}
