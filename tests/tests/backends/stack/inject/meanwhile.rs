//! What others change between the plan and the step that it comes to.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Stdio};

use perry_sandbox_reference::Digest;
use perry_sandbox_testkit::Ran;
use serde_json::Value;

use super::super::broken::of;
use super::super::shop::{Shop, shops};
use super::answers::{fronted, goes};
use super::front::Fate;

/// A service that is well once its file is there, and one in another network that waits for that.
fn gated() -> String {
    let check = ", networks: [back], healthcheck: {test: [CMD, /bin/busybox, test, -e, /tmp/go], interval: 200ms, start_period: 60s}";
    let web = ", networks: [front], volumes: ['data:/data'], depends_on: {db: {condition: service_healthy}}";
    format!("{}networks: {{back: , front: }}\nvolumes: {{data: }}\n", of(&[("db", check), ("web", web)]))
}

/// A run that waits for the first service to be well.
pub(super) struct Halfway {
    up: Child,
    /// Has joined the first under the policy of before, and waits for a line.
    gate: Child,
}

impl Halfway {
    /// Brings it up as far as the first service.
    pub(super) fn of(shop: &Shop) -> Self {
        shop.write(&gated());
        let up = shop.spawn_up();
        shop.until("the first runs", || shop.ps().iter().any(|one| one.2 == "running"));
        shop.until("it can be joined", || shop.exec("db", "true").code == 0);
        let mut gate = shop.exec_command("db", "echo ready; read line; busybox touch /tmp/go");
        let gate = gate.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut gate = gate.expect("the program starts");
        let mut ready = [0; 6];
        let read = gate.stdout.as_mut().expect("a pipe").read_exact(&mut ready);
        assert!(read.is_ok(), "{}: {read:?}", shop.backend);
        Self { up, gate }
    }

    /// Lets it go on; what comes of it.
    pub(super) fn go(mut self) -> Ran {
        drop(self.gate.stdin.take().expect("a pipe").write_all(b"go\n"));
        drop(self.gate.wait());
        Ran::from(self.up.wait_with_output().expect("it ends"))
    }
}

fn is_undone(shop: &Shop, ran: &Ran, says: &str) {
    assert_eq!(ran.code, 5, "{}: {ran:?}", shop.backend);
    assert!(ran.stderr.contains(says), "{}: {says} is not in {ran:?}", shop.backend);
    assert_eq!(shop.left(), Vec::<String>::new(), "{}: {ran:?}", shop.backend);
}

#[test]
fn a_policy_that_grants_less_by_then_leaves_nothing() {
    let _turn = crate::life::turn();
    for shop in shops("denies") {
        let half = Halfway::of(&shop);
        let policy = std::fs::read_to_string(shop.file("policy.toml")).expect("it is there");
        shop.give("policy.toml", &policy.replace("\"front\"", "\"other\""));
        let ran = half.go();
        is_undone(&shop, &ran, "front");
    }
}

#[test]
fn a_policy_under_which_the_plan_is_another_by_then_leaves_nothing() {
    let _turn = crate::life::turn();
    for shop in shops("differs") {
        let half = Halfway::of(&shop);
        let policy = std::fs::read_to_string(shop.file("policy.toml")).expect("it is there");
        shop.give("policy.toml", &policy.replace("pids = 256", "pids = 200"));
        let ran = half.go();
        is_undone(&shop, &ran, "its policy, image or signature has changed meanwhile");
    }
}

#[test]
fn files_that_change_meanwhile_are_the_next_runs() {
    let _turn = crate::life::turn();
    for shop in shops("rewritten") {
        let half = Halfway::of(&shop);
        let web = gated().replace("'300'], networks: [front]", "'301'], networks: [front]");
        shop.rewrite(&web);
        let ran = half.go();
        assert_eq!(ran.code, 0, "{}: {ran:?}", shop.backend);
        let first = shop.id("web");
        let db = shop.id("db");
        let runs = shop.exec("web", "busybox cat /proc/1/cmdline");
        assert!(runs.stdout.contains("300"), "{}: {runs:?}", shop.backend);
        let ran = shop.up(&[]);
        assert_eq!(ran.code, 0, "{}: {ran:?}", shop.backend);
        assert!(shop.id("web") != first && shop.id("db") == db, "{}: {ran:?}", shop.backend);
        goes(&shop, "it was made anew");
    }
}

/// Has the image's name stand for something that nobody has signed.
fn move_tag(shop: &Shop) {
    let index = shop.file("examples/hello/image/index.json");
    let text = std::fs::read_to_string(&index).expect("a layout");
    let mut value: Value = serde_json::from_str(&text).expect("JSON");
    let first = &mut value["manifests"][0];
    let digest = first["digest"].as_str().expect("a digest").to_owned();
    let blobs = shop.file("examples/hello/image/blobs/sha256");
    let of = |digest: &str| blobs.join(digest.trim_start_matches("sha256:"));
    let mut other = std::fs::read_to_string(of(&digest)).expect("it is there");
    other.push('\n');
    let moved = Digest::of(other.as_bytes()).to_string();
    std::fs::write(of(&moved), &other).expect("the home can be written");
    first["size"] = other.len().into();
    first["digest"] = moved.into();
    std::fs::write(&index, value.to_string()).expect("the home can be written");
}

#[test]
fn a_tag_that_moves_meanwhile_stands_for_what_was_verified_until_it_is_looked_up_anew() {
    let _turn = crate::life::turn();
    for shop in shops("moves") {
        let half = Halfway::of(&shop);
        move_tag(&shop);
        let ran = half.go();
        assert_eq!(ran.code, 0, "{}: {ran:?}", shop.backend);
        let manifest = |service: &str| {
            let record =
                Path::new("/run/perry-sandbox/sandboxes/ids").join(shop.id(service)).join("record.json");
            let text = std::fs::read_to_string(record).expect("a record");
            let record: Value = serde_json::from_str(&text).expect("JSON");
            record["manifest"].as_str().expect("a digest").to_owned()
        };
        assert_eq!(manifest("db"), manifest("web"), "{}", shop.backend);
        let before = shop.ps();
        let ran = shop.up(&[]);
        assert!(ran.code == 4 && ran.stderr.contains("V-QUORUM"), "{}: {ran:?}", shop.backend);
        assert_eq!(shop.ps(), before, "{}", shop.backend);
    }
}

#[test]
fn a_network_that_somebody_removes_before_it_is_joined_leaves_nothing() {
    let _turn = crate::life::turn();
    for shop in shops("unnet").into_iter().filter(|shop| shop.backend != "native") {
        let half = Halfway::of(&shop);
        let name = format!("{}_front", shop.name);
        assert_eq!(shop.client(&["network", "rm", &name]).code, 0, "{}", shop.backend);
        let ran = half.go();
        is_undone(&shop, &ran, "has no network");
    }
}

#[test]
fn a_volume_that_somebody_removes_before_it_is_mounted_leaves_nothing() {
    let _turn = crate::life::turn();
    for shop in shops("unvol").into_iter().filter(|shop| shop.backend != "native") {
        let half = Halfway::of(&shop);
        let name = format!("{}_data", shop.name);
        assert_eq!(shop.client(&["volume", "rm", &name]).code, 0, "{}", shop.backend);
        let ran = half.go();
        is_undone(&shop, &ran, "has no volume");
    }
}

#[test]
fn a_volume_that_somebody_removes_at_the_last_moment_leaves_nothing() {
    let _turn = crate::life::turn();
    let Some((shop, front)) = fronted("unlast") else { return };
    // Looked at it has been by then, and an engine makes one that is not there.
    let socket = crate::engines::engines().folder().join("docker.sock");
    let name = format!("{}_data", shop.name);
    front.rule(move |kind| {
        if kind == "POST /containers/create" {
            let host = format!("--host=unix://{}", socket.display());
            drop(std::process::Command::new("docker").args([&host, "volume", "rm", &name]).output());
        }
        Fate::Passes
    });
    let ran = shop.up(&[]);
    front.heal();
    assert_eq!(ran.code, 5, "{ran:?}");
    shop.until("nothing is left", || shop.left().is_empty());
}

#[test]
fn a_network_that_is_gone_when_services_are_to_run_again_keeps_them_as_they_are() {
    let _turn = crate::life::turn();
    for shop in shops("restart").into_iter().filter(|shop| shop.backend != "native") {
        shop.write(&of(&[("a", ""), ("b", ", network_mode: none, depends_on: [a]")]));
        assert_eq!(shop.up(&[]).code, 0, "{}", shop.backend);
        assert_eq!(shop.compose(&["stop", "-t", "0"]).code, 0, "{}", shop.backend);
        let name = format!("{}_default", shop.name);
        assert_eq!(shop.client(&["network", "rm", &name]).code, 0, "{}", shop.backend);
        let before = shop.ps();
        let ran = shop.compose(&["start"]);
        assert!(ran.code != 0 && ran.stderr.contains("has no network"), "{}: {ran:?}", shop.backend);
        assert_eq!(shop.ps(), before, "{}: {ran:?}", shop.backend);
        let ran = shop.up(&[]);
        assert_eq!(ran.code, 0, "{}: {ran:?}", shop.backend);
        goes(&shop, "its network was made again");
    }
}
