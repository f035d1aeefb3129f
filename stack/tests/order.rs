//! Orders and cycles.

use std::collections::{BTreeMap, BTreeSet};

use perry_sandbox_stack::Graph;
use proptest::prelude::*;

type Needs = BTreeMap<String, BTreeSet<String>>;

fn graph(edges: &[(&str, &[&str])]) -> Graph {
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Graph::new(&edges.iter().map(|(name, needs)| ((*name).to_owned(), set(needs))).collect())
}

fn cycle(edges: &[(&str, &[&str])]) -> String {
    graph(edges).order().unwrap_err().to_string()
}

#[test]
fn levels_hold_what_can_start_together() {
    let order = graph(&[("web", &["db", "cache"]), ("db", &[]), ("cache", &[]), ("proxy", &["web"])]);
    let order = order.order().unwrap();
    assert_eq!(order.levels(), [vec!["cache", "db"], vec!["web"], vec!["proxy"]]);
    assert_eq!(order.teardown().collect::<Vec<_>>(), ["proxy", "web", "db", "cache"]);
    assert_eq!((order.place("web"), order.place("none")), (Some(2), None));
}

#[test]
fn a_need_outside_of_the_project_is_no_need() {
    assert_eq!(graph(&[("a", &["elsewhere"])]).order().unwrap().levels(), [vec!["a"]]);
    assert!(Graph::default().order().unwrap().levels().is_empty());
}

#[test]
fn a_cycle_begins_with_its_smallest_name_and_has_no_tail() {
    assert_eq!(cycle(&[("a", &["a"])]), "dependency cycle: `a` → `a`");
    let edges: [(&str, &[&str]); 5] =
        [("a", &["c"]), ("c", &["d"]), ("d", &["b"]), ("b", &["c"]), ("e", &["a"])];
    assert_eq!(cycle(&edges), "dependency cycle: `b` → `c` → `d` → `b`");
}

#[test]
fn a_long_cycle_does_not_flood_the_terminal() {
    let name = |at: usize| format!("s{:04}", at % 1_000);
    let needs: Needs = (0..1_000).map(|at| (name(at), [name(at + 1)].into())).collect();
    let found = Graph::new(&needs).order().unwrap_err();
    assert_eq!(found.path().len(), 1_000);
    assert!(found.to_string().len() < 600, "{found}");
}

/// How long that takes is measured by the bench of that name.
#[test]
fn thousands_of_services_have_an_order() {
    let name = |at: usize| format!("s{at:05}");
    let needs: Needs =
        (0..5_000).map(|at| (name(at), (at.saturating_sub(8)..at).map(name).collect())).collect();
    let order = Graph::new(&needs).order().unwrap();
    assert_eq!(order.levels().len(), 5_000);
}

fn graphs() -> impl Strategy<Value = Needs> {
    (1..9_usize).prop_flat_map(|count| {
        let edges = prop::collection::vec((0..count, 0..count), 0..count * 2);
        edges.prop_map(move |edges| {
            let name = |at: usize| format!("s{at}");
            let mut needs: Needs = (0..count).map(|at| (name(at), BTreeSet::new())).collect();
            for (from, to) in edges {
                needs.get_mut(&name(from)).unwrap().insert(name(to));
            }
            needs
        })
    })
}

/// Whether `to` is reached from `from` in one step or more.
fn reaches(needs: &Needs, from: &str, to: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut left: Vec<&String> = needs[from].iter().collect();
    while let Some(name) = left.pop() {
        if name == to {
            return true;
        }
        if seen.insert(name) {
            left.extend(&needs[name]);
        }
    }
    false
}

proptest! {
    #[test]
    fn an_order_is_topological_or_there_is_a_cycle(needs in graphs()) {
        let cyclic = needs.keys().any(|name| reaches(&needs, name, name));
        match Graph::new(&needs).order() {
            Ok(order) => {
                prop_assert!(!cyclic);
                prop_assert_eq!(order.start().count(), needs.len());
                for (name, needed) in &needs {
                    for need in needed {
                        prop_assert!(order.place(need) < order.place(name));
                    }
                }
            }
            Err(cycle) => {
                let path = cycle.path();
                prop_assert!(cyclic && !path.is_empty());
                prop_assert_eq!(path.iter().min(), path.first());
                prop_assert_eq!(path.iter().collect::<BTreeSet<_>>().len(), path.len());
                for (at, name) in path.iter().enumerate() {
                    prop_assert!(needs[name].contains(&path[(at + 1) % path.len()]));
                }
            }
        }
    }

    #[test]
    fn names_alone_decide_among_equals(needs in graphs()) {
        let first = Graph::new(&needs).order();
        prop_assert_eq!(&first, &Graph::new(&needs).order());
        if let Ok(order) = first {
            prop_assert!(order.levels().iter().all(|level| level.is_sorted()));
        }
    }
}
