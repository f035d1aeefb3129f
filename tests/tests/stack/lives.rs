//! A project that is up, and is ended with its test.

use perry_sandbox_testkit::{As, Home, Ran};
use serde_json::Value;

use perry_sandbox_testkit::example::BARE_POLICY;

use crate::shop::{compose, extend_policy};

/// Two services without a network; one waits until the other is healthy.
const TWO: &str = "\
name: shop
services:
  web:
    image: oci:examples/hello/image
    command: [/bin/busybox, sleep, '300']
    environment: {MODE: quick}
    network_mode: none
    depends_on: {db: {condition: service_healthy}}
  db:
    image: oci:examples/hello/image
    command: [/bin/busybox, sleep, '300']
    network_mode: none
    healthcheck: {test: [CMD, /bin/busybox, 'true'], interval: 1s}
";

/// A project that is up.
#[derive(Debug)]
pub(crate) struct Up {
    pub(crate) home: Home,
}

impl Up {
    /// The project with two services.
    pub(crate) fn new() -> Self {
        let home = Home::new(As::Ordinary);
        home.give("compose.yaml", TWO.as_bytes());
        home.give("bare.toml", BARE_POLICY.as_bytes());
        extend_policy(&home);
        let up = Self { home };
        let ran = up.run(&["up", "-d", "--policy", "good.toml"]);
        assert_eq!((ran.code, up.states().as_str()), (0, "db running, web running"), "{ran:?}");
        up
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        compose(&self.home, args)
    }

    /// The replicas of services and their states, in the order of their names.
    pub(crate) fn states(&self) -> String {
        let mut all: Vec<String> = self
            .listed()
            .iter()
            .filter(|one| one["one-off"] == false)
            .map(|one| format!("{} {}", text(&one["service"]), text(&one["status"])))
            .collect();
        all.sort();
        all.join(", ")
    }

    /// What is listed of a service.
    pub(crate) fn json(&self, service: &str) -> Value {
        let listed = self.listed();
        listed.into_iter().find(|one| one["service"] == service).expect("the service is listed")
    }

    fn listed(&self) -> Vec<Value> {
        let ran = self.run(&["-p", "shop", "ps", "-a", "--format", "json"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

impl Drop for Up {
    fn drop(&mut self) {
        self.run(&["-p", "shop", "down", "-v", "-t", "0"]);
    }
}
