//! Who shares the network of another service.

use std::num::NonZeroU16;

use perry_sandbox_policy::{
    Attachment, Control, DenyCode, Protocol, Publication, Request, Target, Verdict, WantedProject,
};

use crate::decisions::{allowed, codes, run};
use crate::support::{ACME, able_host, loaded, request, shell_tools};

#[test]
fn the_network_of_another_service_is_had_alone_and_the_plan_says_so() {
    let policy =
        loaded(&ACME.replace("networks = [\"front\", \"back\"]", "networks = [\"front\", \"service:db\"]"));
    let to = |name: &str| Attachment::to(name.parse().unwrap());
    let asked = |networks: Vec<Attachment>, publish: &[&str]| {
        let mut asked = request(Target::Service("shop/web".parse().unwrap()));
        let (port, protocol) = (NonZeroU16::new(80).unwrap(), Protocol::Tcp);
        let publish = publish.iter().map(|on| Publication { on: on.parse().unwrap(), port, protocol });
        asked.project = WantedProject { networks, publish: publish.collect(), ..WantedProject::default() };
        run(&policy, &asked, &shell_tools(), &able_host())
    };
    let plan = allowed(asked(vec![to("service:db")], &[]));
    let line = |control: Control| {
        plan.lines.iter().find(|line| line.control == control).map(|line| line.value.as_str())
    };
    assert_eq!(line(Control::Namespaces), Some("user, pid, mount, ipc, uts, cgroup"));
    assert_eq!((line(Control::SharedNetwork), line(Control::ProjectNetworks)), (Some("service:db"), None));
    assert_eq!(line(Control::NoNetwork), None);
    let named = Attachment { aliases: vec!["db".parse().unwrap()], ..to("service:db") };
    for (networks, publish) in [
        (vec![to("service:db"), to("front")], &[][..]),
        (vec![named], &[]),
        (vec![to("service:db")], &["8080"]),
        (vec![to("service:other")], &[]),
    ] {
        assert_eq!(
            codes(&asked(networks.clone(), publish)),
            [DenyCode::Networks],
            "{networks:?} {publish:?}"
        );
    }
    // Nor anything else that would be the other's, whether it is asked for or the entry's own.
    let changes: [fn(&mut Request); 2] = [
        |asked| asked.project.system.hosts = vec!["a=10.0.0.7".parse().unwrap()],
        |asked| asked.project.system.sysctls = vec!["net.core.somaxconn=9".parse().unwrap()],
    ];
    for change in changes {
        let mut asked = request(Target::Service("shop/web".parse().unwrap()));
        asked.project.networks = vec![to("service:db")];
        change(&mut asked);
        assert_eq!(codes(&run(&policy, &asked, &shell_tools(), &able_host())), [DenyCode::Networks]);
    }
}

/// A service beside another, each with what its entry lets it reach; `egress` of the tier of the first.
fn beside(tier: &str, own: &str, others: &str) -> Verdict {
    let tiers = "[tier.reaching]\nisolation = { accept = [\"oci\"] }\negress = [\"api.example:443\"]\n\
        [tier.reaching.limits]\nmemory = \"64MiB\"\ncpu = 1\npids = 16\nwall = \"1m\"\noutput = \"1MiB\"\ndisk = \"1MiB\"\nopen-files = 64\n\
        [tier.bare]\nisolation = { accept = [\"oci\"] }\n\
        [tier.bare.limits]\nmemory = \"64MiB\"\ncpu = 1\npids = 16\nwall = \"1m\"\noutput = \"1MiB\"\ndisk = \"1MiB\"\nopen-files = 64\n";
    let service = |name: &str, tier: &str, grants: &str| {
        format!(
            "[service.\"beside/{name}\"]\ntier = \"{tier}\"\nimage = [\"shell-tools\"]\ngrants = {{ {grants} }}\n"
        )
    };
    let probe = service("probe", tier, &format!("networks = [\"service:db\"], egress = [{own}]"));
    let db = service("db", "reaching", &format!("networks = [\"back\"], egress = [{others}]"));
    let mut asked = request(Target::Service("beside/probe".parse().unwrap()));
    asked.project.networks = vec![Attachment::to("service:db".parse().unwrap())];
    run(&loaded(&format!("{ACME}{tiers}{probe}{db}")), &asked, &shell_tools(), &able_host())
}

#[test]
fn who_has_the_network_of_another_reaches_no_more_than_its_own_tier_allows() {
    let api = "\"api.example:443\"";
    allowed(beside("reaching", "", ""));
    allowed(beside("reaching", "", api));
    // The other's proxy answers at the loopback of both, also for what its caller asks for within its tier.
    assert_eq!(codes(&beside("bare", "", api)), [DenyCode::Networks]);
    assert_eq!(codes(&beside("bare", "", "")), [DenyCode::Networks]);
    // Its own would answer the other.
    assert_eq!(codes(&beside("reaching", api, "")), [DenyCode::Networks]);
}
