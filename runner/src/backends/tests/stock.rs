//! What of ours is in an engine: what is made of each answer.

use std::time::{Duration, Instant};

use perry_sandbox_reference::Digest;

use super::super::order::System;
use super::super::stock::question::Kept;
use super::super::stock::read::{Form, Seen, found, image, images, names};
use super::super::stock::{Addresses, Labels, NewNetwork, Project, StockError, StockName};
use super::super::survey::Backends;
use super::fake::{Expected, Stage, nerdctl_info};

const OURS: &str = "--namespace=perry-sandbox";
const STATUS: &[u8] = include_bytes!("../recorded/apple-status-1.4.1.json");
const ID: &str = "sha256:765f808e97bb1f397ac57201d16f4fe253c3ccb23e3c357a328334afae76cc30";
const LAYER: &str = "sha256:ff6452dc025c1089a76c26db49110f02c67d84a330f518bbaddbd72c4ef615e2";

macro_rules! recorded {
    ($name:literal) => {
        include_bytes!(concat!("../recorded/", $name)).as_slice()
    };
}

fn name(text: &str) -> StockName {
    text.parse().unwrap()
}

#[test]
fn networks_of_every_engine_are_read_and_those_of_others_are_not_ours() {
    let of_form = [
        (Form::Podman, recorded!("podman-4.3.1-networks.json"), 5, vec!["back", "front"]),
        (
            Form::Docker,
            recorded!("docker-20.10.24-networks.json"),
            6,
            vec!["back", "front", "perry-sandbox-a"],
        ),
        (Form::Nerdctl, recorded!("nerdctl-networks.json"), 1, vec!["back"]),
        (Form::Apple, recorded!("apple-networks.json"), 2, vec!["back"]),
    ];
    for (form, bytes, all, ours) in of_form {
        let read = found(form, Kept::Networks, bytes).unwrap();
        assert_eq!(read.len(), all, "{form:?}");
        let mut read: Vec<_> = read.into_iter().filter(|found| found.is_ours(Kept::Networks)).collect();
        read.sort_by(|one, other| one.name.cmp(&other.name));
        assert_eq!(read.iter().map(|found| &found.name).collect::<Vec<_>>(), ours, "{form:?}");
        let network = read.remove(0).network().unwrap();
        assert_eq!(network.labels["project"], "shop", "{form:?}");
        assert_eq!(network.internal, (form != Form::Nerdctl).then_some(true), "{form:?}");
        assert_eq!(network.subnets.len(), 1, "{form:?}");
        if let Some(front) = read.into_iter().find(|found| found.name == "front") {
            let front = front.network().unwrap();
            assert_eq!((front.internal, &front.subnets[..]), (Some(false), &["10.98.7.0/24".to_owned()][..]));
        }
    }
}

#[test]
fn volumes_of_every_engine_are_read_and_those_of_others_are_not_ours() {
    let of_form = [
        (Form::Podman, recorded!("podman-4.3.1-volumes.json"), 3, "/var/lib/containers/storage/volumes/"),
        (Form::Docker, recorded!("docker-20.10.24-volumes.json"), 2, "/var/lib/docker/volumes/"),
        (Form::Nerdctl, recorded!("nerdctl-volumes.json"), 1, "/var/lib/nerdctl/"),
        (Form::Apple, recorded!("apple-volumes.json"), 2, "/Users/"),
    ];
    for (form, bytes, all, place) in of_form {
        let read = found(form, Kept::Volumes, bytes).unwrap();
        assert_eq!(read.len(), all, "{form:?}");
        let mut ours = read.into_iter().filter(|found| found.is_ours(Kept::Volumes));
        let volume = ours.next().unwrap().volume().unwrap();
        assert!(ours.next().is_none(), "{form:?}");
        assert_eq!((volume.name.as_str(), volume.labels["project"].as_str()), ("rows", "shop"));
        assert!(volume.mountpoint.unwrap().starts_with(place), "{form:?}");
        assert_eq!(volume.created.is_some(), form != Form::Nerdctl, "{form:?}");
    }
}

#[test]
fn images_of_every_engine_are_read() {
    let aa = format!("sha256:{}", "aa".repeat(32));
    let bb = format!("sha256:{}", "bb".repeat(32));
    let of_form = [
        (
            Form::Podman,
            recorded!("podman-4.3.1-images.json"),
            recorded!("podman-4.3.1-image.json"),
            ID,
            LAYER,
        ),
        (
            Form::Docker,
            recorded!("docker-20.10.24-images.json"),
            recorded!("docker-20.10.24-image.json"),
            ID,
            LAYER,
        ),
        (Form::Nerdctl, recorded!("nerdctl-images.json"), recorded!("nerdctl-image.json"), &aa, &bb),
        (Form::Apple, recorded!("apple-images.json"), recorded!("apple-images.json"), &aa, &bb),
    ];
    for (form, list, one, id, layer) in of_form {
        let listed: Vec<_> = images(form, list).unwrap().iter().flat_map(Seen::listed).collect();
        assert_eq!(listed.iter().map(|image| image.id.as_str()).collect::<Vec<_>>(), [id], "{form:?}");
        let read = image(form, one).unwrap().image(&listed[0].id).unwrap();
        assert_eq!(read.layers.iter().map(Digest::as_str).collect::<Vec<_>>(), [layer], "{form:?}");
        assert!(read.size.is_some_and(|size| size > 1_000_000) && read.created.is_some(), "{form:?}");
    }
}

#[test]
fn a_name_of_ours_on_another_image_is_not_ours() {
    let text = String::from_utf8_lossy(recorded!("docker-20.10.24-images.json"));
    let other = text.replace(&format!("\"Id\":\"{ID}"), &format!("\"Id\":\"sha256:{}", "0".repeat(64)));
    assert_ne!(text, other);
    assert!(images(Form::Docker, other.as_bytes()).unwrap().iter().all(|seen| seen.listed().is_empty()));
    let text = String::from_utf8_lossy(recorded!("docker-20.10.24-image.json"));
    let other = text.replace(&format!("\"Id\":\"{ID}"), &format!("\"Id\":\"sha256:{}", "0".repeat(64)));
    let error = image(Form::Docker, other.as_bytes()).unwrap().image(&ID.parse().unwrap()).unwrap_err();
    assert!(error.contains("not what its name says"), "{error}");
}

#[test]
fn nerdctl_is_asked_about_those_that_may_be_ours_or_have_the_name() {
    let list = recorded!("nerdctl-network-ls.json");
    assert_eq!(names(Kept::Networks, None, list), Ok(vec![name("back")]));
    assert_eq!(names(Kept::Networks, Some(&name("theirs")), list), Ok(vec![name("theirs")]));
    assert_eq!(names(Kept::Networks, Some(&name("nothing")), list), Ok(vec![]));
    assert_eq!(names(Kept::Volumes, None, recorded!("nerdctl-volume-ls.json")), Ok(vec![name("rows")]));
    let flag = br#"{"Name":"--all","Labels":"perry-sandbox.network=--all"}"#;
    assert_eq!(names(Kept::Networks, None, flag), Ok(vec![]), "no name of ours is a flag");
}

#[test]
fn what_cannot_be_believed_is_an_error_without_control_characters() {
    let long = "x".repeat(1 << 20);
    let hostile = [
        String::new(),
        "garbage \u{1b}[2J".to_owned(),
        "[1]".to_owned(),
        "[{}]".to_owned(),
        format!("[{{\"{long}\": 1}}]"),
        format!("[{{\"Name\": [\"{long}\\u001b[2J\"]}}]"),
        "{\"Name\": 1}".to_owned(),
        "[{\"name\": \"ab\", \"id\": \"x\", \"internal\": \"yes\\u001b\"}]".to_owned(),
        "[".repeat(1 << 20),
        "{\"Volumes\": {}}".to_owned(),
        "[{\"id\": \"ab\", \"configuration\": {\"labels\": 3}}]".to_owned(),
    ];
    for text in &hostile {
        let bytes = text.as_bytes();
        for form in Form::ALL {
            let read = [
                found(form, Kept::Networks, bytes).err(),
                found(form, Kept::Volumes, bytes).err(),
                images(form, bytes).err(),
                image(form, bytes).err(),
                names(Kept::Networks, None, bytes).err(),
            ];
            for error in read.iter().flatten() {
                assert!(error.len() < 1000 && !error.contains(char::is_control), "{error:?}");
            }
            let shown: String = text.chars().take(60).collect();
            // nerdctl's list of nothing is empty.
            let is_empty_list = text.is_empty() && form == Form::Nerdctl;
            assert!(is_empty_list || read[..4].iter().all(Option::is_some), "{form:?} {shown:?} {read:?}");
        }
    }
}

#[test]
fn control_characters_and_floods_in_what_is_ours_are_refused() {
    let ours = |label: &str| {
        let text =
            format!(r#"[{{"Name":"back","Labels":{{"perry-sandbox.network":"back","xx":"{label}"}}}}]"#);
        let mut read = found(Form::Docker, Kept::Networks, text.as_bytes()).unwrap();
        read.remove(0).network()
    };
    assert!(ours("fine").is_ok());
    for label in ["\\u001b[2J", "\\n", &"x".repeat(5000)] {
        let error = ours(label).unwrap_err();
        assert!(error.len() < 1000 && !error.contains(char::is_control), "{error:?}");
    }
    let named = r#"[{"Name":"--all","Labels":{"perry-sandbox.network":"--all"}}]"#;
    let mut read = found(Form::Docker, Kept::Networks, named.as_bytes()).unwrap();
    assert!(read.remove(0).network().is_err(), "a name that is a flag");
}

const LOOK: [&str; 4] = [OURS, "network", "ls", "--format={{json .}}"];
const INSPECT: [&str; 5] = [OURS, "network", "inspect", "--", "back"];

fn nerdctl(stage: &Stage, calls: &[Expected]) -> Backends {
    let info = Expected::call(&[OURS, "info", "--format={{json .}}"], nerdctl_info());
    let all: Vec<Expected> = [info].into_iter().chain(calls.iter().cloned()).collect();
    stage.program("nerdctl", &all);
    Backends::survey(&stage.tools(System::Other), Some("nerdctl"))
}

#[test]
fn a_network_is_made_once_confirmed_and_removed_by_what_no_other_has() {
    let id = "0f1cbd5e5ef8e3d2a4d1b6b4b0b6e2a7c6b9cf8a4df2d8ee1c3f5e6a7b8c9d0e";
    let list = recorded!("nerdctl-network-ls.json");
    let network = recorded!("nerdctl-networks.json");
    let create = [
        OURS,
        "network",
        "create",
        "--driver=bridge",
        "--label=perry-sandbox.network=back",
        "--label=project=shop",
        "--internal",
        "--",
        "back",
    ];
    let stage = Stage::new();
    let calls = [
        Expected::call(&LOOK, ""),
        Expected::call(&create, "back\n"),
        Expected::call(&LOOK, list),
        Expected::call(&INSPECT, network),
        // Made again.
        Expected::call(&LOOK, list),
        Expected::call(&INSPECT, network),
        // Removed, while something uses it.
        Expected::call(&LOOK, list),
        Expected::call(&INSPECT, network),
        Expected::failing(&[OURS, "network", "rm", "--", id], "network \"back\" is in use by \u{1b}[31mx"),
    ];
    let backends = nerdctl(&stage, &calls);
    let stock = backends.stock("nerdctl", stage.home()).unwrap();
    let labels = Labels::parse(&["project=shop"]).unwrap();
    let new = NewNetwork { name: name("back"), labels, internal: true, addresses: None };
    assert_eq!(stock.create_network(&new).unwrap().id.as_deref(), Some(id));
    assert!(matches!(stock.create_network(&new), Err(StockError::Exists { .. })));
    let error = stock.remove_network(&new.name).unwrap_err().to_string();
    assert!(error.contains("is in use by") && !error.contains('\u{1b}'), "{error}");
    assert_eq!(stage.calls("nerdctl"), calls.len() + 1);
}

#[test]
fn what_an_engine_made_otherwise_than_it_was_asked_is_removed_again() {
    let id = "0f1cbd5e5ef8e3d2a4d1b6b4b0b6e2a7c6b9cf8a4df2d8ee1c3f5e6a7b8c9d0e";
    let list = recorded!("nerdctl-network-ls.json");
    let network = recorded!("nerdctl-networks.json");
    let create = [
        OURS,
        "network",
        "create",
        "--driver=bridge",
        "--label=perry-sandbox.network=back",
        "--subnet=10.98.7.0/24",
        "--",
        "back",
    ];
    let stage = Stage::new();
    let calls = [
        Expected::call(&LOOK, ""),
        Expected::call(&create, "back\n"),
        Expected::call(&LOOK, list),
        Expected::call(&INSPECT, network),
        Expected::call(&LOOK, list),
        Expected::call(&INSPECT, network),
        Expected::call(&[OURS, "network", "rm", "--", id], ""),
    ];
    let backends = nerdctl(&stage, &calls);
    let stock = backends.stock("nerdctl", stage.home()).unwrap();
    let addresses = Addresses::read(Some("10.98.7.0/24"), None, None).unwrap();
    let new = NewNetwork { name: name("back"), labels: Labels::default(), internal: false, addresses };
    let error = stock.create_network(&new).unwrap_err();
    assert!(matches!(error, StockError::Other { part: "subnet", .. }), "{error}");
    assert_eq!(stage.calls("nerdctl"), calls.len() + 1);
}

#[test]
fn what_apple_has_of_others_is_left_alone() {
    let stage = Stage::new();
    let list = ["volume", "list", "--format", "json"];
    let volumes = recorded!("apple-volumes.json");
    let calls = [
        Expected::call(&["system", "status", "--format", "json"], STATUS),
        Expected::call(&list, volumes),
        Expected::call(&list, volumes),
        Expected::call(&["volume", "delete", "rows"], ""),
        Expected::call(&list, "[]"),
    ];
    stage.program("container", &calls);
    let backends = Backends::survey(&stage.tools(System::MacOs), Some("apple"));
    let stock = backends.stock("apple", stage.home()).unwrap();
    assert!(matches!(stock.remove_volume(&name("theirs")), Err(StockError::NotOurs { .. })));
    stock.remove_volume(&name("rows")).unwrap();
    assert!(matches!(stock.remove_volume(&name("rows")), Err(StockError::Missing { .. })));
    assert_eq!(stage.calls("container"), calls.len());
}

#[test]
fn what_an_engine_has_of_another_project_is_not_removed_for_this_one() {
    let labelled =
        |bytes: &[u8]| String::from_utf8_lossy(bytes).replace("\"project\"", "\"perry-sandbox.project\"");
    let (volumes, networks) =
        (labelled(recorded!("apple-volumes.json")), labelled(recorded!("apple-networks.json")));
    let (of_volumes, of_networks) =
        (["volume", "list", "--format", "json"], ["network", "list", "--format", "json"]);
    let stage = Stage::new();
    let calls = [
        Expected::call(&["system", "status", "--format", "json"], STATUS),
        Expected::call(&of_volumes, volumes.as_str()),
        Expected::call(&of_networks, networks.as_str()),
        // Of a project of ours, but without its label.
        Expected::call(&of_volumes, recorded!("apple-volumes.json")),
        Expected::call(&of_volumes, volumes.as_str()),
        Expected::call(&["volume", "delete", "rows"], ""),
        Expected::call(&of_networks, networks.as_str()),
        Expected::call(&["network", "delete", "back"], ""),
    ];
    stage.program("container", &calls);
    let backends = Backends::survey(&stage.tools(System::MacOs), Some("apple"));
    let stock = backends.stock("apple", stage.home()).unwrap();
    let (shop, other): (Project, Project) = ("shop".parse().unwrap(), "sho".parse().unwrap());
    let refused = |answer| assert!(matches!(answer, Err(StockError::OtherProject { .. })), "{answer:?}");
    refused(stock.remove_volume_of(&other, &name("rows")));
    refused(stock.remove_network_of(&other, &name("back")));
    refused(stock.remove_volume_of(&shop, &name("rows")));
    stock.remove_volume_of(&shop, &name("rows")).unwrap();
    stock.remove_network_of(&shop, &name("back")).unwrap();
    assert_eq!(stage.calls("container"), calls.len());
}

#[test]
fn an_engine_that_hangs_is_an_error_in_time() {
    let stage = Stage::new();
    let info = nerdctl_info();
    std::fs::write(stage.home().join("info"), info).unwrap();
    let script = "#!/bin/sh\ncase $* in *info*) cat \"${0%/*}/info\" ;; *) sleep 100 ;; esac\n";
    stage.text("nerdctl", script);
    let backends = Backends::survey(&stage.tools(System::Other), Some("nerdctl"));
    let begun = Instant::now();
    let error = backends.stock("nerdctl", stage.home()).unwrap().volumes().unwrap_err().to_string();
    assert!(error.contains("did not answer within 10.0s"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(15));
}

#[test]
fn what_is_no_engine_says_so() {
    let stage = Stage::new();
    let backends = Backends::survey(&stage.tools(System::Other), None);
    let stock = |name: &str| backends.stock(name, stage.home()).unwrap_err();
    for name in ["native", "runsc", "microvm", "wasm"] {
        assert!(matches!(stock(name), StockError::NoEngine(_)), "{name}: {}", stock(name));
    }
    assert!(matches!(stock("lima"), StockError::Absent { .. }), "{}", stock("lima"));
    assert!(matches!(stock("rkt"), StockError::Unknown(_)));
    let none = Backends::default();
    assert!(matches!(none.any_stock(stage.home()), Err(StockError::Absent { .. })));
}
