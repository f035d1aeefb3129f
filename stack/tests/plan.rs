//! Plans for an empty world.

use perry_sandbox_stack::{Action, Stack};

use crate::support::{planned, stack};

const SHOP: &str = r"
name: shop
services:
  web:
    image: r.example/web:v1
    scale: 2
    networks: [front, back]
    depends_on: {db: {condition: service_healthy}, migrate: {condition: service_completed_successfully}}
  migrate: {image: r.example/web:v1, networks: [back], depends_on: [db]}
  db:
    image: r.example/db:v1
    networks: [back]
    volumes: [data:/data]
    healthcheck: {test: [CMD, /bin/well], interval: 5s}
    restart: always
    stop_signal: SIGINT
    stop_grace_period: 30s
networks: {front: , back: {internal: true, ipam: {config: [{subnet: 10.9.0.0/24}]}}, unused: }
volumes: {data: }
";

#[test]
fn a_plan_is_read_from_top_to_bottom() {
    let wanted = "\
1  create network shop_back   internal 10.9.0.0/24
2  create network shop_front
3  create volume shop_data
4  start shop-db-1            r.example/db:v1  after 1, 3
5  start shop-migrate-1       r.example/web:v1  after 1, 4
6  start shop-web-1           r.example/web:v1  after 1, 2, 4 is healthy, 5 has ended well
7  start shop-web-2           r.example/web:v1  after 1, 2, 4 is healthy, 5 has ended well
";
    assert_eq!(planned(SHOP).to_string(), wanted);
}

#[test]
fn programs_read_the_same() {
    let json = serde_json::to_value(planned(SHOP)).unwrap();
    assert_eq!(
        (json["schema"].as_str(), json["project"].as_str()),
        (Some("perry-sandbox/stack-plan/v1"), Some("shop"))
    );
    let wanted = serde_json::json!({
        "number": 4, "action": "start-service", "service": "db", "replica": 1, "name": "shop-db-1",
        "image": "r.example/db:v1", "restart": "always", "stop-signal": "SIGINT", "stop-grace-ms": 30_000,
        "stdin-open": false,
        "health": {
            "test": {"command": ["/bin/well"]}, "interval-ms": 5_000, "timeout-ms": null, "retries": null,
            "start-period-ms": null, "start-interval-ms": null,
        },
        "after": [{"step": 1, "until": "done"}, {"step": 3, "until": "done"}],
    });
    assert_eq!(json["steps"][3], wanted);
}

#[test]
fn no_step_waits_for_a_later_one() {
    for step in planned(SHOP).steps {
        assert!(step.after.iter().all(|after| after.step < step.number), "{step:?}");
        assert!(step.number > 3 || !matches!(step.action, Action::StartService(_)));
    }
}

#[test]
fn nothing_is_started_of_a_service_of_no_replicas() {
    let text = "name: shop\nservices: {a: {image: x, scale: 0, network_mode: none}}\n";
    assert!(planned(text).steps.is_empty());
}

#[test]
fn graphs_are_drawn_in_three_languages() {
    let stack: Stack = stack(SHOP);
    let mermaid = perry_sandbox_stack::draw::mermaid(&stack);
    assert!(
        mermaid.starts_with("flowchart LR\n    s0[\"db\"]\n") && mermaid.contains("s2 -->|healthy| s0\n"),
        "{mermaid}"
    );
    let dot = perry_sandbox_stack::draw::dot(&stack);
    assert!(dot.contains("    \"web\" -> \"migrate\" [label=\"completed\"];\n"), "{dot}");
    let json = perry_sandbox_stack::draw::json(&stack, &stack.graph().order().unwrap());
    assert_eq!(json["levels"], serde_json::json!([["db"], ["migrate"], ["web"]]));
}
