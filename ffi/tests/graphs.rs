//! Workload graphs on this machine, through the envelope.

use std::sync::atomic::{AtomicU64, Ordering};

use perry_sandbox_testkit::{example::BARE_POLICY, is_root, skip};
use serde_json::{Value, json};

use crate::support::{Own, PATIENCE, engine, engine_with, image, open, top, with};

const TIERS: &str = r#"
[tier.node]
isolation = { accept = ["oci"], prefer = ["oci"] }
rootfs = "read-only"
env = ["DB", "SITE"]
secrets = ["password"]
seccomp = "perry-default"
memory-enforcement = "watched"
limits = { memory = "64MiB", cpu = 1, pids = 64, wall = "1h", output = "16MiB", disk = "64MiB", open-files = 256 }
"#;

/// How many graphs this process has named.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// A graph of this test and process alone, which is gone at its end, however that comes.
struct Graph<'a> {
    own: &'a Own,
    name: String,
}

impl<'a> Graph<'a> {
    fn new(own: &'a Own, name: &str) -> Self {
        // Another test of this process runs some of these again.
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { own, name: format!("{name}{}x{number}", std::process::id()) }
    }

    /// The arguments of an `up` of these nodes, under a policy that grants what each of them asks for.
    fn args(&self, nodes: &Value, more: Value) -> Value {
        let mut policy = format!("{BARE_POLICY}{TIERS}");
        for (node, spec) in nodes.as_object().unwrap() {
            let network = if spec["policy"] == "untrusted" { "" } else { r#"networks = ["default"], "# };
            let volumes = if spec["volumes"].is_array() { r#"volumes = ["data"], "# } else { "" };
            let secrets = if spec["secrets"].is_array() {
                r#", secrets = [{ name = "password", as = "file" }]"#
            } else {
                ""
            };
            let grants = format!("{network}{volumes}env = [\"DB\", \"SITE\"]{secrets}");
            let name = &self.name;
            let lines = format!("[service.\"{name}/{node}\"]\ntier = \"node\"\nimage = [\"hello\"]\n");
            policy.push_str(&lines);
            policy.push_str(&["grants = { ", &grants, " }\n"].concat());
        }
        let policy = json!({ "name": top().join("graphs.toml"), "text": policy });
        with(json!({ "graph": { "name": self.name, "nodes": nodes }, "policy": policy }), more)
    }

    fn up(&self, nodes: &Value, more: Value) -> Result<Value, Value> {
        self.own.call("graphUp", &self.args(nodes, more))
    }

    fn ask(&self, op: &str, more: Value) -> Result<Value, Value> {
        self.own.call(op, &with(json!({ "project": self.name }), more))
    }

    fn status(&self) -> Value {
        self.own.call("graphStatus", &json!({ "name": self.name })).unwrap()
    }

    /// What a line of shell says in a node.
    fn says(&self, node: &str, line: &str) -> String {
        let found = self.ask("projectFind", json!({ "service": node })).unwrap();
        let command = json!(["/bin/busybox", "sh", "-c", line]);
        let ran = self.own.call("sandboxExec", &json!({ "id": found["id"], "command": command })).unwrap();
        assert_eq!(ran["exitCode"], 0, "{ran}");
        ran["stdout"].as_str().unwrap().to_owned()
    }
}

impl Drop for Graph<'_> {
    fn drop(&mut self) {
        drop(self.ask("projectDown", json!({ "volumes": true, "graceMs": 0 })));
    }
}

/// A node that runs a line of shell.
fn node(line: &str, more: Value) -> Value {
    with(json!({ "image": image(), "entrypoint": "/bin/busybox", "command": ["sh", "-c", line] }), more)
}

fn has_networks() -> bool {
    if !is_root() {
        skip("networks of projects need root");
    }
    is_root()
}

/// A database that is well once it has its data, and a web service that is pointed to it.
fn shop() -> Value {
    let db = "echo started >>/data/log; exec /bin/busybox nc -ll -p 5432 -e /bin/busybox cat /data/log";
    let health =
        json!({ "command": ["/bin/busybox", "test", "-s", "/data/log"], "intervalMs": 200, "retries": 1000 });
    let reference = json!({ "nodeId": "db", "projection": "endpoint" });
    json!({
        "db": node(db, json!({ "ports": [5432], "volumes": ["data:/data"], "health": health, "secrets": ["password"] })),
        "web": node("exec sleep 1000", json!({
            "env": { "DB": reference, "SITE": "own" }, "dependsOn": { "db": { "condition": "service_healthy" } },
        })),
    })
}

#[test]
pub(crate) fn a_graph_is_allowed_comes_up_is_used_and_goes() {
    if !has_networks() {
        return;
    }
    let own = engine();
    let graph = Graph::new(&own, "whole");
    let as_up = json!({
        "strategy": "maxParallel", "maxParallel": 2, "onFailure": "haltGraph", "waitTimeoutMs": 1000,
        "secrets": { "password": "hush" },
    });
    for how in [json!({}), as_up] {
        let checked = own.call("graphCheck", &graph.args(&shop(), how)).unwrap();
        assert_eq!(checked["allowed"], true, "{checked}");
    }
    let missing = graph.up(&shop(), json!({})).unwrap_err();
    assert!(missing["message"].as_str().unwrap().contains("password"), "{missing}");
    let secrets = json!({ "secrets": { "password": "hush" } });
    let up = graph.up(&shop(), secrets.clone()).unwrap();
    let reached: Vec<_> = up["nodes"].as_array().unwrap().iter().map(|node| &node["state"]).collect();
    assert_eq!(reached, ["up", "up"], "{up}");
    let status = graph.status();
    assert_eq!((&status["healthy"], &status["errors"]), (&json!(true), &json!({})), "{status}");
    assert_eq!(graph.says("web", "echo $DB $SITE"), "db:5432 own\n");
    assert_eq!(graph.says("web", "busybox nc db 5432 </dev/null"), "started\n");
    assert_eq!(graph.says("db", "cat /run/secrets/password"), "hush");
    assert!(!status.to_string().contains("hush"));
    // What is as it is to be is left alone, and found again by another engine by its name.
    assert_eq!(graph.up(&shop(), secrets.clone()).unwrap(), up);
    let read = own.call("graphRead", &json!({ "name": graph.name })).unwrap();
    assert_eq!((&read["graph"]["nodes"], &read["levels"]), (&shop(), &json!([["db"], ["web"]])));
    graph.ask("projectStop", json!({ "services": ["web"], "graceMs": 0 })).unwrap();
    assert_eq!(graph.status()["healthy"], false, "one was killed");
    let resumed = own.call("graphResume", &with(json!({ "name": graph.name }), secrets)).unwrap();
    assert_eq!(resumed, up, "the same sandboxes");
    assert_eq!(graph.status()["healthy"], true);
    let report = graph.ask("projectDown", json!({ "volumes": true, "graceMs": 0 })).unwrap();
    let wanted = json!({ "containersRemoved": 2, "networksRemoved": 1, "volumesRemoved": 1, "errors": [] });
    assert_eq!(report, wanted);
    assert_eq!(graph.ask("projectPs", json!({})).unwrap(), json!([]));
    assert_eq!(graph.status()["nodes"][0]["state"], "pending");
}

/// One that stays, one that cannot be started, and one that needs that.
fn broken() -> Value {
    let bad = json!({ "image": image(), "entrypoint": "/bin/no-such-program" });
    json!({
        "bad": bad, "good": node("exec sleep 1000", json!({})),
        "needs": node("exec sleep 1000", json!({ "dependsOn": ["bad"] })),
    })
}

#[test]
fn what_is_started_again_is_given_its_own_secrets_and_no_others() {
    if !has_networks() {
        return;
    }
    let own = engine();
    let graph = Graph::new(&own, "secrets");
    graph.up(&shop(), json!({ "secrets": { "password": "hush" } })).unwrap();
    let running = || {
        let all = graph.ask("projectPs", json!({})).unwrap();
        all.as_array().unwrap().iter().all(|one| one["status"] == "running")
    };
    for (given, named) in [(json!({}), "`db`"), (json!({ "secrets": { "other": "x" } }), "`password`")] {
        let error = graph.ask("projectRestart", given).unwrap_err();
        assert!(error["message"].as_str().unwrap().contains(named), "{error}");
        assert!(running(), "nothing is ended that cannot be started again");
    }
    let more = json!({ "secrets": { "password": "new", "other": "x" }, "graceMs": 0 });
    graph.ask("projectRestart", more.clone()).unwrap();
    assert!(running());
    assert_eq!(graph.says("db", "cat /run/secrets/password"), "new");
    graph.ask("projectStop", json!({ "graceMs": 0 })).unwrap();
    let again = json!({ "secrets": more["secrets"] });
    graph.ask("projectStart", again).unwrap();
    assert!(running());
}

#[test]
pub(crate) fn a_failure_is_undone_passed_over_or_halts_as_is_asked_for() {
    if !has_networks() {
        return;
    }
    let own = engine();
    let graph = Graph::new(&own, "fails");
    let error = graph.up(&broken(), json!({})).unwrap_err();
    assert_eq!((&error["code"], &error["details"]["left"]), (&json!("IO"), &json!([])), "{error}");
    assert_eq!(graph.ask("projectPs", json!({})).unwrap(), json!([]), "all of it is undone");
    let partly = graph.up(&broken(), json!({ "onFailure": "partialContinue" })).unwrap();
    let state = |of: &Value, at: usize| of["nodes"][at]["state"].as_str().unwrap().to_owned();
    assert_eq!([0, 1, 2].map(|at| state(&partly, at)), ["failed", "up", "not-tried"], "{partly}");
    assert_eq!(graph.ask("projectPs", json!({})).unwrap().as_array().unwrap().len(), 1);
    let how = json!({ "onFailure": "haltGraph", "strategy": "sequential" });
    let error = graph.up(&broken(), how).unwrap_err();
    assert_eq!(error["code"], "HALTED", "{error}");
    assert_eq!(state(&error["details"], 0), "failed", "{error}");
    assert_eq!(graph.status()["healthy"], false);
}

#[test]
fn who_cancels_has_what_was_made_undone() {
    if !has_networks() {
        return;
    }
    let own = engine();
    let graph = Graph::new(&own, "cancelled");
    let health = json!({ "command": ["/bin/busybox", "false"], "intervalMs": 200, "retries": 1000 });
    let nodes = json!({
        "never": node("exec sleep 1000", json!({ "health": health })),
        "waits": node("exec sleep 1000", json!({ "dependsOn": { "never": { "condition": "healthy" } } })),
    });
    let (id, replies) = own.begin("graphUp", &graph.args(&nodes, json!({})));
    let begun = std::time::Instant::now();
    while graph.ask("projectPs", json!({})).unwrap() == json!([]) {
        assert!(begun.elapsed() < PATIENCE);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(own.sync("cancel", &json!({ "id": id })).unwrap()["cancelled"], true);
    assert_eq!(open(&id, &replies.recv_timeout(PATIENCE).unwrap()).unwrap_err()["code"], "CANCELLED");
    assert_eq!(graph.ask("projectPs", json!({})).unwrap(), json!([]));
}

#[test]
pub(crate) fn a_check_says_of_each_node_why_it_may_not_run() {
    let own = engine();
    let graph = Graph::new(&own, "checked");
    let nodes = json!({
        "fine": node("exec sleep 1000", json!({ "network": "none" })),
        "none": node("exec sleep 1000", json!({ "network": "none", "image": "oci:/no/such/folder" })),
        "more": node("exec sleep 1000", json!({ "network": "none", "env": { "LD_PRELOAD": "x" } })),
    });
    let checked = own.sync("graphCheck", &graph.args(&nodes, json!({}))).unwrap();
    let verdict = |at: usize| checked["nodes"][at]["verdict"].as_str().unwrap().to_owned();
    assert_eq!(
        (checked["allowed"].as_bool(), verdict(0), verdict(1)),
        (Some(false), "allowed".to_owned(), "denied".to_owned()),
        "{checked}"
    );
    assert_ne!(verdict(2), "allowed", "{checked}");
    assert_eq!(checked["nodes"][1]["reasons"][0]["code"], "PSD242", "{checked}");
}

#[test]
fn an_untrusted_node_is_denied_where_no_microvm_is_and_nothing_of_its_graph_starts() {
    let own = engine();
    let graph = Graph::new(&own, "untrusted");
    let line = "exec sleep 1000";
    for refused in [
        json!({ "policy": "untrusted" }),
        json!({ "policy": { "tier": "untrusted" } }),
        json!({ "policy": "untrusted", "runtime": { "type": "microvm" } }),
        json!({ "runtime": "microvm" }),
        json!({ "policy": { "microvm": true } }),
    ] {
        let nodes = json!({ "first": node(line, json!({})), "second": node(line, refused.clone()) });
        let error = graph.up(&nodes, json!({})).unwrap_err();
        let code = error["code"].as_str().unwrap();
        assert!(["NOT_AVAILABLE", "DENIED"].contains(&code), "{refused}: {error}");
        assert_eq!(graph.ask("projectPs", json!({})).unwrap(), json!([]), "{refused}");
    }
}

/// By upstream, the first two let an untrusted node run like any other, and the third decides whether anything is verified.
#[test]
fn no_variable_of_upstreams_waives_a_wall_or_a_signature() {
    for value in ["0", "1", "true", "off", ""] {
        let own = engine_with(&[
            ("PERRY_ALLOW_UNTRUSTED_SHARED_KERNEL", value),
            ("PERRY_CONTAINER_MODE", "local-first"),
            ("PERRY_CONTAINER_VERIFY_IMAGES", value),
        ]);
        let graph = Graph::new(&own, "waived");
        let nodes = json!({ "a": node("exec sleep 1000", json!({ "policy": "untrusted" })) });
        let code = graph.up(&nodes, json!({})).unwrap_err()["code"].clone();
        assert!(code == "NOT_AVAILABLE" || code == "DENIED", "{value}: {code}");
        let mut unsigned =
            graph.args(&json!({ "a": node("exec sleep 1000", json!({ "network": "none" })) }), json!({}));
        let text = unsigned["policy"]["text"].as_str().unwrap().replace("cosign.pub", "other.pub");
        unsigned["policy"]["text"] = json!(text);
        assert_eq!(own.call("graphUp", &unsigned).unwrap_err()["code"], "NOT_VERIFIED", "{value}");
        assert_eq!(graph.ask("projectPs", json!({})).unwrap(), json!([]), "{value}");
    }
}

#[test]
fn a_graph_that_is_none_is_refused_with_all_that_is_wrong() {
    let own = engine();
    let graph = Graph::new(&own, "wrong");
    for (nodes, count) in [(json!({}), 1), (json!({ "a": {}, "b": { "imag": 1 } }), 3), (json!("x"), 1)] {
        let args = json!({ "graph": { "name": graph.name, "nodes": nodes } });
        let error = own.call("graphUp", &args).unwrap_err();
        assert_eq!(error["code"], "BAD_REQUEST");
        assert_eq!(error["details"]["problems"].as_array().unwrap().len(), count, "{error}");
    }
    for more in [
        json!({ "strategy": "maxParallel" }),
        json!({ "strategy": "maxParallel", "maxParallel": 0 }),
        json!({ "maxParallel": 3 }),
        json!({ "strategy": "any" }),
        json!({ "onFailure": "ignore" }),
    ] {
        let nodes = json!({ "a": node("true", json!({})) });
        assert_eq!(graph.up(&nodes, more.clone()).unwrap_err()["code"], "BAD_REQUEST", "{more}");
        let checked = own.call("graphCheck", &graph.args(&nodes, more.clone()));
        assert_eq!(checked.unwrap_err()["code"], "BAD_REQUEST", "{more}");
    }
    let sharing = |at: usize| (format!("n{at}"), node("true", json!({ "volumes": ["data:/data"] })));
    let crowd = Value::Object((0..1_100).map(sharing).collect());
    let crowd = json!({ "graph": { "name": graph.name, "nodes": crowd }, "strategy": "parallelSafe" });
    let error = own.call("graphUp", &crowd).unwrap_err();
    assert_eq!(error["code"], "BAD_REQUEST", "{error}");
    assert!(error["message"].as_str().unwrap().contains("1100 nodes share the volume `data`"), "{error}");
    for op in ["graphStatus", "graphRead", "graphResume"] {
        assert_eq!(own.call(op, &json!({ "name": "no-such-graph" })).unwrap_err()["code"], "NOT_FOUND");
    }
    let none = json!({ "service": "web" });
    assert_eq!(graph.ask("projectFind", none).unwrap_err()["code"], "NOT_FOUND");
    assert_eq!(graph.ask("projectStop", json!({ "services": [] })).unwrap_err()["code"], "BAD_REQUEST");
}

/// A project of this test alone, as an object of the program.
fn project_of(name: &str) -> Value {
    let service = |line: &str| json!({ "image": image(), "entrypoint": ["/bin/busybox", "sh", "-c", line], "environment": { "SITE": "$HOME" } });
    json!({ "name": name, "services": { "web": service("echo up; exec sleep 1000"), "job": service("exit 0") } })
}

#[test]
pub(crate) fn a_compose_project_of_an_object_comes_up_is_used_and_goes_by_its_name() {
    if !has_networks() {
        return;
    }
    let own = engine();
    let graph = Graph::new(&own, "stack");
    let spec = project_of(&graph.name);
    let both = json!({ "web": {}, "job": {} });
    let policy = graph.args(&both, json!({}))["policy"].clone();
    let args = json!({ "text": spec.to_string(), "policy": policy, "wait": true });
    let config = own.call("composeConfig", &json!({ "text": spec.to_string() })).unwrap();
    assert_eq!(config["name"], graph.name);
    assert!(config["yaml"].as_str().unwrap().contains("exec sleep 1000"), "{config}");
    let up = own.call("composeUp", &args).unwrap();
    assert_eq!(up["services"].as_array().unwrap().len(), 2, "{up}");
    assert_eq!(graph.says("web", "echo $SITE"), "$HOME\n", "a program's own values are not looked into");
    let ps = graph.ask("projectPs", json!({ "services": ["web"] })).unwrap();
    assert_eq!((&ps[0]["service"], &ps[0]["status"]), (&json!("web"), &json!("running")));
    graph.ask("projectRestart", json!({ "services": ["web"], "graceMs": 0 })).unwrap();
    graph.ask("projectStop", json!({ "services": ["web"], "graceMs": 0 })).unwrap();
    assert_eq!(graph.ask("projectPs", json!({ "services": ["web"] })).unwrap()[0]["status"], "exited");
    graph.ask("projectStart", json!({ "services": ["web"] })).unwrap();
    assert_eq!(graph.ask("projectPs", json!({ "services": ["web"] })).unwrap()[0]["status"], "running");
    assert!(own.call("projectNames", &json!({})).unwrap().as_array().unwrap().contains(&json!(graph.name)));
    let down = graph.ask("projectDown", json!({ "graceMs": 0 })).unwrap();
    assert_eq!((&down["containersRemoved"], &down["networksRemoved"]), (&json!(2), &json!(1)));
    assert_eq!(graph.ask("projectRecover", json!({})).unwrap()["undone"], false);
}

#[test]
fn a_compose_project_that_is_none_is_refused() {
    let own = engine();
    for args in [
        json!({}),
        json!({ "text": "services: {", "files": ["x"] }),
        json!({ "text": "services: {" }),
        json!({ "files": ["/no/such/compose.yaml"] }),
        json!({ "files": ["-"] }),
        json!({ "text": "{\"name\":\"x\",\"services\":{}}" }),
        json!({ "text": "{\"name\":\"x\",\"services\":{\"a\":{\"image\":\"x\",\"imagee\":1}}}" }),
    ] {
        assert_eq!(own.call("composeUp", &args).unwrap_err()["code"], "BAD_REQUEST", "{args}");
    }
    let text = "{\"name\":\"x\",\"services\":{\"a\":{\"image\":\"r.example/a:1\",\"privileged\":true}}}";
    assert_eq!(own.call("composeUp", &json!({ "text": text })).unwrap_err()["code"], "DENIED");
}

#[test]
fn what_a_lock_beside_the_files_says_is_what_is_asked_about() {
    let own = engine();
    let graph = Graph::new(&own, "locked");
    let spec = json!({ "name": graph.name, "services": {
        "a": { "image": image(), "command": ["/bin/busybox", "true"], "network_mode": "none" },
    } });
    let file = own.home.path().join("compose.yaml");
    std::fs::write(&file, spec.to_string()).unwrap();
    let policy = graph.args(&json!({ "a": { "network": "none" } }), json!({}))["policy"].clone();
    let args = json!({ "files": [file], "policy": policy });
    let digest = format!("sha256:{}", "0".repeat(64));
    let lock = format!(
        "schema = \"perry-sandbox/compose-lock/v1\"\n[image.\"{}\"]\ndigest = \"{digest}\"\nsigners = []\n",
        image()
    );
    std::fs::write(own.home.path().join("perry-compose.lock"), lock).unwrap();
    let error = own.call("composeUp", &args).unwrap_err();
    assert!(error.to_string().contains(&digest), "the locked digest is what is asked about: {error}");
    std::fs::write(own.home.path().join("perry-compose.lock"), "schema = 1").unwrap();
    assert_eq!(own.call("composeUp", &args).unwrap_err()["code"], "BAD_REQUEST");
    std::fs::remove_file(own.home.path().join("perry-compose.lock")).unwrap();
    assert_eq!(own.call("composeUp", &args).unwrap()["name"], graph.name);
}
