//! From graphs to steps.

use std::collections::{BTreeMap, BTreeSet};

use perry_sandbox_engine::{
    Condition, Desired, EngineError, Membership, Replica, Role, Seen, SeenResource, Until, Up, reconcile,
};
use perry_sandbox_pipeline::{AccessChoice, PolicyChoice, SignerChoice};
use perry_sandbox_policy::IsolationLevel;
use perry_sandbox_workloads::{Approved, Asked, Graph, Strategy, check_strategy, demands, desire};
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};
use proptest::strategy::Strategy as _;
use serde_json::{Value, json};

use crate::made_up::{allowed, desired, graph, work};

fn shop() -> Graph {
    graph(json!({
        "db": { "image": "r.example/db:1", "ports": [5432], "volumes": ["data:/data"],
                "health": { "command": ["/bin/ready"] } },
        "web": { "image": "r.example/web:1", "ports": ["8080:80"],
                 "env": { "DB": { "nodeId": "db", "projection": "endpoint" }, "MODE": "fast" },
                 "dependsOn": { "db": { "condition": "service_healthy" } } },
        "job": { "image": "r.example/job:1", "policy": "untrusted" },
    }))
}

#[test]
fn a_graph_reads_as_it_is_brought_up() {
    let text = "\
1  create network default
2  create volume data
3  start shop-db  after 1, 2
4  start shop-job
5  start shop-web  after 1, 3 is healthy
";
    assert_eq!(work(&shop(), Strategy::DependencyAware).to_string(), text);
}

#[test]
fn what_a_node_declares_is_asked_for_and_held_against_its_plan() {
    let graph = graph(json!({
        "vm": { "image": "r.example/a:1", "runtime": { "type": "microvm" } },
        "floor": { "image": "r.example/a:1", "policy": { "tier": "hardened", "readOnlyRoot": true, "microvm": true } },
        "oci": { "image": "r.example/a:1", "runtime": "oci" },
        "none": { "image": "r.example/a:1", "policy": "untrusted" },
    }));
    let demands = demands(&graph).services;
    assert_eq!(demands["vm"].backend.as_deref(), Some("microvm"));
    assert_eq!(demands["vm"].must.isolation.map(|at| at.value), Some(IsolationLevel::Microvm));
    assert_eq!(demands["floor"].must.isolation.map(|at| at.value), Some(IsolationLevel::Microvm));
    assert!(demands["floor"].must.read_only.is_some());
    assert_eq!(demands["oci"].must.isolation.map(|at| at.value), Some(IsolationLevel::Oci));
    let none = &demands["none"];
    assert_eq!(none.tier.as_ref().unwrap().as_str(), "untrusted");
    assert!(none.project.is_empty() && none.grants.egress.is_empty(), "it is in no network");
}

#[test]
fn a_graph_of_which_one_node_is_not_allowed_is_none() {
    let graph = shop();
    for lost in ["db", "web", "job"] {
        let mut approved = allowed(&graph);
        assert!(made(&graph, &approved).is_some());
        approved.remove(lost);
        assert!(made(&graph, &approved).is_none(), "{lost}");
    }
}

fn made(graph: &Graph, approved: &BTreeMap<String, Approved>) -> Option<Desired> {
    let asked = Asked {
        policy: &PolicyChoice::default(),
        signer: &SignerChoice::default(),
        access: &AccessChoice::default(),
    };
    desire(graph, &demands(graph), approved, asked, Strategy::default())
}

#[test]
fn those_that_share_a_written_volume_or_a_port_start_one_after_another() {
    let node = |volume: &str, port: &str| {
        let ports: Vec<&str> = Some(port).filter(|port| !port.is_empty()).into_iter().collect();
        json!({ "image": "r.example/a:1", "volumes": [volume], "ports": ports })
    };
    let graph = graph(json!({
        "a": node("x:/x", ""), "b": node("x:/x:ro", "127.0.0.1:9000:80"), "c": node("y:/y:ro", "127.0.0.2:9000:80"),
        "d": node("y:/y:ro", ""), "e": node("z:/z", ""),
    }));
    let waits = |strategy| -> BTreeMap<String, Vec<String>> {
        let units = desired(&graph, strategy).units.into_iter();
        units
            .map(|unit| {
                assert!(unit.after.iter().all(|wait| !wait.required), "one's failure is not the other's");
                (unit.service, unit.after.into_iter().map(|wait| wait.service.to_string()).collect())
            })
            .filter(|(_, waits): &(String, Vec<String>)| !waits.is_empty())
            .collect()
    };
    assert_eq!(waits(Strategy::DependencyAware), BTreeMap::new());
    let found = waits(Strategy::ParallelSafe);
    let wanted = [("b", "a"), ("c", "b")].map(|(one, other)| (one.to_owned(), vec![other.to_owned()]));
    assert_eq!(found, BTreeMap::from(wanted), "`y` is only read");
}

#[test]
fn those_that_share_wait_for_all_before_them_until_these_are_well() {
    let sharing = |more: Value| {
        let mut node = json!({ "image": "r.example/a:1", "volumes": ["x:/x"] });
        node.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        node
    };
    let graph = graph(json!({
        "a": sharing(json!({ "health": { "command": ["/bin/ready"] } })),
        "b": sharing(json!({ "dependsOn": ["a", "bad"] })),
        "bad": { "image": "r.example/a:1" },
        "c": sharing(json!({ "dependsOn": ["then"] })),
        "then": { "image": "r.example/a:1", "dependsOn": ["bad"] },
    }));
    let units = desired(&graph, Strategy::ParallelSafe).units;
    let waits = |name: &str| -> Vec<(String, Until, bool)> {
        let unit = units.iter().find(|unit| unit.service == name).unwrap();
        unit.after.iter().map(|wait| (wait.service.to_string(), wait.until, wait.required)).collect()
    };
    let (started, healthy) = (Until::Started, Until::Healthy);
    let wanted = |all: &[(&str, Until, bool)]| -> Vec<(String, Until, bool)> {
        all.iter().map(|(name, until, required)| ((*name).to_owned(), *until, *required)).collect()
    };
    assert_eq!(waits("a"), []);
    let second = [("a", started, true), ("bad", started, true), ("a", healthy, false)];
    assert_eq!(waits("b"), wanted(&second), "it waits until `a` is well, and does not require that");
    let third = [("then", started, true), ("a", healthy, false), ("b", started, false)];
    assert_eq!(waits("c"), wanted(&third), "`b` may be passed over, and `a` is there all the same");
}

#[test]
fn more_that_share_than_can_be_kept_with_a_sandbox_are_refused_before_anything_is_made() {
    let sharing = |count: usize| {
        let one = |at: usize| {
            (
                format!("a-node-with-a-name-that-is-as-long-as-nobody-would-have-it-{at:04}"),
                json!({ "image": "r.example/a:1", "volumes": ["data:/data"] }),
            )
        };
        graph(Value::Object((0..count).map(one).collect()))
    };
    let work = |count, strategy| {
        reconcile(&desired(&sharing(count), strategy), &Seen::default(), Up::default(), "r")
    };
    assert!(work(200, Strategy::ParallelSafe).is_ok(), "12,600 bytes of names");
    let refused = work(1_000, Strategy::ParallelSafe).unwrap_err();
    assert!(matches!(refused, EngineError::TooManyNeeds { .. }), "{refused}");
    assert!(work(1_000, Strategy::DependencyAware).is_ok());
}

#[test]
fn a_reference_of_each_kind_is_a_name() {
    let env = |port: Value| {
        json!({
            "E": { "nodeId": "db", "projection": "endpoint", "port": port },
            "I": { "nodeId": "db", "projection": "ip" },
            "U": { "nodeId": "db", "projection": "internalUrl", "port": port },
        })
    };
    let graph = graph(json!({
        "db": { "image": "r.example/a:1", "ports": [80, "9:8080", "53/udp"] },
        "named": { "image": "r.example/a:1", "env": env(json!(8080)) },
        "default": { "image": "r.example/a:1", "env": env(Value::Null) },
    }));
    let of = |name: &str| graph.node(name).unwrap().variables().values().cloned().collect::<Vec<_>>();
    assert_eq!(of("named"), ["db:8080", "db", "http://db:8080"]);
    assert_eq!(of("default"), ["db:80", "db", "http://db:80"]);
}

/// Nodes that need some of those before them.
fn any_graph() -> impl proptest::strategy::Strategy<Value = Value> {
    let needs = proptest::collection::vec((0_usize..12, 0_usize..12, any::<bool>()), 0..24);
    needs.prop_map(|needs| {
        let nodes = (0..12_usize).map(|at| {
            let of = |by_reference: bool| {
                needs.iter().filter(move |(to, from, is)| *to == at && from < to && *is == by_reference)
            };
            let depends: BTreeSet<String> = of(false).map(|(_, from, _)| format!("n{from}")).collect();
            let env: serde_json::Map<String, Value> = of(true)
                .map(|(_, from, _)| (format!("N{from}"), json!({ "nodeId": format!("n{from}"), "projection": "endpoint" })))
                .collect();
            let volume = format!("v{}:/v", at % 5);
            (format!("n{at}"), json!({ "image": "r.example/a:1", "ports": [80], "dependsOn": depends, "env": env, "volumes": [volume] }))
        });
        json!({ "name": "any", "nodes": nodes.collect::<serde_json::Map<_, _>>() })
    })
}

/// The world in which all of it runs as it is to be.
fn world(desired: &Desired) -> Seen {
    let replica = |(number, unit): (usize, &perry_sandbox_engine::Unit)| Replica {
        id: format!("{number:04}"),
        name: unit.name.clone().unwrap(),
        member: Membership {
            project: desired.project.name.clone(),
            origin: desired.project.origin.clone(),
            service: unit.service.clone(),
            replica: 1,
            run: "r0".to_owned(),
            config: unit.config.clone(),
            needs: Vec::new(),
            beside: None,
            borrows: Vec::new(),
            role: Role::Replica,
            stop_ms: None,
            stop_signal: None,
            secrets: false,
        },
        plan: unit.plan.clone(),
        condition: Condition::Running(None),
        paused: false,
    };
    let resource = |key: &String| SeenResource {
        key: key.clone(),
        origin: desired.project.origin.clone(),
        run: "r0".to_owned(),
        ..SeenResource::default()
    };
    Seen {
        replicas: desired.units.iter().enumerate().map(replica).collect(),
        networks: desired.networks.iter().map(|one| resource(&one.key)).collect(),
        volumes: desired.volumes.iter().map(|one| resource(&one.key)).collect(),
        ..Seen::default()
    }
}

#[test]
fn more_nodes_of_one_volume_than_can_wait_for_each_other_are_refused_in_the_strategy_that_parts_them() {
    let crowd = |count: usize, access: &str| {
        let node = json!({ "image": "r.example/a:1", "volumes": [format!("data:/data{access}")] });
        graph(Value::Object((0..count).map(|at| (format!("n{at}"), node.clone())).collect()))
    };
    check_strategy(&crowd(1_024, ""), Strategy::ParallelSafe).unwrap();
    check_strategy(&crowd(1_025, ""), Strategy::DependencyAware).unwrap();
    check_strategy(&crowd(1_025, ":ro"), Strategy::ParallelSafe).unwrap();
    let error = check_strategy(&crowd(1_025, ""), Strategy::ParallelSafe).unwrap_err().to_string();
    assert!(error.contains("the volume `data`") && error.contains("1025"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_node_stands_behind_those_that_it_needs_in_every_strategy(value in any_graph()) {
        let graph = Graph::read(value.clone()).unwrap();
        let places: BTreeMap<&str, usize> = graph.order().zip(0..).collect();
        prop_assert_eq!(places.len(), 12);
        for edge in graph.edges() {
            prop_assert!(places[edge.to.as_str()] < places[edge.from.as_str()]);
        }
        let strategies = [Strategy::Sequential, Strategy::MaxParallel(3.try_into().unwrap()), Strategy::DependencyAware, Strategy::ParallelSafe];
        for strategy in strategies {
            let work = work(&graph, strategy);
            prop_assert!(work.steps.iter().all(|step| step.after.iter().all(|after| after.step < step.number)));
            prop_assert_eq!(work.to_string(), work_again(&value, strategy), "the same each time");
        }
    }

    #[test]
    fn the_plan_of_a_world_that_is_as_it_is_to_be_is_nothing(value in any_graph()) {
        let graph = Graph::read(value.clone()).unwrap();
        let desired = desired(&graph, Strategy::ParallelSafe);
        let work = reconcile(&desired, &world(&desired), Up::default(), "r1").unwrap();
        prop_assert!(work.is_nothing(), "{}", work);
    }

    #[test]
    fn nothing_that_is_read_panics(text in "\\PC{0,200}", key in "[a-zA-Z.]{1,12}") {
        let values = [json!(text), json!({ key.clone(): text }), json!([text]), json!(7), Value::Null];
        for value in values {
            drop(Graph::read(json!({ "name": value, "nodes": { "a": value, key.clone(): { "image": value, "env": value, "ports": value, key.clone(): value } } })));
            drop(Graph::read(value.clone()));
        }
    }
}

fn work_again(value: &Value, strategy: Strategy) -> String {
    work(&Graph::read(value.clone()).unwrap(), strategy).to_string()
}
