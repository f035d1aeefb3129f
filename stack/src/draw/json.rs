use serde_json::{Value, json};

use super::edges::edges;
use crate::model::Stack;
use crate::order::Order;

/// The graph with its order, for programs.
#[must_use]
pub fn json(stack: &Stack, order: &Order) -> Value {
    json!({
        "schema": "perry-sandbox/stack-graph/v1",
        "project": stack.name,
        "services": stack.services.keys().collect::<Vec<_>>(),
        "needs": edges(stack),
        "levels": order.levels(),
    })
}
