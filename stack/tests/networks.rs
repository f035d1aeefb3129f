//! What services ask for of the networks that they are in.

use perry_sandbox_stack::demand;

use crate::support::stack;

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
        networks.iter().map(|one| format!("{} {:?}", one.network, one.links.iter().map(said).collect::<Vec<_>>())).collect()
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
    let [name] = refused_of("['db:a_b:c']").try_into().unwrap();
    assert!(name.contains("a name in a network"), "{name}");
    let alone = "name: shop\nservices: {a: {image: x, network_mode: none, links: ['b:c']}, b: {image: x}}\n";
    let demands = demand(&stack(alone));
    assert!(demands.all_refused()[0].why.contains("it is in no network with `b`"));
}

#[test]
fn a_network_with_a_name_of_its_own_is_asked_for_by_both() {
    let text = |names: &str| {
        format!("name: shop\nservices: {{web: {{image: x, networks: [front, back]}}}}\nnetworks: {{{names}}}\n")
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
