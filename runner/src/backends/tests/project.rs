//! What a plan's networks and volumes become, word for word, and what of an engine's answer is believed.

use std::path::Path;
use std::time::Duration;

use perry_sandbox_policy::{Attachment, Control, LaunchPlan, VolumeAccess, VolumeMount};
use perry_sandbox_profiles::LinuxCap;
use serde_json::json;

use super::super::docker::Volumes;
use super::super::order::System;
use super::super::podman::Podman;
use super::super::project;
use super::super::script::Backend;
use super::super::stock::question::{Engine, Question};
use super::super::stock::required::Required;
use super::super::stock::{NewNetwork, NewVolume, Project, StockError};
use super::fake::{Expected, Stage};
use super::plan::planned;
use crate::demands::PlanError;

const PODMAN: &[u8] = include_bytes!("../recorded/podman-4.3.1-info-root.json");

fn plan() -> LaunchPlan {
    let mut plan = planned().plan;
    plan.service = Some("shop/web".parse().unwrap());
    let aliases = ["db", "rows"].map(|alias| alias.parse().unwrap()).to_vec();
    let address = Some("10.98.7.9".parse().unwrap());
    plan.networks = vec![
        Attachment { aliases, address, ..Attachment::to("back".parse().unwrap()) },
        Attachment::to("front".parse().unwrap()),
    ];
    let volume = |path: &str, access| {
        let (volume, path) = ("data".parse().unwrap(), path.parse().unwrap());
        VolumeMount { volume, path, access }
    };
    plan.volumes = vec![volume("/data", VolumeAccess::Write), volume("/old", VolumeAccess::Read)];
    plan
}

fn with_links() -> LaunchPlan {
    let mut plan = plan();
    for (network, link) in plan.networks.iter_mut().zip(["rows:database", "api:www"]) {
        network.links = vec![link.parse().unwrap()];
    }
    plan
}

fn podman(plan: &LaunchPlan) -> Result<Vec<String>, PlanError> {
    let flags = project::podman(plan, Path::new("/run/p/name.run"))?;
    Ok(flags.into_iter().map(|(name, value)| format!("--{name}={value}")).collect())
}

#[test]
fn podman_joins_the_plans_networks_and_mounts_its_volumes_by_these_words() {
    let wanted = [
        "--network=shop_back:alias=db,alias=rows,ip=10.98.7.9",
        "--network=shop_front",
        "--dns=none",
        "--sysctl=net.ipv6.conf.all.disable_ipv6=1",
        "--mount=type=bind,src=/run/p/name.run/hosts,dst=/etc/hosts,ro=true,bind-propagation=private,nosuid,nodev,noexec",
        "--label=perry-sandbox.project=shop",
        "--label=perry-sandbox.links=",
        "--mount=type=volume,src=shop_data,dst=/data,nosuid,nodev,noexec",
        "--mount=type=volume,src=shop_data,dst=/old,ro=true,nosuid,nodev,noexec",
    ];
    assert_eq!(podman(&plan()).unwrap(), wanted);
    assert_eq!(podman(&planned().plan).unwrap(), ["--network=none"]);
    let linked = "--label=perry-sandbox.links=shop_back:rows:database shop_front:api:www";
    assert!(podman(&with_links()).unwrap().contains(&linked.to_owned()));
}

#[test]
fn docker_joins_the_first_network_by_its_body_and_each_other_one_by_a_question() {
    let bare =
        json!({ "NetworkDisabled": true, "HostConfig": { "NetworkMode": "none", "Dns": [], "Sysctls": {} } });
    let mut body = bare.clone();
    let further = project::docker("docker", &plan(), &mut body).unwrap();
    let endpoint = json!({ "Aliases": ["db", "rows"], "IPAMConfig": { "IPv4Address": "10.98.7.9" } });
    let wanted = json!({
        "NetworkDisabled": false,
        "NetworkingConfig": { "EndpointsConfig": { "shop_back": endpoint } },
        "HostConfig": {
            "NetworkMode": "shop_back",
            "Dns": ["127.0.0.1"],
            "DnsSearch": ["."],
            "Sysctls": { "net.ipv6.conf.all.disable_ipv6": "1" },
        },
    });
    assert_eq!(body, wanted);
    let further: Vec<String> =
        further.into_iter().map(|(name, endpoint)| format!("{name} {endpoint}")).collect();
    assert_eq!(further, ["shop_front {\"Aliases\":[],\"IPAMConfig\":null}"]);
    let further = project::docker("docker", &with_links(), &mut body).unwrap();
    assert_eq!(body["NetworkingConfig"]["EndpointsConfig"]["shop_back"]["Links"], json!(["rows:database"]));
    assert_eq!(further[0].1["Links"], json!(["api:www"]));
    let mut alone = bare.clone();
    assert!(project::docker("docker", &planned().plan, &mut alone).unwrap().is_empty());
    assert_eq!(alone, bare);
}

#[test]
fn docker_mounts_a_volume_by_its_name_and_shows_it_by_one_without() {
    let bare = json!({ "HostConfig": { "Mounts": [] } });
    let mut body = bare.clone();
    let volumes = Volumes::of(Path::new("/d")).unwrap();
    project::docker_volumes("docker", &plan(), Some(&volumes), "perry-sandbox-1", &mut body).unwrap();
    let view =
        json!({ "type": "none", "device": "/d/volumes/shop_data/data", "o": "bind,ro,nosuid,nodev,noexec" });
    let wanted = json!([
        { "Type": "volume", "Source": "shop_data", "Target": "/data", "VolumeOptions": {
            "NoCopy": true, "Labels": { "perry-sandbox.stray": "perry-sandbox-1" },
        } },
        {
            "Type": "volume", "Source": null, "Target": "/old",
            "VolumeOptions": {
                "NoCopy": true,
                "Labels": { "perry-sandbox.view": "shop_data" },
                "DriverConfig": { "Name": "local", "Options": view },
            },
        },
    ]);
    assert_eq!(body["HostConfig"]["Mounts"], wanted);
    let refused = project::docker_volumes("docker", &plan(), None, "x", &mut bare.clone());
    assert!(
        matches!(refused, Err(PlanError::NotEnforceable { control: Control::Volumes, .. })),
        "{refused:?}"
    );
}

#[test]
fn what_cannot_be_said_to_an_engine_is_refused() {
    type Change = fn(&mut LaunchPlan);
    let changes: [(Change, Control); 6] = [
        (|plan| plan.linux_caps = [LinuxCap::NetAdmin].into_iter().collect(), Control::ProjectNetworks),
        (|plan| plan.linux_caps = [LinuxCap::NetRaw].into_iter().collect(), Control::ProjectNetworks),
        (|plan| plan.service = None, Control::ProjectNetworks),
        (|plan| plan.networks[1].network = "back".parse().unwrap(), Control::ProjectNetworks),
        (|plan| plan.networks[0].address = Some("fd00::1".parse().unwrap()), Control::ProjectNetworks),
        (|plan| plan.volumes[0].path = "/a,rw".parse().unwrap(), Control::Volumes),
    ];
    for (change, wanted) in changes {
        let mut plan = plan();
        change(&mut plan);
        let refused = podman(&plan);
        assert!(
            matches!(refused, Err(PlanError::NotEnforceable { control, .. }) if control == wanted),
            "{refused:?}"
        );
    }
}

/// A podman that answers these questions.
fn asked(answers: &[Expected]) -> (Stage, Podman) {
    let stage = Stage::new();
    stage.program("runc", &[]);
    let info = Expected::call(&["info", "--format", "json"], PODMAN);
    let all: Vec<Expected> = [info].into_iter().chain(answers.iter().cloned()).collect();
    stage.program("podman", &all);
    let podman = Podman::probe(&stage.tools(System::Other)).unwrap();
    (stage, podman)
}

#[test]
fn what_a_project_has_is_made_so_that_nothing_leads_out_and_nobody_owns_it() {
    let (_stage, podman) = asked(&[]);
    let engine = Engine::Podman(&podman, Path::new("/run/p"));
    let shop: Project = "shop".parse().unwrap();
    let network = NewNetwork::of_project(&shop, &"back".parse().unwrap()).unwrap();
    let line = engine.action(&Question::CreateNetwork(&network)).to_string();
    let labels = "--label=perry-sandbox.network=shop_back --label=perry-sandbox.project=shop";
    assert!(line.ends_with(&format!("{labels} --internal --disable-dns -- shop_back")), "{line}");
    let volume = NewVolume::of_project(&shop, &"data".parse().unwrap()).unwrap();
    let line = engine.action(&Question::CreateVolume(&volume)).to_string();
    assert!(line.ends_with("--opt=o=uid=0,gid=0 -- shop_data"), "{line}");
}

#[test]
fn only_a_network_that_is_the_projects_own_and_leads_nowhere_is_joined() {
    let good = json!({
        "name": "shop_back", "id": "x", "internal": true, "dns_enabled": false,
        "labels": { "perry-sandbox.network": "shop_back", "perry-sandbox.project": "shop" },
        "subnets": [{ "subnet": "10.98.7.0/24" }],
    });
    let check = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut answer = good.clone();
        change(&mut answer);
        // A network's name is all that is asked by, so any program that answers does.
        let stage = Stage::new();
        let text = format!("#!/bin/sh\ncat <<'END'\n[{answer}]\nEND\n");
        let (first, podman) = asked(&[]);
        let mut plan = plan();
        plan.networks.truncate(1);
        plan.volumes.clear();
        let engine = Engine::Podman(&podman, stage.home());
        let required = Required::of(&plan, engine, Backend::Podman, None).unwrap();
        first.text("podman", &text);
        required[0].check(Duration::from_secs(20))
    };
    check(&|_| ()).unwrap();
    let refused = |change: &dyn Fn(&mut serde_json::Value)| check(change).unwrap_err();
    assert!(matches!(refused(&|it| it["name"] = "shop_bac".into()), StockError::Missing { .. }));
    assert!(matches!(refused(&|it| it["labels"] = json!({})), StockError::NotOurs { .. }));
    let other = refused(&|it| it["labels"]["perry-sandbox.project"] = "shop2".into());
    assert!(matches!(other, StockError::OtherProject { .. }), "{other}");
    for (field, value) in [
        ("internal", json!(false)),
        ("dns_enabled", json!(true)),
        ("dns_enabled", json!(null)),
        ("subnets", json!([{ "subnet": "10.98.7.0/24" }, { "subnet": "fd00::/64" }])),
    ] {
        let error = refused(&|it| it[field] = value.clone());
        assert!(matches!(error, StockError::Open { .. }), "{field}: {error}");
    }
}
