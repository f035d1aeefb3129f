//! What of ours is in an engine: every word of each question.

use std::path::Path;

use nix::unistd::geteuid;
use serde_json::Value;

use super::super::apple::Apple;
use super::super::docker::{Docker, Socket};
use super::super::nerdctl::Nerdctl;
use super::super::order::System;
use super::super::podman::Podman;
use super::super::script::{Action, Backend};
use super::super::stock::question::{Engine, Kept, Question};
use super::super::stock::{Addresses, Labels, NewNetwork, NewVolume, StockName};
use super::fake::{Expected, Stage, docker_info, nerdctl_info};

const OURS: &str = "--namespace=perry-sandbox";
const STATUS: &[u8] = include_bytes!("../recorded/apple-status-1.4.1.json");
const PODMAN: &[u8] = include_bytes!("../recorded/podman-4.3.1-info-root.json");
const ID: &str = "sha256:765f808e97bb1f397ac57201d16f4fe253c3ccb23e3c357a328334afae76cc30";

fn name(text: &str) -> StockName {
    text.parse().unwrap()
}

fn network() -> NewNetwork {
    NewNetwork {
        name: name("back"),
        labels: Labels::parse(&["project=shop, \"x\""]).unwrap(),
        internal: true,
        addresses: Some(Addresses::of("10.98.7.0/24".parse().unwrap())),
    }
}

fn volume() -> NewVolume {
    NewVolume { name: name("rows"), labels: Labels::parse(&["project=shop, \"x\""]).unwrap() }
}

/// Every question, as this engine is asked it: a line each, from `after` on.
fn lines(engine: Engine<'_>, after: &str) -> String {
    let (network, volume, id) = (network(), volume(), ID.parse().unwrap());
    let dotted = name("a.b");
    let both = [name("back"), name("rows")];
    let questions = [
        Question::Images,
        Question::Image(&id),
        Question::RemoveImage(&id),
        Question::Find(Kept::Networks, None),
        Question::Find(Kept::Networks, Some(&dotted)),
        Question::Describe(Kept::Networks, &both),
        Question::CreateNetwork(&network),
        Question::Remove(Kept::Networks, "back"),
        Question::Find(Kept::Volumes, None),
        Question::Find(Kept::Volumes, Some(&dotted)),
        Question::CreateVolume(&volume),
        Question::Remove(Kept::Volumes, "rows"),
    ];
    let line = |question| {
        let line = engine.action(question).to_string();
        let rest =
            if after.is_empty() { Some(line.as_str()) } else { line.split_once(after).map(|(_, rest)| rest) };
        format!("{}\n", rest.unwrap_or_else(|| panic!("{line}")))
    };
    questions.iter().map(line).collect()
}

fn podman(stage: &Stage) -> Podman {
    stage.program("runc", &[]);
    stage.program("podman", &[Expected::call(&["info", "--format", "json"], PODMAN)]);
    Podman::probe(&stage.tools(System::Other)).unwrap()
}

#[test]
fn two_that_are_the_first_to_ask_podman_do_not_take_the_others_configuration_away() {
    let stage = Stage::new();
    let podman = podman(&stage);
    for _ in 0..50 {
        let runtime = tempfile::tempdir().unwrap();
        let together = std::sync::Barrier::new(4);
        let furnish = || {
            together.wait();
            podman.furnish(runtime.path())
        };
        std::thread::scope(|scope| {
            let all: Vec<_> = (0..4).map(|_| scope.spawn(furnish)).collect();
            for one in all {
                one.join().unwrap().unwrap();
            }
        });
    }
}

#[test]
fn podman_is_asked_in_these_words() {
    let stage = Stage::new();
    let podman = podman(&stage);
    let engine = Engine::Podman(&podman, Path::new("/run/p"));
    assert_eq!(
        lines(engine, "--storage-opt=overlay.mountopt=nosuid,nodev "),
        "\
image ls --format=json --filter=reference=localhost/perry-sandbox/verified
image inspect -- localhost/perry-sandbox/verified:sha256-765f808e97bb1f397ac57201d16f4fe253c3ccb23e3c357a328334afae76cc30
image rm -- localhost/perry-sandbox/verified:sha256-765f808e97bb1f397ac57201d16f4fe253c3ccb23e3c357a328334afae76cc30
network ls --format=json --filter=label=perry-sandbox.network
network ls --format=json '--filter=name=^a[.]b$'
network inspect -- back rows
network create --driver=bridge --label=perry-sandbox.network=back '--label=project=shop, \"x\"' --internal --subnet=10.98.7.0/24 -- back
network rm -- back
volume ls --format=json --filter=label=perry-sandbox.volume
volume ls --format=json '--filter=name=^a[.]b$'
volume create --driver=local --label=perry-sandbox.volume=rows '--label=\"project=shop, \"\"x\"\"\"' -- rows
volume rm -- rows
"
    );
    let Action::Call(call) = engine.action(&Question::Images) else { panic!("podman is a program") };
    assert_eq!(call.env.get("CONTAINERS_CONF").map(String::as_str), Some("/run/p/podman/containers.conf"));
}

#[test]
fn a_docker_engine_is_asked_in_these_exchanges() {
    let stage = Stage::new();
    let mut info: Value = serde_json::from_str(&docker_info()).unwrap();
    info["DockerRootDir"] = "/d".into();
    let socket = stage.engine("docker.sock", info.to_string());
    // Only root can make the folders that its options name.
    let options = if geteuid().is_root() {
        r#"{"device":"overlay","o":"lowerdir=/d/volumes/rows/lower,upperdir=/d/volumes/rows/data,workdir=/d/volumes/rows/work,nosuid,nodev,noexec","type":"overlay"}"#
    } else {
        "{}"
    };
    let docker = Docker::at(
        Backend::Docker,
        "/bin/docker".into(),
        &stage.tools(System::Other),
        Socket(socket.clone()),
        "",
    );
    let docker = docker.unwrap();
    let at = format!(" at {}", socket.display());
    assert_eq!(
        lines(Engine::Docker(&docker), "").replace(&at, "").replace("/v1.40", "").replace(options, "OPTIONS"),
        "\
GET /images/json?filters=%7B%22reference%22%3A%5B%22localhost%2Fperry-sandbox%2Fverified%22%5D%7D
GET /images/localhost/perry-sandbox/verified:sha256-765f808e97bb1f397ac57201d16f4fe253c3ccb23e3c357a328334afae76cc30/json
DELETE /images/localhost/perry-sandbox/verified:sha256-765f808e97bb1f397ac57201d16f4fe253c3ccb23e3c357a328334afae76cc30
GET /networks?filters=%7B%22label%22%3A%5B%22perry-sandbox.network%22%5D%7D
GET /networks?filters=%7B%22name%22%3A%5B%22a.b%22%5D%7D
GET /networks?filters=%7B%22name%22%3A%5B%22back%22%2C%22rows%22%5D%7D
POST /networks/create {\"Attachable\":false,\"CheckDuplicate\":true,\"Driver\":\"bridge\",\"EnableIPv6\":false,\"IPAM\":{\"Config\":[{\"Subnet\":\"10.98.7.0/24\"}],\"Driver\":\"default\"},\"Ingress\":false,\"Internal\":true,\"Labels\":{\"perry-sandbox.network\":\"back\",\"project\":\"shop, \\\"x\\\"\"},\"Name\":\"back\",\"Options\":{}}
DELETE /networks/back
GET /volumes?filters=%7B%22label%22%3A%5B%22perry-sandbox.volume%22%5D%7D
GET /volumes?filters=%7B%22name%22%3A%5B%22a.b%22%5D%7D
POST /volumes/create {\"Driver\":\"local\",\"DriverOpts\":OPTIONS,\"Labels\":{\"perry-sandbox.volume\":\"rows\",\"project\":\"shop, \\\"x\\\"\"},\"Name\":\"rows\"}
DELETE /volumes/rows
"
    );
}

#[test]
fn nerdctl_is_asked_in_these_words() {
    let stage = Stage::new();
    stage.program("nerdctl", &[Expected::call(&[OURS, "info", "--format={{json .}}"], nerdctl_info())]);
    let nerdctl = Nerdctl::probe(&stage.tools(System::Other)).unwrap();
    assert_eq!(
        lines(Engine::Nerdctl(&nerdctl), "--namespace=perry-sandbox "),
        "\
image ls --no-trunc '--format={{json .}}'
image inspect --mode=dockercompat -- localhost/perry-sandbox/verified:sha256-765f808e97bb1f397ac57201d16f4fe253c3ccb23e3c357a328334afae76cc30
image rm -- localhost/perry-sandbox/verified:sha256-765f808e97bb1f397ac57201d16f4fe253c3ccb23e3c357a328334afae76cc30
network ls '--format={{json .}}'
network ls '--format={{json .}}'
network inspect -- back rows
network create --driver=bridge --label=perry-sandbox.network=back '--label=project=shop, \"x\"' --internal --subnet=10.98.7.0/24 -- back
network rm -- back
volume ls '--format={{json .}}'
volume ls '--format={{json .}}'
volume create --label=perry-sandbox.volume=rows '--label=project=shop, \"x\"' -- rows
volume rm -- rows
"
    );
}

#[test]
fn apple_is_asked_in_these_words() {
    let stage = Stage::new();
    stage.program("container", &[Expected::call(&["system", "status", "--format", "json"], STATUS)]);
    let apple = Apple::probe(&stage.tools(System::MacOs)).unwrap();
    assert_eq!(
        lines(Engine::Apple(&apple), "/container "),
        "\
image list --format json
image inspect localhost/perry-sandbox/verified:sha256-765f808e97bb1f397ac57201d16f4fe253c3ccb23e3c357a328334afae76cc30
image delete localhost/perry-sandbox/verified:sha256-765f808e97bb1f397ac57201d16f4fe253c3ccb23e3c357a328334afae76cc30
network list --format json
network list --format json
network inspect back rows
network create --label=perry-sandbox.network=back '--label=project=shop, \"x\"' --internal --subnet=10.98.7.0/24 back
network delete back
volume list --format json
volume list --format json
volume create --label=perry-sandbox.volume=rows '--label=project=shop, \"x\"' rows
volume delete rows
"
    );
}
