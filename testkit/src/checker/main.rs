//! Inside the sandbox: tries what a hostile program would try, and prints one line for each try.
//!
//! `ok name detail` means that the sandbox held, `open name detail` that a precondition of an attack is there, `skip`
//! that this machine cannot tell. It is one static file without dependencies, so that it runs unchanged in every
//! sandbox and under every backend; build it with
//! `rustc --edition 2024 -O -C target-feature=+crt-static -o checker testkit/src/checker/main.rs`.
//!
//! Arguments: `memory=BYTES` and `pids=N` name limits to try, `canary=TEXT` a text of the host that must not be seen,
//! `bomb=KIND` does nothing but exhaust one resource,
//! `spy=N` looks at others instead, until N of them have come,
//! `port=N` a listener on the host's loopback, `abstract=NAME` a socket of the host's abstract namespace.

mod bomb;
mod files;
mod kernel;
mod limits;
mod network;
mod raw;
mod report;
mod spy;
mod state;

use report::Report;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        arguments
            .iter()
            .find_map(|argument| argument.strip_prefix(name)?.strip_prefix('='))
            .map(str::to_owned)
    };
    if let Some(kind) = value("bomb") {
        return bomb::explode(&kind);
    }
    let mut report = Report::default();
    if let Some(rounds) = value("spy").and_then(|text| text.parse().ok()) {
        spy::watch(&mut report, rounds);
        return report.finish();
    }
    state::check(&mut report, value("canary").as_deref());
    files::check(&mut report, value("canary").as_deref());
    kernel::check(&mut report);
    network::check(
        &mut report,
        value("port").and_then(|port| port.parse().ok()),
        value("abstract").as_deref(),
    );
    let number = |name: &str| value(name).and_then(|text| text.parse().ok());
    limits::check(&mut report, number("pids"), number("memory"));
    report.finish();
}
