use super::entries::{as_list, as_mapping, build_mapping, dependencies};
use super::ipam;
use crate::error::{Problem, Reason, Report};
use crate::node::{Mapping, Node, Path, Value};

/// How two values of one path become one, where that is not said by their kinds.
#[derive(Debug, Clone, Copy)]
enum Rule {
    /// Both become lists of `key=value`, the later behind the earlier.
    List,
    /// As lists, without what the earlier has already.
    Hosts,
    /// The later takes the place of the earlier, even if it is empty.
    Replace,
    /// Both become mappings by a form of their own.
    Build,
    Dependencies,
    Names,
    /// Merged only for one and the same driver.
    Logging,
    /// Address pools of one subnet are merged.
    Ipam,
}

const RULES: &[(&str, Rule)] = &[
    ("networks.*.ipam.config", Rule::Ipam),
    ("networks.*.labels", Rule::List),
    ("volumes.*.labels", Rule::List),
    ("services.*.annotations", Rule::List),
    ("services.*.build", Rule::Build),
    ("services.*.build.args", Rule::List),
    ("services.*.build.additional_contexts", Rule::List),
    ("services.*.build.extra_hosts", Rule::Hosts),
    ("services.*.build.labels", Rule::List),
    ("services.*.command", Rule::Replace),
    ("services.*.depends_on", Rule::Dependencies),
    ("services.*.deploy.labels", Rule::List),
    ("services.*.dns", Rule::List),
    ("services.*.dns_opt", Rule::List),
    ("services.*.dns_search", Rule::List),
    ("services.*.entrypoint", Rule::Replace),
    ("services.*.env_file", Rule::List),
    ("services.*.label_file", Rule::List),
    ("services.*.environment", Rule::List),
    ("services.*.extra_hosts", Rule::Hosts),
    ("services.*.healthcheck.test", Rule::Replace),
    ("services.*.labels", Rule::List),
    ("services.*.logging", Rule::Logging),
    ("services.*.models", Rule::Names),
    ("services.*.networks", Rule::Names),
    ("services.*.sysctls", Rule::List),
    ("services.*.tmpfs", Rule::List),
    ("services.*.ulimits.*", Rule::Replace),
];

/// Merges a later project into an earlier one.
pub(crate) fn merge(earlier: Node, later: Node, report: &mut Report) -> Node {
    merge_at(earlier, later, &Path::top(), report)
}

/// Merges a service into the one that it extends.
pub(crate) fn merge_service(base: Node, own: Node, report: &mut Report) -> Node {
    let top = Path::top();
    let services = top.below("services");
    merge_at(base, own, &services.below("x"), report)
}

fn merge_at(earlier: Node, later: Node, path: &Path<'_>, report: &mut Report) -> Node {
    let rule = RULES.iter().find(|(pattern, _)| path.is(pattern)).map(|(_, rule)| *rule);
    if let Some(rule) = rule {
        return by_rule(rule, earlier, later, path, report);
    }
    let span = later.span;
    match (earlier.value, later.value) {
        (value, Value::Null) => Node { value, ..Node::new(earlier.span, Value::Null) },
        (Value::Mapping(left), Value::Mapping(right)) => {
            Node::new(earlier.span, Value::Mapping(mappings(left, right, path, report)))
        }
        (Value::Sequence(mut left), Value::Sequence(right)) => {
            left.extend(right);
            Node::new(earlier.span, Value::Sequence(left))
        }
        (left @ (Value::Mapping(_) | Value::Sequence(_)), _) => {
            let message = format!("{path} cannot take the place of a value of another kind");
            let problem = Problem::new(Reason::SchemaType, span, message);
            report.problem(problem.place(earlier.span, "the earlier value"));
            Node::new(earlier.span, left)
        }
        (_, value) => Node::new(span, value),
    }
}

fn mappings(mut earlier: Mapping, later: Mapping, path: &Path<'_>, report: &mut Report) -> Mapping {
    for (key, value) in later {
        if let Some(known) = earlier.get_mut(&key.name) {
            let known_value = std::mem::replace(known, Node::new(value.span, Value::Null));
            *known = merge_at(known_value, value, &path.below(&key.name), report);
        } else {
            earlier.insert(key, value);
        }
    }
    earlier
}

fn by_rule(rule: Rule, earlier: Node, later: Node, path: &Path<'_>, report: &mut Report) -> Node {
    match rule {
        Rule::Replace => later,
        Rule::List => {
            let span = earlier.span;
            let mut items = as_list(earlier);
            items.extend(as_list(later));
            Node::new(span, Value::Sequence(items))
        }
        Rule::Hosts => Node::new(earlier.span, Value::Sequence(hosts(earlier, later))),
        Rule::Build => as_mappings(build_mapping, earlier, later, path, report),
        Rule::Dependencies => as_mappings(dependencies, earlier, later, path, report),
        Rule::Names => as_mappings(as_mapping, earlier, later, path, report),
        Rule::Logging => {
            let driver = |node: &Node| node.get("driver").map(|driver| driver.value.clone());
            let (left, right) = (driver(&earlier), driver(&later));
            if left.is_some() && right.is_some() && left != right {
                later
            } else {
                as_mappings(as_mapping, earlier, later, path, report)
            }
        }
        Rule::Ipam => ipam::merge(earlier, later, path, report),
    }
}

type Form = fn(Node, &Path<'_>, &mut Report) -> Mapping;

fn as_mappings(form: Form, earlier: Node, later: Node, path: &Path<'_>, report: &mut Report) -> Node {
    let span = earlier.span;
    let (left, right) = (form(earlier, path, report), form(later, path, report));
    Node::new(span, Value::Mapping(mappings(left, right, path, report)))
}

fn hosts(earlier: Node, later: Node) -> Vec<Node> {
    let mut items = as_list(earlier);
    let known: std::collections::HashSet<String> = items.iter().map(Node::printed).collect();
    items.extend(as_list(later).into_iter().filter(|item| !known.contains(&item.printed())));
    items
}
