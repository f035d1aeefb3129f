//! Who works on a project is told to end, is killed, or is not alone; and those that it has left running are.

use std::path::Path;

use serde_json::Value;

use super::broken::{is_undone_at, of};
use super::life::free_port;
use super::shop::{Shop, services, shops};

const WAITS: &str = ", healthcheck: {test: [CMD, /bin/busybox, 'false'], interval: 200ms, start_period: 60s}";

#[test]
fn every_signal_that_asks_to_end_undoes_all() {
    let _turn = crate::life::turn();
    for shop in shops("sig") {
        shop.write(&of(&[("db", WAITS), ("web", ", depends_on: {db: {condition: service_healthy}}")]));
        for signal in ["-TERM", "-HUP"] {
            let child = shop.spawn_up();
            shop.until("the database runs", || shop.ps().len() == 1);
            is_undone_at(&shop, child, signal);
        }
    }
}

#[test]
fn up_and_down_at_once_come_to_one_of_both() {
    let _turn = crate::life::turn();
    for shop in shops("updown") {
        shop.write(&services(free_port()));
        assert_eq!(shop.up(&["--wait"]).code, 0, "{}", shop.backend);
        let up = shop.spawn_up();
        let down = shop.compose_in_turn(&["down", "-v", "-t", "1"]);
        let up = up.wait_with_output().expect("it ends");
        assert_eq!((up.status.code(), down.code), (Some(0), 0), "{}: {up:?} {down:?}", shop.backend);
        let count = shop.ps().len();
        assert!(count == 0 || count == 2, "{}: {count}", shop.backend);
        if count == 0 {
            assert_eq!(shop.left(), Vec::<String>::new(), "{}", shop.backend);
        }
    }
}

#[test]
fn a_program_that_is_run_once_and_up_do_not_hinder_each_other() {
    let _turn = crate::life::turn();
    for shop in shops("uprun") {
        shop.write(&services(free_port()));
        let up = shop.spawn_up();
        let run = ["run", "--policy", "policy.toml", "--rm", "db", "/bin/busybox", "echo", "hello"];
        let run = shop.compose_in_turn(&run);
        let up = up.wait_with_output().expect("it ends");
        assert_eq!(up.status.code(), Some(0), "{}: {up:?}", shop.backend);
        assert_eq!((run.code, run.stdout.as_str()), (0, "hello\n"), "{}: {run:?}", shop.backend);
        assert_eq!(shop.ps().len(), 2, "{}", shop.backend);
    }
}

/// The processes of ours that look after a sandbox: its supervisor, and those that this has started.
fn attendants(shop: &Shop, service: &str) -> Vec<u64> {
    let record = Path::new("/run/perry-sandbox/sandboxes/ids").join(shop.id(service)).join("record.json");
    let text = std::fs::read_to_string(record).expect("a record");
    let record: Value = serde_json::from_str(&text).expect("JSON");
    let supervisor = find(&record, "pid").expect("who looks after it");
    let parent = |pid: u64| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse::<u64>().ok()
    };
    let all = std::fs::read_dir("/proc").expect("processes").flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let children = pids.filter(|pid| parent(*pid) == Some(supervisor));
    std::iter::once(supervisor).chain(children).collect()
}

/// The first number of this name, however deep.
fn find(value: &Value, name: &str) -> Option<u64> {
    match value {
        Value::Object(fields) => {
            let own = fields.get(name).and_then(Value::as_u64);
            own.or_else(|| fields.values().find_map(|value| find(value, name)))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
    }
}

#[test]
fn what_nobody_looks_after_any_more_is_in_no_ones_way() {
    let _turn = crate::life::turn();
    for shop in shops("orphan") {
        shop.write(&services(free_port()));
        assert_eq!(shop.up(&["--wait"]).code, 0, "{}", shop.backend);
        let all = attendants(&shop, "db");
        let words: Vec<String> =
            std::iter::once("-KILL".to_owned()).chain(all.iter().map(u64::to_string)).collect();
        // It fails where one of them, a health check's, has ended by itself meanwhile.
        std::process::Command::new("kill").args(words).status().expect("it is there");
        shop.until("it is seen to be lost", || {
            shop.ps().iter().any(|one| one.0 == "db" && one.2 != "running")
        });
        let ran = shop.compose(&["down", "-v", "-t", "1"]);
        assert_eq!(ran.code, 0, "{}: {ran:?}", shop.backend);
        assert_eq!(shop.left(), Vec::<String>::new(), "{}", shop.backend);
    }
}
