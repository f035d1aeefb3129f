//! What services want of a system of their own, and of memory.

use perry_sandbox_policy::{
    Control, DenyCode, FirstProcess, IsolationLevel, LaunchPlan, Request, System, Target, WantedMemory,
};

use crate::decisions::{allowed, codes, run};
use crate::support::{able_host, acme, backend, host, request, shell_tools};

fn service() -> Request {
    request(Target::Service("shop/web".parse().unwrap()))
}

fn memory(path: &str, size: Option<&str>) -> WantedMemory {
    WantedMemory { path: path.parse().unwrap(), size: size.map(|size| size.parse().unwrap()) }
}

fn planned(asked: &Request) -> LaunchPlan {
    allowed(run(&acme(), asked, &shell_tools(), &able_host()))
}

fn denied(asked: &Request) -> Vec<DenyCode> {
    codes(&run(&acme(), asked, &shell_tools(), &able_host()))
}

/// All of it at once, in a network.
fn system() -> System {
    System {
        host_name: "edge".parse().ok(),
        domain_name: "shop.example".parse().ok(),
        hosts: vec!["db=192.0.2.7".parse().unwrap()],
        shm: "1MiB".parse().ok(),
        first: FirstProcess::Init,
        sysctls: vec!["net.core.somaxconn=9".parse().unwrap()],
        groups: [7.try_into().unwrap()].into(),
        oom_score: 500.try_into().ok(),
    }
}

#[test]
fn each_part_is_a_line_that_somebody_holds_or_nothing_runs() {
    let mut asked = service();
    asked.project.system = system();
    let network = "front".parse().unwrap();
    asked.project.networks = vec![perry_sandbox_policy::Attachment {
        network,
        aliases: Vec::new(),
        links: Vec::new(),
        address: None,
    }];
    asked.project.memory = vec![memory("/run", Some("1MiB"))];
    let plan = planned(&asked);
    assert_eq!((&plan.system, plan.files.len()), (&asked.project.system, 0));
    let parts = [
        Control::HostName,
        Control::DomainName,
        Control::KnownHosts,
        Control::MemoryFolders,
        Control::SharedMemory,
        Control::Init,
        Control::Sysctls,
        Control::Groups,
        Control::OomScore,
    ];
    for part in parts {
        assert!(plan.lines.iter().any(|line| line.control == part), "{part}");
        let without = host(vec![backend("native", &[IsolationLevel::Oci], &[part])]);
        let found = codes(&run(&acme(), &asked, &shell_tools(), &without));
        assert_eq!(found, [DenyCode::NotEnforced], "{part}");
    }
    let ordinary = planned(&service());
    assert!(ordinary.system.is_default() && ordinary.memory.is_empty());
    assert!(parts.iter().all(|part| ordinary.lines.iter().all(|line| line.control != *part)));
}

#[test]
fn who_is_in_no_network_has_known_hosts_by_a_file() {
    let mut asked = service();
    asked.project.system.hosts = system().hosts;
    let [file] = planned(&asked).files.try_into().unwrap();
    assert_eq!(file.path.as_str(), "/etc/hosts");
    let without = host(vec![backend("native", &[IsolationLevel::Oci], &[Control::Files])]);
    assert_eq!(codes(&run(&acme(), &asked, &shell_tools(), &without)), [DenyCode::NotEnforced]);
    asked.project.system.hosts = vec!["db=192.0.2.7".parse().unwrap(); 257];
    assert!(denied(&asked).contains(&DenyCode::System));
}

#[test]
fn memory_is_taken_from_what_the_disk_limit_gives() {
    let mut asked = service();
    let disk = planned(&asked).limits.disk;
    asked.project.memory = vec![memory("/var/cache", None), memory("/run", Some("1MiB"))];
    let plan = planned(&asked);
    let folders: Vec<&str> = plan.memory.iter().map(|folder| folder.path.as_str()).collect();
    assert_eq!(folders, ["/run", "/var/cache"]);
    let sum: u64 = plan.memory.iter().map(|folder| folder.size.bytes()).sum();
    assert_eq!(plan.tmp.bytes() + sum, disk.bytes());
    asked.project.memory = vec![WantedMemory { path: "/run".parse().unwrap(), size: Some(disk) }];
    assert_eq!(denied(&asked), [DenyCode::Limits]);
    asked.project.memory.clear();
    asked.project.system.shm = Some(disk);
    assert_eq!(denied(&asked), [DenyCode::Limits]);
}

#[test]
fn memory_is_not_inside_of_anything_else_nor_anything_else_in_it() {
    for (one, other) in [("/a", "/a"), ("/a", "/a/b"), ("/a/b", "/a")] {
        let mut asked = service();
        asked.project.memory = vec![memory(one, None), memory(other, None)];
        assert_eq!(denied(&asked), [DenyCode::Mounts], "{one} {other}");
    }
    let mut asked = service();
    asked.project.memory = (0..9).map(|number| memory(&format!("/m{number}"), None)).collect();
    assert_eq!(denied(&asked), [DenyCode::System]);
}

#[test]
fn only_services_have_a_system_of_their_own() {
    for target in [Target::AdHoc, Target::Capability("format-markdown".parse().unwrap())] {
        let mut asked = request(target);
        asked.project.system = system();
        asked.project.memory = vec![memory("/run", None)];
        let found = denied(&asked);
        assert_eq!(found.iter().filter(|code| **code == DenyCode::System).count(), 2, "{found:?}");
    }
}
