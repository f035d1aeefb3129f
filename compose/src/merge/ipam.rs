use super::entries::as_mapping;
use crate::error::{Problem, Reason, Report};
use crate::node::{Mapping, Node, Path, Value};

/// Merges address pools by their subnets, in the way of the standard's reader: an earlier pool that no later one names
/// is lost.
pub(super) fn merge(earlier: Node, later: Node, path: &Path<'_>, report: &mut Report) -> Node {
    let span = earlier.span;
    let lists = match (earlier.value, later.value) {
        (Value::Sequence(left), Value::Sequence(right)) => Some((left, right)),
        _ => None,
    };
    let Some((left, right)) = lists else {
        report.problem(Problem::new(Reason::SchemaType, later.span, format!("{path} is a list")));
        return Node::new(span, Value::Sequence(Vec::new()));
    };
    // SECURITY: each pool of one is compared with each of the other.
    if left.len().saturating_mul(right.len()) > 10_000 {
        report.problem(Problem::new(Reason::Limit, later.span, format!("{path} has too many entries")));
        return Node::new(span, Value::Sequence(Vec::new()));
    }
    let mut form = |node: Node| (node.span, as_mapping(node, path, report));
    // An earlier pool stays itself while later ones are put into it, also where it is in the result already.
    let mut pools: Vec<_> = left.into_iter().map(&mut form).collect();
    let later: Vec<_> = right.into_iter().map(&mut form).collect();
    let originals = pools.len();
    let mut result: Vec<usize> = Vec::new();
    for at in 0..originals {
        for (span, other) in &later {
            let other_subnet = subnet(other);
            let named = pools.get(at).is_some_and(|(_, pool)| subnet(pool) == other_subnet);
            if !named
                && !result
                    .iter()
                    .any(|at| pools.get(*at).is_some_and(|(_, pool)| subnet(pool) == other_subnet))
            {
                result.push(pools.len());
                pools.push((*span, other.clone()));
                continue;
            }
            if let Some((_, pool)) = pools.get_mut(at) {
                for (key, value) in other.clone() {
                    pool.insert(key, value);
                }
            }
            let own = pools.get(at).and_then(|(_, pool)| subnet(pool));
            let known =
                result.iter().position(|at| pools.get(*at).is_some_and(|(_, pool)| subnet(pool) == own));
            match known.and_then(|place| result.get_mut(place)) {
                Some(place) => *place = at,
                None => result.push(at),
            }
        }
    }
    let items = result
        .into_iter()
        .filter_map(|at| pools.get(at))
        .map(|(span, pool)| Node::new(*span, Value::Mapping(pool.clone())))
        .collect();
    Node::new(span, Value::Sequence(items))
}

fn subnet(pool: &Mapping) -> Option<Value> {
    pool.get("subnet").map(|subnet| subnet.value.clone())
}
