//! What is wrong with a graph is found, all of it at once, with its place.

use perry_sandbox_workloads::Graph;
use serde_json::{Value, json};

use crate::made_up::wrong;

fn node(more: Value) -> Value {
    let mut node = json!({ "image": "r.example/a:1" });
    node.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    node
}

/// What is wrong with a graph of a sound node `b` with port 80 and a node `a` of these fields.
fn of(more: Value) -> Vec<String> {
    wrong(json!({ "a": node(more), "b": node(json!({ "ports": [80] })) }))
}

#[test]
fn a_node_that_is_none_is_an_error_and_never_a_default() {
    for (nodes, says) in [
        (json!({}), "`nodes`: has none"),
        (Value::Null, "`nodes`: has none"),
        (json!("[]"), "`nodes`: is text, expected an object"),
        (json!([]), "`nodes`: is a list, expected an object"),
        (json!({ "a": null }), "`nodes.a`: is null, expected an object"),
        (json!({ "a": "r.example/a:1" }), "`nodes.a`: is text, expected an object"),
        (json!({ "a": {} }), "`nodes.a.image`: is missing"),
        (json!({ "a": { "image": "" } }), "`nodes.a.image`: is empty"),
        (json!({ "a": { "image": 7 } }), "`nodes.a.image`: is a number, expected text"),
        (json!({ "A b": { "image": "x" } }), "is no name"),
        (json!({ "-a": { "image": "x" } }), "is no name"),
    ] {
        let found = wrong(nodes.clone());
        assert!(found.iter().any(|line| line.contains(says)), "{nodes}: {found:?}");
    }
}

#[test]
fn a_field_that_is_not_as_it_should_be_is_told_with_its_place() {
    for (more, says) in [
        (json!({ "polcy": "untrusted" }), "`nodes.a.polcy`: is not known here; did you mean `policy`?"),
        (json!({ "privileged": true }), "`nodes.a.privileged`: is not known here"),
        (json!({ "id": "c" }), "`nodes.a.id`: is `c`, and the node is called `a`"),
        (
            json!({ "policy": { "teir": "x" } }),
            "`nodes.a.policy.teir`: is not known here; did you mean `tier`?",
        ),
        (json!({ "policy": { "seccomp": false } }), "cannot be false"),
        (json!({ "policy": { "noNetwork": "yes" } }), "is text, expected true or false"),
        (json!({ "runtime": "docker" }), "is expected to be `auto` or `oci`"),
        (json!({ "runtime": {} }), "`nodes.a.runtime.type`: is missing"),
        (
            json!({ "runtime": "oci", "policy": { "microvm": true } }),
            "asks for oci, and the policy for microvm",
        ),
        (json!({ "ports": ["x"] }), "`nodes.a.ports[0]`: `x` is no port"),
        (json!({ "ports": [0] }), "`0` is no port"),
        (json!({ "ports": [70000] }), "is no port"),
        (json!({ "ports": ["80/sctp"] }), "is no port"),
        (json!({ "volumes": ["/etc:/etc"] }), "is a folder of the host"),
        (json!({ "volumes": ["data"] }), "is no volume"),
        (json!({ "volumes": ["data:/proc"] }), "a place for a volume"),
        (json!({ "secrets": ["a", "a"] }), "`nodes.a.secrets[1]`: is there twice"),
        (json!({ "user": "postgres" }), "is expected to be a user's number"),
        (json!({ "resources": { "memory": "lots" } }), "`nodes.a.resources.memory`: is expected to be bytes"),
        (json!({ "resources": { "cpus": "1" } }), "`nodes.a.resources.cpus`"),
        (json!({ "resources": { "pids": 0 } }), "expected a whole number above 0"),
        (json!({ "health": {} }), "`nodes.a.health.command`: is missing"),
        (json!({ "restart": "sometimes" }), "is expected to be `no` or `on-failure` or `always`"),
        (json!({ "env": { "A=B": "x" } }), "is no name of a variable"),
        (json!({ "env": { "A": 7 } }), "is expected to be text, or a reference"),
        (json!({ "command": ["a"], "cmd": ["b"] }), "give one of the two"),
        (json!({ "network": "host" }), "is expected to be `none` or `graph`"),
        (json!({ "network": "graph", "policy": "untrusted" }), "policy says that it has none"),
        (json!({ "egress": ["x.example:443"], "policy": "isolated" }), "asks for `egress`"),
        (json!({ "ports": ["8080:80"], "network": "none" }), "is in no network"),
    ] {
        let found = of(more.clone());
        assert!(found.iter().any(|line| line.contains(says)), "{more}: {found:?}");
    }
}

#[test]
fn an_edge_leads_to_a_node_and_in_no_circle() {
    let unknown = of(json!({ "dependsOn": ["nobody"] }));
    assert_eq!(unknown, ["`nodes.a.dependsOn[0]`: there is no node `nobody`"]);
    assert_eq!(of(json!({ "dependsOn": ["a"] })), ["`nodes.a.dependsOn[0]`: is the node itself"]);
    let sick = of(json!({ "dependsOn": { "b": { "condition": "service_healthy" } } }));
    assert_eq!(sick, ["`nodes.a`: waits until `b` is healthy, which has no `health`"]);
    let needs = |name: &str| node(json!({ "dependsOn": [name] }));
    let circle = wrong(json!({ "c": needs("a"), "a": needs("b"), "b": needs("c"), "d": needs("a") }));
    assert_eq!(circle, ["`nodes`: dependency cycle: `a` → `b` → `c` → `a`"]);
    let by_reference = wrong(json!({
        "a": node(json!({ "ports": [80], "env": { "B": { "nodeId": "b", "projection": "ip" } } })),
        "b": node(json!({ "dependsOn": ["a"] })),
    }));
    assert_eq!(by_reference, ["`nodes`: dependency cycle: `a` → `b` → `a`"], "a reference is an edge");
}

#[test]
fn edges_may_stand_beside_the_nodes() {
    let nodes = json!({ "a": node(json!({})), "b": node(json!({})) });
    let with = |edges: Value| Graph::read(json!({ "name": "g", "nodes": nodes, "edges": edges }));
    let graph =
        with(json!([{ "from": "a", "to": "b", "condition": "service_completed_successfully" }])).unwrap();
    assert_eq!(graph.levels(), [["b"], ["a"]]);
    for (edges, says) in [
        (json!([{ "from": "a", "to": "x" }]), "`edges[0].to`: there is no node `x`"),
        (json!([{ "from": "x", "to": "a" }]), "`edges[0].from`: there is no node `x`"),
        (json!([{ "from": "a" }]), "needs `from` and `to`"),
        (json!([{ "from": "a", "to": "b", "condition": "soon" }]), "`edges[0].condition`"),
    ] {
        let problems = with(edges).unwrap_err().to_string();
        assert!(problems.contains(says), "{problems}");
    }
}

#[test]
fn a_reference_is_held_against_ports_and_networks() {
    let to = |more: Value| {
        let mut reference = json!({ "nodeId": "b", "projection": "endpoint" });
        reference.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "env": { "X": reference } })
    };
    for (more, says) in [
        (to(json!({ "port": 81 })), "refers to port 81 of `b`, and it has 80"),
        (to(json!({ "port": 0 })), "expected a whole number above 0"),
        (to(json!({ "projection": "url" })), "is expected to be `endpoint` or `ip` or `internalUrl`"),
        (to(json!({ "nodeId": "c" })), "there is no node `c`"),
        (json!({ "env": { "X": { "nodeId": "b" } } }), "`nodes.a.env.X.projection`: is missing"),
        (json!({ "network": "none", "env": to(json!({}))["env"] }), "this node is in no network"),
    ] {
        let found = of(more.clone());
        assert!(found.iter().any(|line| line.contains(says)), "{more}: {found:?}");
    }
    let alone = wrong(json!({
        "a": node(to(json!({}))),
        "b": node(json!({ "ports": [80], "policy": "untrusted" })),
    }));
    assert_eq!(alone, ["`nodes.a.env.X`: refers to `b`, which is in no network: nobody would reach it"]);
    let closed = wrong(json!({ "a": node(to(json!({}))), "b": node(json!({})) }));
    assert_eq!(closed, ["`nodes.a.env.X`: refers to port 80 of `b`, and it has no `ports`"]);
}

#[test]
fn a_port_of_the_host_is_published_once() {
    let on = |port: &str| node(json!({ "ports": [port] }));
    let twice = wrong(json!({ "a": on("8080:80"), "b": on("0.0.0.0:8080:81") }));
    assert_eq!(twice, ["`nodes.b`: publishes 0.0.0.0:8080, which `a` does already"]);
    let graph = json!({ "name": "g", "nodes": { "a": on("127.0.0.1:8080:80"), "b": on("127.0.0.2:8080:80"), "c": on("8080:80/udp") } });
    Graph::read(graph).unwrap();
}

#[test]
fn all_mistakes_are_told_at_once_and_values_of_variables_never() {
    let found = wrong(json!({
        "a": { "image": 7, "env": { "TOKEN": "s3cr3t\u{0}" }, "dependsOn": ["x"] },
        "b": { "imag": "x" },
    }));
    assert_eq!(found.len(), 5, "{found:?}");
    assert!(!found.join(" ").contains("s3cr3t"), "{found:?}");
}

#[test]
fn sizes_are_bounded() {
    let many: serde_json::Map<String, Value> =
        (0..5_000).map(|at| (format!("n{at}"), node(json!({})))).collect();
    assert_eq!(wrong(Value::Object(many)), ["`nodes`: has more than 4096 entries"]);
    assert!(
        of(json!({ "command": vec!["x"; 2_000] })).iter().any(|line| line.contains("more than 1024 entries"))
    );
    let long = of(json!({ "entrypoint": "x".repeat(200_000) }));
    assert_eq!(long, ["`nodes.a.entrypoint`: is longer than 131072 bytes"]);
    let name =
        Graph::read(json!({ "name": "n".repeat(100), "nodes": { "a": node(json!({})) } })).unwrap_err();
    assert!(name.to_string().contains("is no name"), "{name}");
}
