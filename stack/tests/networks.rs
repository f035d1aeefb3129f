//! What services ask for of the networks that they are in.

use perry_sandbox_stack::demand;

use crate::support::{stack, wants};

/// A service that is in the networks `front` and `back` with these links, beside one in each.
fn linked(links: &str) -> String {
    format!(
        "name: shop\nservices:\n  web: {{image: x, networks: [front, back], links: {links}}}\n  \
         db: {{image: x, networks: [back]}}\n  api: {{image: x, networks: [front]}}\n  \
         apart: {{image: x, networks: [own]}}\nnetworks: {{front: , back: , own: }}\n"
    )
}

#[test]
fn a_link_is_another_name_in_the_networks_that_both_are_in() {
    let demands = demand(&stack(&linked("[db, 'db:database', 'api:www', 'db:rows']")));
    assert!(demands.all_refused().is_empty(), "{:?}", demands.all_refused());
    let links = |service: &str| -> Vec<String> {
        let networks = &demands.services[service].project.networks;
        let said = |one: &perry_sandbox_policy::ServiceLink| one.to_string();
        networks
            .iter()
            .map(|one| format!("{} {:?}", one.network, one.links.iter().map(said).collect::<Vec<_>>()))
            .collect()
    };
    assert_eq!(links("web"), [r#"back ["db:database", "db:rows"]"#, r#"front ["api:www"]"#]);
    assert_eq!(links("db"), ["back []"]);
}

#[test]
fn a_link_that_nobody_would_follow_is_refused_at_its_line() {
    let refused_of = |links: &str| -> Vec<String> {
        let demands = demand(&stack(&linked(links)));
        demands.all_refused().iter().map(|one| format!("{}: {}", one.attribute, one.why)).collect()
    };
    let [apart] = refused_of("['apart:other']").try_into().unwrap();
    assert!(apart.starts_with("links: apart:other: it is in no network with `apart`"), "{apart}");
    assert!(refused_of("[apart]").is_empty(), "an order of starts needs no network");
    let [name] = refused_of("['db:a/b']").try_into().unwrap();
    assert!(name.contains("a name in a network"), "{name}");
    let alone = "name: shop\nservices: {a: {image: x, network_mode: none, links: ['b:c']}, b: {image: x}}\n";
    let demands = demand(&stack(alone));
    assert!(demands.all_refused()[0].why.contains("it is in no network with `b`"));
}

#[test]
fn a_network_with_a_name_of_its_own_is_asked_for_by_both() {
    let text = |names: &str| {
        format!(
            "name: shop\nservices: {{web: {{image: x, networks: [front, back]}}}}\nnetworks: {{{names}}}\n"
        )
    };
    let own = stack(&text("front: {name: site-front}, back: {name: shop_back}"));
    let demands = demand(&own);
    assert!(demands.all_refused().is_empty(), "{:?}", demands.all_refused());
    let joined = demands.services["web"].project.networks.iter();
    assert_eq!(joined.map(|one| one.network.to_string()).collect::<Vec<_>>(), ["back", "front=site-front"]);
    for (names, why) in [
        ("front: {name: rows}, back: {name: rows}", "the network `back` is called so"),
        ("front: {name: shop_back}, back: ", "the network `back` is called so"),
        ("front: {name: host}, back: ", "not host, none or bridge"),
        ("front: {name: 'a/b'}, back: ", "letters, digits"),
    ] {
        let all = demand(&stack(&text(names)));
        let all: Vec<String> = all.all_refused().iter().map(|one| one.why.clone()).collect();
        assert!(all.len() == 1 && all[0].contains(why), "{names}: {all:?}");
    }
}

#[test]
fn a_network_has_one_row_of_addresses_and_the_rest_is_of_it() {
    let refused_of = |ipam: &str, address: &str| -> Vec<String> {
        let text = format!(
            "name: shop\nservices: {{web: {{image: x, networks: {{back: {{{address}}}}}}}}}\nnetworks: {{back: {{ipam: {ipam}}}}}\n"
        );
        let demands = demand(&stack(&text));
        demands.all_refused().iter().map(|one| format!("{}: {}", one.attribute, one.why)).collect()
    };
    let good = "{config: [{subnet: 10.1.2.0/24, gateway: 10.1.2.254, ip_range: 10.1.2.128/26}]}";
    for address in ["", "ipv4_address: 10.1.2.9"] {
        assert_eq!(refused_of(good, address), Vec::<String>::new());
    }
    let subnet = "subnet: 10.1.2.0/24";
    for (ipam, address, why) in [
        (good.to_owned(), "ipv4_address: 10.1.2.254", "ipv4_address: it is the gateway's"),
        (
            format!("{{config: [{{{subnet}}}, {{subnet: 10.1.3.0/24}}]}}"),
            "",
            "ipam.config: a sandbox has one address",
        ),
        (
            format!("{{config: [{{{subnet}, gateway: 10.1.3.1}}]}}"),
            "",
            "ipam.config: `10.1.3.1` is not of 10.1.2.0/24",
        ),
        (
            format!("{{config: [{{{subnet}, ip_range: 10.1.0.0/16}}]}}"),
            "",
            "ipam.config: `10.1.0.0/16` is not of",
        ),
        (
            "{config: [{gateway: 10.1.3.1}]}".to_owned(),
            "",
            "ipam.config: `10.1.3.1` is an address of no subnet",
        ),
        ("{config: [{subnet: 10.1.2.1/24}]}".to_owned(), "", "ipam.config: `10.1.2.1/24` is no subnet"),
        (
            format!("{{config: [{{{subnet}, aux_addresses: {{a: 10.1.2.7}}}}]}}"),
            "",
            "ipam.config.aux_addresses: it is not done",
        ),
        (format!("{{driver: other, config: [{{{subnet}}}]}}"), "", "ipam.driver: it is not done"),
    ] {
        let all = refused_of(&ipam, address);
        assert!(all.len() == 1 && all[0].starts_with(why), "{ipam}: {all:?}");
    }
}

#[test]
fn the_network_of_another_service_is_asked_for_alone() {
    let text = |probe: &str, db: &str| {
        format!(
            "name: shop\nservices:\n  probe: {{image: x, network_mode: 'service:db'{probe}}}\n  db: {{image: x{db}}}\n"
        )
    };
    let demands = demand(&stack(&text("", "")));
    assert!(demands.all_refused().is_empty(), "{:?}", demands.all_refused());
    let [network] = demands.services["probe"].project.networks.as_slice() else { panic!("{demands:?}") };
    assert_eq!(network.network.to_string(), "service:db");
    for (probe, db, why) in [
        (", x-perry-egress: ['a.example:443']", "", "it asks for egress, which would be `db`'s"),
        (", extra_hosts: ['a:10.0.0.7']", "", "it knows hosts, which would be `db`'s"),
        (", sysctls: {net.core.somaxconn: 9}", "", "it sets the network, which would be `db`'s"),
        ("", ", network_mode: none", "`db` is in no network of its own"),
        ("", ", scale: 2", "there is not one of `db`"),
    ] {
        let demands = demand(&stack(&text(probe, db)));
        let all: Vec<String> = demands.all_refused().iter().map(|one| one.why.clone()).collect();
        assert!(all.len() == 1 && all[0] == why, "{probe}{db}: {all:?}");
    }
}

#[test]
fn a_service_is_found_by_its_names_in_each_network() {
    let demand = wants(
        "container_name: front\nhostname: edge\nnetworks: {default: {aliases: [www], ipv4_address: 10.0.0.2}}",
    );
    let [network] = demand.project.networks.as_slice() else { panic!("{demand:?}") };
    let aliases: Vec<&str> = network.aliases.iter().map(perry_sandbox_policy::HostName::as_str).collect();
    assert_eq!(aliases, ["web", "edge", "front", "www"]);
    assert_eq!(network.address, Some("10.0.0.2".parse().unwrap()));
    assert!(wants("network_mode: none").project.networks.is_empty());
}

#[test]
fn a_network_of_another_project_is_asked_for_by_its_whole_name() {
    let text = "name: shop\nservices: {a: {image: x, networks: {n: {aliases: [shop-a]}, m: , own: }}}\nnetworks: {n: {external: true, name: edge_front}, m: {external: true}, own: {external: false}}\n";
    let demands = demand(&stack(text));
    assert!(demands.all_refused().is_empty(), "{:?}", demands.all_refused());
    let joined = demands.services["a"].project.networks.iter();
    let joined: Vec<String> = joined.map(|one| one.network.to_string()).collect();
    assert_eq!(joined, ["external:m", "external:edge_front", "own"]);
}
