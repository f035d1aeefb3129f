//! Where the time of a launch goes, step by step: `cargo bench -p perry-sandbox-runner --features measure --bench steps`.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a bench fails by panicking")]

#[path = "../tests/support/spine.rs"]
mod spine;

use perry_sandbox_runner::time_of_steps;
use perry_sandbox_testkit::bench::{Report, milliseconds, part};
use serde_json::json;
use spine::{Spine, request, spine};

fn main() {
    let mut report = Report::from_arguments("steps");
    // The tree lies in the scratch folder, which goes with its name.
    let Spine { plan, image, rootfs, scratch: _scratch } = spine(&request(&["/bin/busybox", "true"]));
    drop(image);
    let times = time_of_steps(&plan, &rootfs, report.rounds(60)).unwrap();
    let mut before = 0.0;
    let mut groups: Vec<(String, u32, f64)> = Vec::new();
    for (step, times) in times {
        // The fastest tenth: what others do on the machine is no part of a step.
        let until = part(times.into_iter().map(milliseconds).collect(), 10).max(before);
        let took = (until - before) * 1e3;
        before = until;
        // Masks, limits, folders: what comes in a row is shown as one.
        let kind = step.split([' ', '/']).next().unwrap_or_default().to_owned();
        match groups.last_mut() {
            Some((name, count, sum)) if name.split([' ', '/']).next() == Some(kind.as_str()) => {
                *count = count.saturating_add(1);
                *sum += took;
            }
            _ => groups.push((step, 1, took)),
        }
    }
    let rows = groups.into_iter().map(|(name, count, sum)| {
        let name = if count > 1 { format!("{name} and {} more", count.saturating_sub(1)) } else { name };
        json!({ "name": name.chars().take(60).collect::<String>(), "us": sum })
    });
    report.add("steps of one launch; the first holds clone and exit", "us", rows.collect());
    report.finish();
}
