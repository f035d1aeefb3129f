//! What a graph of 1,000 nodes costs before the first step is taken.

use perry_sandbox_engine::{Seen, Up, reconcile};
use perry_sandbox_pipeline::{AccessChoice, PolicyChoice, SignerChoice};
use perry_sandbox_workloads::{Approved, Asked, Graph, Strategy, demands, desire};
use serde_json::{Map, Value, json};

fn main() {
    divan::main();
}

/// Each node refers to one before it, depends on another, and writes one of twenty volumes.
fn written(count: u64) -> Value {
    let node = |at: u64| {
        let before = at.wrapping_mul(7).checked_rem(at.max(1)).unwrap_or_default();
        let volume = format!("v{}:/v", at & 15);
        let node = if at == 0 {
            json!({ "image": "r.example/a:1", "ports": [80], "volumes": [volume] })
        } else {
            let next = format!("n{}", at.wrapping_sub(1) / 2);
            json!({
                "image": "r.example/a:1", "ports": [80], "volumes": [volume],
                "env": { "NEXT": { "nodeId": next, "projection": "internalUrl" } }, "dependsOn": [format!("n{before}")],
            })
        };
        (format!("n{at}"), node)
    };
    json!({ "name": "bench", "nodes": (0..count).map(node).collect::<Map<_, _>>() })
}

#[divan::bench(args = [100, 1_000])]
fn resolved_and_planned(bencher: divan::Bencher<'_, '_>, count: u64) {
    let value = written(count);
    let one =
        Approved { image: "r.example/a".to_owned(), plan: "p".to_owned(), backend: "native".to_owned() };
    let approved = (0..count).map(|at| (format!("n{at}"), one.clone())).collect();
    let (policy, signer, access) =
        (PolicyChoice::default(), SignerChoice::default(), AccessChoice::default());
    let asked = Asked { policy: &policy, signer: &signer, access: &access };
    bencher.with_inputs(|| value.clone()).bench_values(|value| {
        let graph = Graph::read(value).ok()?;
        let desired = desire(&graph, &demands(&graph), &approved, asked, Strategy::ParallelSafe)?;
        reconcile(&desired, &Seen::default(), Up::default(), "r").ok()
    });
}
