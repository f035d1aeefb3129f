//! The form of seccompiler: a filter a thread.

use perry_sandbox_compose::{Node, Value, shown};

use super::action::CallAnswer;
use super::filter::{Arches, Evidence, Filter, FilterRule, Gate};
use super::test::{ARGS, ArgTest, Compare};
use crate::place::Placed;
use crate::shape::Shape;

const KEYS: [&str; 5] = ["default_action", "mismatch_action", "filter_action", "match_action", "filter"];

/// Reads one thread's filter.
pub(super) fn filter(shape: &mut Shape<'_>, node: &Node) -> Option<Filter> {
    shape.keys(node, &KEYS);
    let either = |old, new| node.get(old).or_else(|| node.get(new));
    let (Some(mismatch), Some(matched)) =
        (either("default_action", "mismatch_action"), either("filter_action", "match_action"))
    else {
        shape.wrong(shape.place(node), "a filter has `mismatch_action` and `match_action`");
        return None;
    };
    let default = action(shape, mismatch)?;
    let answer = action(shape, matched)?.value;
    let rules = shape.list(node.get("filter")).iter().filter_map(|node| rule(shape, node, answer)).collect();
    // The filter compares the architecture once, and the number as a whole: that of x32 is another number.
    Some(Filter { default, default_errno: None, arches: Arches::NumbersOnly, rules })
}

fn action(shape: &mut Shape<'_>, node: &Node) -> Option<Placed<CallAnswer>> {
    let place = shape.place(node);
    let answer = match &node.value {
        Value::Text(word) => match word.as_str() {
            "allow" => Some(CallAnswer::Allow),
            "log" => Some(CallAnswer::Log),
            "trap" => Some(CallAnswer::Trap),
            "kill_process" | "kill_thread" | "kill" => Some(CallAnswer::Kill),
            _ => None,
        },
        Value::Mapping(mapping) => {
            shape.keys(node, &["errno", "trace"]);
            let errno = shape.number(mapping.get("errno"));
            errno
                .map(|number| CallAnswer::Errno(Some(number)))
                .or(mapping.contains("trace").then_some(CallAnswer::Trace))
        }
        _ => None,
    };
    if answer.is_none() {
        shape.wrong(
            place,
            "an action is `allow`, `log`, `trap`, `kill_thread`, `kill_process`, {\"errno\": 1} or {\"trace\": 1}",
        );
    }
    Some(Placed::new(answer?, place))
}

fn rule(shape: &mut Shape<'_>, node: &Node, answer: CallAnswer) -> Option<FilterRule> {
    shape.keys(node, &["syscall", "args", "comment"]);
    let Some(name) = node.get("syscall") else {
        shape.wrong(shape.place(node), "a rule names a call: `syscall`");
        return None;
    };
    let name = shape.text(name)?;
    let tests =
        shape.list(node.get("args")).iter().map(|node| test(shape, node)).collect::<Option<Vec<_>>>()?;
    let tests = if tests.is_empty() { Vec::new() } else { vec![tests] };
    Some(FilterRule { names: vec![name], answer, tests, gate: Gate::default(), evidence: Evidence::None })
}

fn test(shape: &mut Shape<'_>, node: &Node) -> Option<ArgTest> {
    shape.keys(node, &["index", "type", "op", "val", "comment"]);
    let place = shape.place(node);
    let index = shape.number(node.get("index")).and_then(|index| usize::try_from(index).ok());
    let Some(index) = index.filter(|index| *index < ARGS) else {
        shape.wrong(place, "a call has arguments 0 to 5");
        return None;
    };
    let value = shape.number(node.get("val"))?;
    let width = match node.get("type").and_then(Node::text) {
        Some("dword") => u64::from(u32::MAX),
        Some("qword") => u64::MAX,
        _ => {
            shape.wrong(place, "a test's `type` is `dword` or `qword`");
            return None;
        }
    };
    let op = node.get("op")?;
    let (mask, compare) = match &op.value {
        Value::Mapping(mapping) => {
            let mask = shape.number(mapping.get("masked_eq"))?;
            (mask & width, Compare::OneOf(vec![value & mask]))
        }
        Value::Text(word) => {
            let compare = match word.as_str() {
                "eq" => Compare::OneOf(vec![value]),
                "ne" => Compare::Not(value),
                "lt" => Compare::Less(value),
                "le" => Compare::LessOrSame(value),
                "gt" => Compare::Greater(value),
                "ge" => Compare::GreaterOrSame(value),
                other => {
                    shape.wrong(shape.place(op), format!("`{}` compares nothing", shown(other)));
                    return None;
                }
            };
            (width, compare)
        }
        _ => {
            shape.wrong(shape.place(op), "a comparison stands here");
            return None;
        }
    };
    Some(ArgTest { index, mask, compare })
}
