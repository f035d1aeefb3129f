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
//! `port=N` a listener on the host's loopback, `abstract=NAME` and `socket=PATH` sockets of the host, `ipc=KEY`,
//! `keyring=ID` and `process=N` what `plant=KEY` has made on the host (`uproot=KEY` removes it) and a process of it.
//! `echo=ADDRESS` answers datagrams with who sent them and what they say, and says what it hears.
//! `session PROGRAM ARGUMENT…` runs a program of the host with a session keyring of its own.
//! `files=N`, `tmp=BYTES` and `each=BYTES` are more limits to try; with `limits=ours` the resource limits must be those of
//! `perry-sandbox` and not only finite.

mod bomb;
mod echo;
mod files;
mod fill;
mod ipc;
mod kernel;
mod limits;
mod network;
mod planted;
mod raw;
mod report;
mod spy;
mod state;
mod ways;

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
    if let Some(address) = value("echo") {
        return echo::answer(&address);
    }
    let number = |name: &str| value(name).and_then(|text| text.parse().ok());
    if let Some(key) = number("plant") {
        return ipc::plant(key);
    }
    if let Some(key) = number("uproot") {
        return ipc::uproot(key);
    }
    if let Some(("session", program)) = arguments.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return ipc::in_a_session_of_its_own(program);
    }
    if arguments.first().is_some_and(|first| first == "stay") {
        // What another checker joins.
        std::thread::sleep(std::time::Duration::from_secs(600));
        return;
    }
    if value("tell").is_some() {
        return println!("{}", planted::rights());
    }
    let mut report = Report::default();
    if let Some(rounds) = value("spy").and_then(|text| text.parse().ok()) {
        spy::watch(&mut report, rounds);
        return report.finish();
    }
    state::check(&mut report, value("canary").as_deref());
    files::check(&mut report, value("canary").as_deref());
    planted::check(&mut report);
    ipc::check(&mut report, number("ipc"), number("keyring"), number("process"));
    kernel::check(&mut report);
    ways::check(&mut report);
    network::check(
        &mut report,
        value("port").and_then(|port| port.parse().ok()),
        value("abstract").as_deref(),
        value("socket").as_deref(),
    );
    let size = |name: &str| value(name).and_then(|text| text.parse::<usize>().ok());
    fill::check(&mut report, value("tmp").and_then(|text| text.parse().ok()));
    let bounds = limits::Bounds {
        ours: value("limits").as_deref() == Some("ours"),
        files: value("files").and_then(|text| text.parse().ok()),
        pids: size("pids"),
        each: size("each"),
        memory: size("memory"),
    };
    limits::check(&mut report, &bounds);
    report.finish();
}
