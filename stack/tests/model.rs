//! Reading a project's tree into types.

use std::time::Duration;

use perry_sandbox_stack::{Condition, HealthTest, MountKind, Restart};

use crate::support::{read, stack};

#[test]
fn a_service_says_what_its_file_says() {
    let stack = stack(
        r"
name: shop
services:
  web:
    image: a
    command: serve --port 80
    environment: {A: b, C: }
    cpus: 0.25
    mem_limit: 64m
    pids_limit: 9
    ulimits: {nofile: {soft: 10, hard: 20}}
    healthcheck: {test: curl x, interval: 1m5s, retries: 3}
    restart: on-failure:4
    stop_grace_period: 90s
    scale: 3
    tmpfs: /run:size=1m
    volumes: [data:/data:ro]
    depends_on: {db: {condition: service_completed_successfully}}
    links: [other]
  db: {image: b, network_mode: none, deploy: {restart_policy: {condition: on-failure, max_attempts: 2}}}
  other: {image: c}
volumes: {data: }
",
    );
    let web = &stack.services["web"];
    assert_eq!(web.container.command.as_ref().unwrap().value, ["serve", "--port", "80"]);
    assert_eq!(web.container.environment.keys().collect::<Vec<_>>(), ["A"], "no value is no variable");
    let limits = &web.limits;
    let numbers = (limits.memory.unwrap().value, limits.cpu.unwrap().value, limits.pids.unwrap().value);
    assert_eq!((numbers, limits.open_files.unwrap().value), ((64 << 20, 250, 9), 20));
    let health = &web.health.as_ref().unwrap().value;
    assert_eq!(health.test, Some(HealthTest::Shell("curl x".to_owned())));
    assert_eq!((health.interval, health.retries), (Some(Duration::from_secs(65)), Some(3)));
    assert_eq!(web.restart.unwrap().value, Restart::OnFailure(Some(4)));
    assert_eq!(stack.services["db"].restart.unwrap().value, Restart::OnFailure(Some(2)));
    assert_eq!((web.container.stop_grace.unwrap().value, web.replicas), (Duration::from_secs(90), 3));
    let mounts: Vec<_> =
        web.mounts.iter().map(|mount| (&mount.value.kind, mount.value.target.as_str())).collect();
    assert_eq!(
        mounts,
        [
            (&MountKind::Named("data".to_owned()), "/data"),
            (&MountKind::Memory(vec!["size=1m".to_owned()]), "/run")
        ]
    );
    assert_eq!(web.depends_on[0].value.condition, Condition::Completed);
    assert_eq!(web.needed().into_iter().collect::<Vec<_>>(), ["db", "other"]);
    assert_eq!(stack.volumes["data"].name, "shop_data");
}

#[test]
fn places_are_those_of_the_file() {
    let stack = stack("name: shop\nservices:\n  web:\n    image: a\n    user: '7'\n");
    let user = stack.services["web"].container.user.as_ref().unwrap();
    assert_eq!(stack.sources.place(user.span).unwrap(), "compose.yaml:5:11");
}

#[test]
fn what_means_nothing_is_told_at_its_place() {
    for (line, wanted) in [
        ("restart: sometimes", "compose.yaml:5:14: `restart` is `sometimes`: expected `no`"),
        ("restart: on-failure:x", "`restart` is `on-failure:x`"),
        ("ports: ['80:70000']", "port"),
        ("healthcheck: {test: [CMD]}", "`healthcheck.test` is `CMD`"),
        ("scale: 4000000000", "`scale` is `4000000000`: expected at most 1000"),
        ("pids_limit: -1", "nothing is unlimited here"),
        ("ulimits: {nofile: -1}", "nothing is unlimited here"),
        ("stop_grace_period: -3s", "a time that is not negative"),
    ] {
        let found = read(&format!("name: shop\nservices:\n  web:\n    image: a\n    {line}\n"));
        let found = found.err().map(|problems| problems.to_string()).unwrap_or_default();
        assert!(found.contains(wanted), "{line}: {found}");
    }
}

#[test]
fn replicas_that_wait_for_each_other_are_counted() {
    let text = "name: shop\nservices:\n  a: {image: x, scale: 1000}\n  b: {image: x, scale: 1000, depends_on: [a]}\n";
    let found = read(text).unwrap_err().to_string();
    assert!(found.contains("compose.yaml:4:3: more than 200000 replicas"), "{found}");
    assert!(read(&text.replace("scale: 1000, d", "scale: 100, d")).is_ok());
}
