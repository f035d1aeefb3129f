//! The Docker Engine API's exchanges, which docker and all that speak as it does take.

use serde_json::{Map, Value, json};

use super::super::docker::{DRIVER, Docker};
use super::super::http::Exchange;
use super::super::images::REPOSITORY;
use super::super::project::VIEW;
use super::new::Addresses;
use super::question::{Kept, Question, image_name};
use super::words::{StockKind, StockName};

/// The option by which the host has no address in a network.
pub(super) const NO_HOST: &str = "com.docker.network.bridge.inhibit_ipv4";

/// What is asked of the socket.
pub(super) fn exchange(engine: &Docker, question: &Question<'_>) -> Exchange {
    let ask = |method: &str, target: &str| engine.socket().exchange(method, target);
    match *question {
        Question::Images => ask("GET", &filtered("/images/json", "reference", REPOSITORY)),
        Question::Image(id) => ask("GET", &format!("/images/{}/json", image_name(id))),
        Question::RemoveImage(id) => ask("DELETE", &format!("/images/{}", image_name(id))),
        Question::Find(kept, None) => ask("GET", &filtered(path(kept), "label", kept.kind().label())),
        Question::Find(kept, Some(name)) => ask("GET", &filtered(path(kept), "name", name.as_str())),
        // It has said all of it in the list.
        Question::Describe(kept, names) => {
            let names: Vec<&str> = names.iter().map(StockName::as_str).collect();
            ask("GET", &format!("{}?filters={}", path(kept), encoded(&json!({ "name": names }))))
        }
        Question::CreateNetwork(new) => {
            let ipam = new.addresses.as_ref().map(ipam);
            let options = if new.labels.are_of_a_project() { json!({ NO_HOST: "true" }) } else { json!({}) };
            let body = json!({
                "Name": new.name,
                "CheckDuplicate": true,
                "Driver": "bridge",
                "Internal": new.internal,
                "Attachable": false,
                "Ingress": false,
                "EnableIPv6": new.addresses.as_ref().is_some_and(|all| all.subnet().is_v6()),
                "IPAM": ipam,
                "Options": options,
                "Labels": new.labels.with_ours(StockKind::Network, &new.name),
            });
            Exchange { body: Some(body.to_string()), ..ask("POST", "/networks/create") }
        }
        Question::CreateVolume(new) => {
            let labels = new.labels.with_ours(StockKind::Volume, &new.name);
            let options = engine.volumes().map(|all| all.place(&new.name).options()).unwrap_or_default();
            let body = json!({ "Name": new.name, "Driver": DRIVER, "DriverOpts": options, "Labels": labels });
            Exchange { body: Some(body.to_string()), ..ask("POST", "/volumes/create") }
        }
        Question::Remove(kept, id) => ask("DELETE", &format!("{}/{id}", path(kept))),
    }
}

fn ipam(addresses: &Addresses) -> Value {
    let mut config = Map::from_iter([("Subnet".to_owned(), json!(addresses.subnet()))]);
    config.extend(addresses.gateway().map(|gateway| ("Gateway".to_owned(), json!(gateway))));
    config.extend(addresses.range().map(|range| ("IPRange".to_owned(), json!(range))));
    json!({ "Driver": "default", "Config": [config] })
}

/// Asks which sandboxes see a volume without being able to write to it: the engine does not know that they do.
pub(super) fn views(engine: &Docker, name: &StockName) -> Exchange {
    let label = format!("{VIEW}={name}");
    engine.socket().exchange("GET", &filtered(path(Kept::Volumes), "label", &label))
}

const fn path(kept: Kept) -> &'static str {
    match kept {
        Kept::Networks => "/networks",
        Kept::Volumes => "/volumes",
    }
}

fn filtered(path: &str, filter: &str, value: &str) -> String {
    format!("{path}?filters={}", encoded(&json!({ filter: [value] })))
}

/// As a value in a query.
fn encoded(value: &Value) -> String {
    let one = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    value.to_string().bytes().map(one).collect()
}
