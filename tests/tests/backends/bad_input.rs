//! Engines that hang, lie, flood, or belong to somebody else.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use perry_sandbox_testkit::is_root;
use serde_json::{Value, json};

use crate::fakes::{Engine, Fakes, docker_info, podman};

const INFO: &str = "cat \"$here/podman-4.3.1-info-root.json\"";

fn why(absence: &Value) -> String {
    let text = absence["why"].as_str().expect("a reason").to_owned();
    assert!(text.chars().all(|char| !char.is_control()) && text.len() < 1000, "{text:?}");
    text
}

#[test]
fn a_client_that_hangs_is_absent_in_time() {
    let fakes = Fakes::new("podman");
    fakes.program("podman", "trap '' TERM; sleep 100 & sleep 100");
    let began = Instant::now();
    let why = why(&fakes.absence("podman"));
    // Two seconds, and what this machine needs for everything else.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert!(why.contains("did not answer within 2.0s"), "{why}");
    let ran = fakes.run(&[]);
    assert_eq!((ran.code, ran.stdout.as_str()), (122, ""), "{ran:?}");
    assert!(ran.stderr.contains("did not answer"), "{ran:?}");
}

#[test]
fn a_client_that_says_something_else_is_absent_and_is_quoted_plainly() {
    let change = |pattern: &str| format!("sed '{pattern}' \"$here/podman-4.3.1-info-root.json\"");
    for (info, says) in [
        ("echo hello".to_owned(), "not JSON"),
        ("echo '{}'".to_owned(), "it has no `"),
        ("head -c 3000000 /dev/zero | tr '\\0' x".to_owned(), "podman"),
        ("printf '\\033[31mred\\007\\n' >&2; exit 3".to_owned(), "exit code 3"),
        ("kill -9 $$".to_owned(), "by a signal"),
        (change("s/\"4.3.1\"/\"4\\\\u001b[31m\"/"), "`/version/Version` is not a word"),
        (change("s/\"4.3.1\"/\"--privileged\"/"), "`/version/Version` is not a word"),
        (change("s/\"serviceIsRemote\": false/\"serviceIsRemote\": true/"), "client of another machine"),
        (change("s,/usr/s*bin/runc,runc,"), "not an absolute path"),
    ] {
        let fakes = Fakes::new("podman");
        fakes.program("podman", &podman(&info, "exit 0"));
        let why = why(&fakes.absence("podman"));
        assert!(why.contains(says), "{info}: {why}");
    }
}

#[test]
fn a_version_that_nobody_knows_is_asked_all_the_same_and_its_no_is_a_failure() {
    let fakes = Fakes::new("podman");
    let info = "sed 's/\"4.3.1\"/\"99.0.0-rc1\"/' \"$here/podman-4.3.1-info-root.json\"";
    fakes.program(
        "podman",
        &podman(info, "rm -f \"$here\"/runtime/*.run/pid; echo 'unknown flag: --mask' >&2; exit 125"),
    );
    let ran = fakes.run(&[]);
    assert_eq!((ran.code, ran.stdout.as_str()), (125, ""), "{ran:?}");
    assert!(ran.stderr.contains("unknown flag: --mask"), "{ran:?}");
}

#[test]
fn an_image_of_the_right_digest_with_other_layers_is_not_run() {
    let fakes = Fakes::new("podman");
    fakes.program("podman", &podman(INFO, "echo ran"));
    let layers = fakes.file("store/overlay-layers/layers.json");
    let other = json!([{ "id": "low", "diff-digest": format!("sha256:{}", "0".repeat(64)) }]);
    fs::write(layers, other.to_string()).expect("the home can be written");
    let ran = fakes.run(&[]);
    assert_eq!((ran.code, ran.stdout.as_str()), (125, ""), "{ran:?}");
    assert!(ran.stderr.contains("other layers"), "{ran:?}");
}

#[test]
fn a_client_that_others_can_change_is_none() {
    let fakes = Fakes::new("podman");
    let file = fakes.program("podman", &podman(INFO, "exit 0"));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o757)).expect("it is ours");
    let reason = why(&fakes.absence("podman"));
    assert!(reason.contains("others can change it"), "{reason}");
    assert_eq!(fakes.calls("podman").len(), 0, "it is not even asked");
}

#[test]
fn what_was_found_is_remembered_while_the_program_is_the_same() {
    let fakes = Fakes::new("podman");
    let file = fakes.program("podman", &podman(INFO, "echo ran"));
    let asked = || fakes.calls("podman").iter().filter(|call| call.contains(&"info".to_owned())).count();
    for _ in 0..2 {
        let ran = fakes.run(&[]);
        assert_eq!((ran.code, ran.stdout.as_str()), (0, "ran\n"), "{ran:?}");
        assert_eq!(asked(), 1);
    }
    drop(fs::remove_file(file));
    fakes.program("podman", &podman(INFO, "echo ran again"));
    assert_eq!(fakes.run(&[]).stdout, "ran again\n");
    assert_eq!(asked(), 2, "another program is asked again");
}

#[test]
fn a_socket_that_is_dead_or_somebody_elses_is_no_engine() {
    let fakes = Fakes::new("docker");
    fakes.program("docker", "exit 1");
    assert!(why(&fakes.absence("docker")).contains("docker.sock"));
    drop(UnixListener::bind(fakes.file("docker.sock")).expect("a socket of the home"));
    let absence = fakes.absence("docker");
    assert!(why(&absence).contains("docker.sock") && absence["remedy"].is_string(), "{absence}");
    fs::remove_file(fakes.file("docker.sock")).expect("it is ours");
    let engine = Engine::listen(&fakes.file("docker.sock"), docker_info(), |_| ());
    if is_root() {
        std::os::unix::fs::chown(fakes.file("docker.sock"), Some(1337), Some(1337))
            .expect("it is given away");
        assert!(why(&fakes.absence("docker")).contains("not a socket of root's or your own"));
    }
    std::os::unix::fs::chown(fakes.file("docker.sock"), Some(0), Some(0)).ok();
    fs::set_permissions(fakes.file("docker.sock"), fs::Permissions::from_mode(0o777)).expect("it is ours");
    assert!(why(&fakes.absence("docker")).contains("not a socket of root's or your own"));
    assert_eq!(engine.asked(), [], "nobody is asked there");
}

#[test]
fn an_engine_that_leaves_a_wall_out_starts_nothing_and_keeps_nothing() {
    type Case = (&'static str, crate::fakes::Change);
    let cases: [Case; 6] = [
        ("MaskedPaths", |made| made["HostConfig"]["MaskedPaths"] = Value::Null),
        ("MaskedPaths", |made| drop(made["HostConfig"]["MaskedPaths"].as_array_mut().expect("a list").pop())),
        ("SecurityOpt", |made| made["HostConfig"]["SecurityOpt"] = json!(["no-new-privileges"])),
        ("CapDrop", |made| made["HostConfig"]["CapDrop"] = json!([])),
        ("Privileged", |made| made["HostConfig"]["Privileged"] = json!(true)),
        ("NetworkMode", |made| made["HostConfig"]["NetworkMode"] = json!("host")),
    ];
    for (field, change) in cases {
        let fakes = Fakes::new("docker");
        fakes.program("docker", "");
        let engine = Engine::listen(&fakes.file("docker.sock"), docker_info(), change);
        let ran = fakes.run(&[]);
        assert_eq!((ran.code, ran.stdout.as_str()), (125, ""), "{field}: {ran:?}");
        assert!(ran.stderr.contains(field) && ran.stderr.contains("nothing is started"), "{ran:?}");
        assert!(engine.created().is_some() && !engine.has_started(), "{field}: it is never started");
        let last = engine.asked().pop().expect("it was asked").0;
        assert!(last.starts_with("DELETE ") && last.contains("force=1&v=1"), "{field}: {last}");
    }
}

#[test]
fn an_engine_that_adds_what_nobody_asked_for_starts_nothing() {
    let cases: [crate::fakes::Change; 6] = [
        |made| made["Config"]["Env"] = json!(["LD_PRELOAD=/x.so"]),
        |made| made["Image"] = json!("sha256:00"),
        |made| made["HostConfig"]["Binds"] = json!(["/:/host"]),
        |made| made["HostConfig"]["Devices"] = json!([{ "PathOnHost": "/dev/mem" }]),
        |made| made["HostConfig"]["CapAdd"] = json!(["SYS_ADMIN"]),
        |made| made["Config"]["User"] = json!("0:0"),
    ];
    for change in cases {
        let fakes = Fakes::new("docker");
        fakes.program("docker", "");
        let engine = Engine::listen(&fakes.file("docker.sock"), docker_info(), change);
        let ran = fakes.run(&[]);
        assert_eq!((ran.code, ran.stdout.as_str()), (125, ""), "{ran:?}");
        assert!(engine.created().is_some() && !engine.has_started(), "it is never started");
    }
}

#[test]
fn a_client_that_outlives_its_sandbox_is_killed() {
    let fakes = Fakes::new("docker");
    fakes.program("docker", "");
    let engine = Engine::listen(&fakes.file("docker.sock"), docker_info(), |_| ());
    engine.keep_running();
    let began = Instant::now();
    let ran = fakes.run(&["--timeout", "1s"]);
    assert_eq!(ran.code, 124, "{ran:?}");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert!(engine.asked().iter().any(|(what, _)| what.starts_with("DELETE ")));
}
