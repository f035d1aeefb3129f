//! What it costs to order a project of 5,000 services.

use std::collections::{BTreeMap, BTreeSet};

use perry_sandbox_stack::Graph;

fn main() {
    divan::main();
}

/// Each service needs up to eight of those before it; the numbers jump, so that levels are neither one nor 5,000.
fn needs(count: u64) -> BTreeMap<String, BTreeSet<String>> {
    let name = |at: u64| format!("service-{at:05}");
    (0..count)
        .map(|at| {
            let needed =
                (1..=8_u64).map(|step| at.wrapping_mul(step).wrapping_add(7).checked_rem(count).unwrap_or(0));
            (name(at), needed.filter(|needed| *needed < at).map(name).collect())
        })
        .collect()
}

#[divan::bench(args = [500, 5_000])]
fn graph_and_order(bencher: divan::Bencher<'_, '_>, count: u64) {
    bencher.with_inputs(|| needs(count)).bench_values(|needs| Graph::new(&needs).order());
}

#[divan::bench]
fn a_chain_of_5000(bencher: divan::Bencher<'_, '_>) {
    let name = |at: u64| format!("service-{at:05}");
    let chain: BTreeMap<_, BTreeSet<_>> =
        (0..5_000).map(|at| (name(at), (0..at).last().map(name).into_iter().collect())).collect();
    bencher.with_inputs(|| chain.clone()).bench_values(|needs| Graph::new(&needs).order());
}
