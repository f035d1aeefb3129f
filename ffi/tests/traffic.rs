//! Thousands of calls: right answers, and no growth.

use serde_json::json;

use crate::support::{PATIENCE, engine, open};

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

/// Resident memory, in bytes.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[test]
fn two_thousand_runs_at_once_each_get_their_own_result() {
    let own = engine();
    let calls: Vec<_> = (0..2000)
        .map(|number: u32| (number, own.begin("runCapability", &own.busybox(&["echo", &number.to_string()]))))
        .collect();
    assert!(threads() < 1000, "{} threads", threads());
    for (number, (id, replies)) in calls {
        let value = open(&id, &replies.recv_timeout(PATIENCE).unwrap()).unwrap();
        assert_eq!((&value["exitCode"], &value["stdout"]), (&json!(0), &json!(format!("{number}\n"))));
    }
}

#[test]
fn a_hundred_thousand_calls_leave_nothing_behind() {
    let wish = json!({ "v": 1, "id": "7", "op": "getBackendPriority" }).to_string();
    let refused = json!({ "v": 1, "id": "8", "op": "explain", "args": { "capability": { "name": "x\0" } } })
        .to_string();
    let round = |calls: usize| {
        for _ in 0..calls {
            let (sender, ticket) = std::sync::mpsc::channel();
            perry_sandbox_ffi::call(wish.clone().into_bytes(), Box::new(move |it| sender.send(it).unwrap()));
            let ticket = ticket.recv_timeout(PATIENCE).unwrap();
            assert!(perry_sandbox_ffi::take(ticket).contains("native"));
            assert!(perry_sandbox_ffi::take(ticket).contains("TICKET"));
            assert!(perry_sandbox_ffi::call_sync(refused.as_bytes()).contains("BAD_REQUEST"));
        }
    };
    round(5_000);
    let before = resident();
    round(50_000);
    let grown = resident().saturating_sub(before);
    // Other tests of this process run meanwhile: this tells a leak of whole results. That a reply is gone once it is taken is
    // tested at the table itself.
    assert!(grown < 256 << 20, "{grown} bytes more");
}

#[test]
fn explanations_and_runs_leave_no_descriptor() {
    let own = engine();
    let wish = own.busybox(&["true"]);
    let question = json!({ "capability": wish });
    assert!(own.sync("explain", &question).is_ok() && own.call("runCapability", &wish).is_ok());
    for _ in 0..300 {
        assert!(own.sync("explain", &question).is_ok());
    }
    for _ in 0..30 {
        assert!(own.call("runCapability", &wish).is_ok());
        let stream = own.call("open", &question).unwrap()["stream"].clone();
        while own.call("next", &json!({ "stream": stream })).is_ok() {}
    }
    own.sync("close", &json!({})).unwrap();
    // Other tests of this process have some open at any moment; a leak of these 360 calls would be above.
    assert!(descriptors() < 2000, "{} descriptors", descriptors());
}
