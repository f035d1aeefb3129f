//! `graph`.

use serde_json::Value;

use crate::shop::{SHOP, compose, home};

#[test]
fn a_graph_is_drawn_in_each_language() {
    let home = home(SHOP);
    let mermaid = compose(&home, &["graph"]);
    assert_eq!((mermaid.code, mermaid.stdout.lines().count()), (0, 4), "{mermaid:?}");
    let dot = compose(&home, &["graph", "--format", "dot"]);
    assert!(dot.stdout.contains("\"web\" -> \"db\" [label=\"healthy\"];"), "{dot:?}");
    let json = compose(&home, &["graph", "--format", "json"]);
    let graph: Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(graph["levels"], serde_json::json!([["db"], ["web"]]));
}

#[test]
fn a_cycle_is_told_once_from_its_smallest_name() {
    let home = home(
        "services:\n  b: {image: x, links: [a]}\n  a: {image: x, depends_on: [c]}\n  c: {image: x, depends_on: [b]}\n",
    );
    let ran = compose(&home, &["graph"]);
    assert!(ran.code == 1 && ran.stderr.contains("dependency cycle: `a` → `c` → `b` → `a`"), "{ran:?}");
}
