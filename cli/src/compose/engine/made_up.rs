//! Sandboxes that are made up, for tests.

use perry_sandbox_engine::{Condition, Membership, Replica, Role};

/// The first replica of a service, under the service's name.
pub(super) fn replica(service: &str, role: Role, condition: Condition) -> Replica {
    let member = Membership {
        project: "shop".to_owned(),
        origin: "0".to_owned(),
        service: service.to_owned(),
        replica: 1,
        run: "r".to_owned(),
        config: "c".to_owned(),
        needs: Vec::new(),
        beside: None,
        borrows: Vec::new(),
        role,
        stop_ms: None,
        stop_signal: None,
        secrets: false,
    };
    Replica {
        id: service.to_owned(),
        name: service.to_owned(),
        member,
        plan: String::new(),
        condition,
        paused: false,
    }
}
