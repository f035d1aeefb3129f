//! What it costs to bring a graph of 20 independent nodes up and down by the library, beside the same sandboxes without one.
//!
//! `cargo bench -p perry-sandbox-tests --bench graph`. Bar: what a graph adds (its plan, a journal, records of the project) is
//! less than what the backend takes for the sandboxes themselves.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use perry_sandbox_ffi::Engine;
use perry_sandbox_testkit::bench::{Report, Row};
use perry_sandbox_testkit::example::BARE_POLICY;
use perry_sandbox_testkit::{As, Home, crate_root};
use serde_json::{Value, json};

/// Nodes of the graph.
const COUNT: usize = 20;

fn main() {
    let mut report = Report::from_arguments("graph");
    let home = Home::new(As::Me);
    let library = Library::new(home.path());
    // The image is unpacked and its proof is kept from here on.
    library.start_all();
    library.remove_all();
    let ups = vec![
        Row::new("20 sandboxes, all asked for at once", "", || library.start_all())
            .and_then(|| library.remove_all()),
        Row::new("a graph of 20 nodes", "", || library.up()).and_then(|| library.down()),
    ];
    report.compare("20 independent nodes come up", 20, ups);
    library.up();
    report.compare("20 nodes are up", 20, vec![Row::new("a graph of 20 nodes", "", || library.up())]);
    let downs = vec![Row::new("a graph of 20 nodes", "", || library.down()).and_then(|| library.up())];
    report.compare("20 nodes go down", 10, downs);
    library.down();
    report.finish();
}

/// The library in this process, with folders of its own.
struct Library {
    engine: Arc<Engine>,
    last: Cell<usize>,
    name: String,
}

impl Library {
    fn new(home: &Path) -> Self {
        let folder = home.to_owned();
        let engine = Engine::new(move |name| (name == "HOME").then(|| folder.clone().into_os_string()));
        let engine = Arc::new(engine.with_data_dir(&home.join("graph")));
        Self { engine, last: Cell::new(0), name: format!("bench-graph-{}", std::process::id()) }
    }

    fn begin(&self, op: &str, args: &Value) -> Receiver<String> {
        self.last.set(self.last.get() + 1);
        let request = json!({ "v": 1, "id": self.last.get().to_string(), "op": op, "args": args });
        let (sender, receiver) = channel();
        let done = Box::new(move |reply| drop(sender.send(reply)));
        self.engine.call(request.to_string().as_bytes(), done);
        receiver
    }

    fn call(&self, op: &str, args: &Value) {
        value(&self.begin(op, args));
    }

    /// A policy that allows each node, and each as a sandbox of its own.
    fn policy(&self) -> Value {
        let entry = |number: usize| {
            format!("[service.\"{}/n{number}\"]\ntier = \"node\"\nimage = [\"hello\"]\n", self.name)
        };
        let text = format!("{BARE_POLICY}{TIERS}{}", (0..COUNT).map(entry).collect::<String>());
        json!({ "name": crate_root().join("bench.toml"), "text": text })
    }

    fn start_all(&self) {
        let limits = json!({ "memory": "16MiB" });
        let replies: Vec<_> = (0..COUNT)
            .map(|number| {
                let spec = json!({
                    "image": image(), "args": SLEEP, "policy": self.policy(), "limits": limits,
                    "repository": "registry.example/perry-sandbox/hello",
                });
                self.begin("sandboxRun", &json!({ "spec": spec, "name": format!("{}-s{number}", self.name) }))
            })
            .collect();
        replies.iter().for_each(|reply| drop(value(reply)));
    }

    fn remove_all(&self) {
        for number in 0..COUNT {
            let id = format!("{}-s{number}", self.name);
            self.call("sandboxRemove", &json!({ "id": id, "force": true }));
        }
    }

    fn up(&self) {
        let node = |number: usize| {
            let limits = json!({ "memory": "16MiB" });
            let node = json!({ "image": image(), "command": SLEEP, "network": "none", "resources": limits });
            (format!("n{number}"), node)
        };
        let nodes: serde_json::Map<_, _> = (0..COUNT).map(node).collect();
        let graph = json!({ "name": self.name, "nodes": nodes });
        self.call("graphUp", &json!({ "graph": graph, "policy": self.policy() }));
    }

    fn down(&self) {
        self.call("projectDown", &json!({ "project": self.name, "graceMs": 0 }));
    }
}

fn value(reply: &Receiver<String>) -> String {
    let reply = reply.recv().expect("every call is answered");
    assert!(reply.contains("\"ok\":true"), "{reply}");
    reply
}

fn image() -> String {
    format!("oci:{}", crate_root().join("examples/hello/image").display())
}

const SLEEP: [&str; 3] = ["/bin/busybox", "sleep", "3000"];

const TIERS: &str = r#"
[tier.node]
isolation = { accept = ["oci"], prefer = ["oci"] }
seccomp = "perry-default"
memory-enforcement = "watched"
limits = { memory = "64MiB", cpu = 1, pids = 64, wall = "1h", output = "16MiB", disk = "64MiB", open-files = 256 }

[ad-hoc]
tier = "node"
image = ["hello"]

"#;
