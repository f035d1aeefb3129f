//! What is told of projects that are up.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::Duration;

use perry_sandbox_testkit::compose_program;
use serde_json::Value;

use crate::lives::Up;

#[test]
fn images_are_listed_with_their_digests() {
    let up = Up::new();
    let table = up.run(&["images"]);
    assert!(table.code == 0 && table.stdout.starts_with("NAME "), "{table:?}");
    assert!(table.stdout.contains("shop-web-1") && table.stdout.contains("sha256:"), "{table:?}");
    let json = up.run(&["images", "--format", "json", "db"]);
    let one: Value = serde_json::from_str(&json.stdout).expect("one object");
    assert_eq!((&one["service"], &one["name"]), (&"db".into(), &"shop-db-1".into()));
    let quiet = up.run(&["images", "-q"]);
    assert!(quiet.stdout.lines().count() == 1 && quiet.stdout.starts_with("sha256:"), "one image: {quiet:?}");
    let slip = up.run(&["images", "wbe"]);
    assert!(slip.code == 1 && slip.stderr.contains("no such service"), "{slip:?}");
}

#[test]
fn projects_are_listed_wherever_one_stands() {
    let up = Up::new();
    std::fs::remove_file(up.home.path().join("compose.yaml")).expect("the file goes");
    let listed = up.run(&["ls", "--format", "json"]);
    let one: Value = serde_json::from_str(&listed.stdout).expect("one object");
    assert_eq!((&one["name"], &one["status"]), (&"shop".into(), &"running(2)".into()));
    assert_eq!(one["folder"], up.home.path().to_str().expect("text"));
    assert_eq!(up.run(&["ls", "-q", "--filter", "name=sho"]).stdout, "shop\n");
    assert_eq!(up.run(&["ls", "-q", "--filter", "name=other"]).stdout, "");
    assert_eq!(up.run(&["ls", "--filter", "status=x"]).code, 2);
    assert_eq!(up.run(&["-p", "shop", "stop"]).code, 0);
    assert_eq!(up.run(&["ls", "-q"]).stdout, "");
    assert!(up.run(&["ls", "-a"]).stdout.contains("exited(2)"));
}

#[test]
fn a_port_that_is_not_published_is_told() {
    let up = Up::new();
    let none = up.run(&["port", "web", "80"]);
    assert!(none.code == 1 && none.stderr.contains("publishes no port 80"), "{none:?}");
    let by_name = up.run(&["-p", "shop", "port", "web", "80"]);
    assert!(by_name.code == 1 && by_name.stderr.contains("publishes no port 80"), "{by_name:?}");
}

#[test]
fn events_are_told_as_they_happen() {
    let up = Up::new();
    let mut command = up.home.other_command(&compose_program());
    let mut child = command
        .args(["-p", "shop", "events", "--json", "web"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let lines = BufReader::new(child.stdout.take().expect("a pipe was asked for")).lines();
    let (send, said) = std::sync::mpsc::channel();
    std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| send.send(line)));
    let action = |line: String| {
        let event: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(event["service"], "web", "{line}");
        event["action"].as_str().expect("text").to_owned()
    };
    // The first look is what later ones are compared with: a restart that comes before it is not seen.
    let mut actions: Vec<String> = Vec::new();
    for _ in 0..6 {
        assert_eq!(up.run(&["restart", "-t", "0"]).code, 0);
        while let Ok(line) = said.recv_timeout(Duration::from_secs(3)) {
            actions.push(action(line));
        }
        if actions.len() > 1 {
            break;
        }
    }
    child.kill().expect("it is ended");
    child.wait().expect("it ends");
    assert!(actions.ends_with(&["die".to_owned(), "start".to_owned()]), "{actions:?}");
}

#[test]
fn the_processes_of_services_are_listed() {
    let up = Up::new();
    let all = up.run(&["top"]);
    assert_eq!(all.stdout.matches("/bin/busybox sleep 300").count(), 2, "{all:?}");
    let web = up.run(&["top", "--format", "json", "web"]);
    let listed: Vec<Value> =
        web.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(!listed.is_empty() && listed.iter().all(|one| one["service"] == "web"), "{web:?}");
    assert_eq!(up.run(&["stop"]).code, 0);
    assert_eq!(up.run(&["top"]).stdout.lines().count(), 1, "nothing runs");
}
