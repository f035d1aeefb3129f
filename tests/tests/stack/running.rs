//! What is done with a project that is up: with the real program, on the embedded backend.

use std::time::{Duration, Instant};

use crate::lives::Up;

#[test]
fn services_end_and_start_in_the_order_of_their_needs() {
    let up = Up::new();
    let ended = up.run(&["stop"]);
    assert_eq!((ended.code, up.states().as_str()), (0, "db exited, web exited"), "{ended:?}");
    let (web, db) = (ended.stderr.find("stop shop-web-1"), ended.stderr.find("stop shop-db-1"));
    assert!(web.is_some() && web < db, "who needs another ends first: {ended:?}");
    let started = up.run(&["start"]);
    assert_eq!((started.code, up.states().as_str()), (0, "db running, web running"), "{started:?}");
    let health = up.json("db");
    assert_eq!(health["health"], "healthy", "`web` starts when `db` is healthy: {health}");
    let again = up.run(&["start"]);
    assert!(again.code == 0 && again.stderr.contains("keep shop-web-1"), "{again:?}");
}

#[test]
fn by_its_name_alone_a_project_is_ended_and_started_without_files() {
    let up = Up::new();
    std::fs::remove_file(up.home.path().join("compose.yaml")).expect("the file goes");
    assert_eq!(up.run(&["-p", "shop", "stop", "web"]).code, 0);
    assert_eq!(up.states(), "db running, web exited");
    let started = up.run(&["-p", "shop", "start"]);
    assert_eq!((started.code, up.states().as_str()), (0, "db running, web running"), "{started:?}");
    let slip = up.run(&["-p", "shop", "stop", "wbe"]);
    assert!(slip.code == 1 && slip.stderr.contains("no such service: `wbe`"), "{slip:?}");
}

#[test]
fn a_restart_is_a_new_start_of_the_same_sandbox() {
    let up = Up::new();
    let (web, db) = (up.json("web"), up.json("db"));
    let ran = up.run(&["restart", "web"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let (web_after, db_after) = (up.json("web"), up.json("db"));
    assert_eq!((&web["id"], &db["started"]), (&web_after["id"], &db_after["started"]));
    assert_ne!(web["started"], web_after["started"], "{ran:?}");
}

#[test]
fn what_cannot_start_again_leaves_nothing_started() {
    let up = Up::new();
    assert_eq!(up.run(&["stop"]).code, 0);
    let policy = std::fs::read_to_string(up.home.path().join("good.toml")).expect("a policy");
    up.home
        .give("good.toml", policy.replace("[service.\"shop/web\"]", "[service.\"shop/other\"]").as_bytes());
    let ran = up.run(&["start"]);
    assert_eq!((ran.code, up.states().as_str()), (5, "db exited, web exited"), "{ran:?}");
}

#[test]
fn kill_ends_by_a_signal_and_rm_removes_what_does_not_run() {
    let up = Up::new();
    let wrong = up.run(&["kill", "-s", "SIGNOTHING"]);
    assert!(wrong.code == 2 && wrong.stderr.contains("SIGNOTHING"), "{wrong:?}");
    assert_eq!(up.run(&["kill", "web"]).code, 0);
    let web = up.json("web");
    assert_eq!(
        (&web["status"], &web["end"]),
        (&"exited".into(), &serde_json::json!({ "killed": 9 })),
        "{web}"
    );
    let asked = up.run(&["rm"]);
    assert!(asked.code == 2 && asked.stderr.contains("--force"), "nobody can answer: {asked:?}");
    assert_eq!((up.run(&["rm", "-f"]).code, up.states().as_str()), (0, "db running"));
    assert_eq!((up.run(&["rm", "-fs", "db"]).code, up.states().as_str()), (0, ""));
}

#[test]
fn wait_has_the_code_of_the_first_that_ends() {
    let up = Up::new();
    let begun = Instant::now();
    let killed = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| up.run(&["wait", "web", "db"]));
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(up.run(&["kill", "web"]).code, 0);
        waiting.join().expect("it ends")
    });
    assert!(killed.code == 137 && killed.stdout.contains("shop-web-1"), "{killed:?}");
    assert!(begun.elapsed() < Duration::from_secs(60));
    let down = up.run(&["wait", "--down-project", "web"]);
    assert_eq!((down.code, up.states().as_str()), (137, ""), "{down:?}");
}

#[test]
fn another_signal_is_sent_and_the_program_does_with_it_what_it_likes() {
    let up = Up::new();
    let trap = "trap 'exit 9' HUP; trap : USR1; echo ready; while :; do /bin/busybox sleep 0.1; done";
    let text = std::fs::read_to_string(up.home.path().join("compose.yaml")).expect("the file");
    let text =
        text.replacen("[/bin/busybox, sleep, '300']", &format!("[/bin/busybox, sh, -c, \"{trap}\"]"), 1);
    up.home.give("compose.yaml", text.as_bytes());
    assert_eq!(up.run(&["up", "-d", "--policy", "good.toml"]).code, 0);
    let begun = Instant::now();
    while !up.run(&["logs", "web"]).stdout.contains("ready") {
        assert!(begun.elapsed() < Duration::from_secs(60), "it does not begin");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(up.run(&["kill", "-s", "USR1", "web"]).code, 0);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(up.json("web")["status"], "running");
    assert_eq!(up.run(&["kill", "-s", "SIGHUP", "web"]).code, 0);
    let ended = up.run(&["wait", "web"]);
    assert_eq!((ended.code, &up.json("web")["end"]), (9, &serde_json::json!({ "exited": 9 })), "{ended:?}");
}
