//! Cancelling at every moment: nothing is answered twice, and nothing is left.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use perry_sandbox_testkit::layout::{self, Compression};
use perry_sandbox_testkit::registry::{Hostile, Options, TestRegistry};
use serde_json::{Value, json};

use crate::support::{Own, PATIENCE, engine, key, open, with};

/// Processes below this one with this engine's mark in their command line: other tests have others at the same time.
fn sandboxes(own: &Own) -> Vec<String> {
    let mut found = Vec::new();
    let mut parents = vec![std::process::id().to_string()];
    while let Some(parent) = parents.pop() {
        for task in std::fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten() {
            let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            parents.extend(children.split_ascii_whitespace().map(str::to_owned));
        }
        if let Ok(name) = std::fs::read_to_string(format!("/proc/{parent}/cmdline")) {
            found.push(name.replace('\0', " "));
        }
    }
    found.retain(|name| name.contains(&own.mark));
    found
}

fn cgroups(own: &Own) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                let is_ours = entry.file_name().to_string_lossy().contains("perry");
                let processes =
                    std::fs::read_to_string(entry.path().join("cgroup.procs")).unwrap_or_default();
                if is_ours && processes.split_ascii_whitespace().any(|pid| is_marked(own, pid)) {
                    found.push(entry.path());
                }
                folders.push(entry.path());
            }
        }
    }
    found
}

fn is_marked(own: &Own, pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.contains(&own.mark))
}

fn until_nothing_is_left(own: &Own) {
    let deadline = Instant::now() + PATIENCE;
    while !sandboxes(own).is_empty() || !cgroups(own).is_empty() {
        assert!(Instant::now() < deadline, "left: {:?} {:?}", sandboxes(own), cgroups(own));
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn sleeper(own: &Own) -> Value {
    own.busybox(&["sleep", &own.mark])
}

#[test]
fn a_cancel_at_any_moment_is_answered_once_and_leaves_nothing() {
    let own = engine();
    // The first run unpacks; the moments that follow are those of a warm start.
    assert!(own.call("runCapability", &own.busybox(&["true"])).is_ok());
    for round in 0..60_u64 {
        let (id, replies) = own.begin("runCapability", &sleeper(&own));
        std::thread::sleep(Duration::from_micros(round * 300));
        assert_eq!(own.sync("cancel", &json!({ "id": id })).unwrap()["cancelled"], true);
        assert_eq!(own.sync("cancel", &json!({ "id": "another" })).unwrap()["cancelled"], false);
        let error = open(&id, &replies.recv_timeout(PATIENCE).unwrap()).unwrap_err();
        assert_eq!(error["code"], "CANCELLED", "round {round}: {error}");
        assert!(sandboxes(&own).is_empty(), "the reply comes after its sandbox is gone");
        assert!(replies.recv_timeout(PATIENCE).is_err(), "nothing is answered twice");
    }
    until_nothing_is_left(&own);
}

#[test]
fn a_call_that_waits_is_answered_at_once_and_never_starts() {
    let own = engine();
    let calls: Vec<_> = (0..200).map(|_| own.begin("runCapability", &sleeper(&own))).collect();
    for (id, _) in calls.iter().rev() {
        assert_eq!(own.sync("cancel", &json!({ "id": id })).unwrap()["cancelled"], true);
    }
    for (id, replies) in calls {
        assert_eq!(open(&id, &replies.recv_timeout(PATIENCE).unwrap()).unwrap_err()["code"], "CANCELLED");
    }
    until_nothing_is_left(&own);
}

#[test]
fn an_id_is_one_running_call_and_can_be_used_again_after_it() {
    let own = engine();
    let request =
        |op: &str, args: &Value| json!({ "v": 1, "id": "same", "op": op, "args": args }).to_string();
    let (sender, replies) = std::sync::mpsc::channel();
    let first = sender.clone();
    let text = request("runCapability", &sleeper(&own));
    own.engine.call(text.as_bytes(), Box::new(move |reply| drop(first.send(reply))));
    let second = own.engine.call_sync(request("explain", &json!({ "capability": sleeper(&own) })).as_bytes());
    assert_eq!(open("same", &second).unwrap_err()["code"], "CONFLICT");
    assert_eq!(own.sync("cancel", &json!({ "id": "same" })).unwrap()["cancelled"], true);
    assert_eq!(open("same", &replies.recv_timeout(PATIENCE).unwrap()).unwrap_err()["code"], "CANCELLED");
    assert!(open("same", &own.engine.call_sync(request("version", &json!({})).as_bytes())).is_ok());
}

#[test]
fn close_during_traffic_answers_everybody_once_and_leaves_nothing() {
    let own = engine();
    let mut calls: Vec<_> = (0..150).map(|_| own.begin("runCapability", &sleeper(&own))).collect();
    calls.extend((0..20).map(|_| own.begin("open", &json!({ "capability": sleeper(&own) }))));
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(own.sync("close", &json!({})).unwrap(), json!({}));
    for (id, replies) in calls {
        let reply =
            replies.try_recv().unwrap_or_else(|_| panic!("{id} was not answered before close returned"));
        if let Err(error) = open(&id, &reply) {
            assert!(error["code"] == "CANCELLED" || error["code"] == "CLOSED", "{error}");
        }
        assert!(replies.try_recv().is_err());
    }
    until_nothing_is_left(&own);
}

#[test]
fn a_sandbox_of_a_cancelled_call_does_not_stay() {
    let own = engine();
    let labels = json!({ "cancelled": std::process::id().to_string() });
    let args = json!({ "capability": sleeper(&own), "labels": labels });
    for round in 0..80_u64 {
        let (id, replies) = own.begin("sandboxCreate", &args);
        std::thread::sleep(Duration::from_micros(round * 100));
        let cancelled = own.sync("cancel", &json!({ "id": id })).unwrap()["cancelled"] == true;
        match open(&id, &replies.recv_timeout(PATIENCE).unwrap()) {
            Ok(made) => {
                assert!(!cancelled, "round {round}: what was cancelled has an answer");
                own.call("sandboxRemove", &json!({ "id": made["id"] })).unwrap();
            }
            Err(error) => assert_eq!((cancelled, &error["code"]), (true, &json!("CANCELLED")), "{error}"),
        }
        let left = own.call("sandboxList", &json!({ "all": true, "labels": labels })).unwrap();
        assert_eq!(left, json!([]), "round {round}");
    }
}

/// An image of a registry with a layer that nobody would wait for.
fn served(hostile: Hostile) -> (TestRegistry, Value) {
    let layer = (vec![7; 1 << 20], Compression::None);
    let (mut content, digest) = layout::image(&[layer]);
    content.tags.insert("v1".to_owned(), digest);
    let registry =
        TestRegistry::serving("tools", &content, Options { hostile: vec![hostile], ..Options::default() });
    let args = json!({
        "image": format!("{}/tools:v1", registry.host()),
        "insecureRegistries": [registry.host()],
    });
    (registry, args)
}

fn until(what: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !what() {
        assert!(Instant::now() < deadline, "it never came to that");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn whoever_waits_for_a_registry_is_let_go_at_once() {
    let (registry, image) = served(Hostile::Silent);
    let own = engine();
    let requirement = json!({ "requirement": { "signer": { "key": key() } } });
    for (op, args) in [("verify", with(image.clone(), requirement)), ("pullImage", image)] {
        let before = registry.connections();
        let (id, replies) = own.begin(op, &args);
        until(|| registry.connections() > before);
        assert_eq!(own.sync("cancel", &json!({ "id": id })).unwrap()["cancelled"], true);
        let reply = replies.try_recv().expect("the cancel itself answers");
        assert_eq!(open(&id, &reply).unwrap_err()["code"], "CANCELLED", "{op}");
        assert_eq!(own.sync("cancel", &json!({ "id": id })).unwrap()["cancelled"], false, "{op}");
    }
}

#[test]
fn a_pull_that_nobody_wants_reads_no_further() {
    // At this pace the layer takes hours.
    let (registry, image) = served(Hostile::slow("/blobs/", Duration::from_millis(10)));
    let own = engine();
    let (id, replies) = own.begin("pullImage", &image);
    until(|| registry.count("/blobs/") > 0);
    assert_eq!(own.sync("cancel", &json!({ "id": id })).unwrap()["cancelled"], true);
    assert_eq!(open(&id, &replies.try_recv().unwrap()).unwrap_err()["code"], "CANCELLED");
    // It waits for the work too.
    assert_eq!(own.sync("close", &json!({})).unwrap(), json!({}));
}
