use crate::error::shown;
use crate::node::{Mapping, Node, Value};

/// What a name without a value has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// An empty text.
    Empty,
    /// Nothing.
    Null,
}

/// Names with values from either form: `{a: 1}` or `[a=1]`. An error names the item that is wrong, and why.
pub(super) fn pairs(node: &Node, missing: Missing) -> Result<Mapping, (&Node, String)> {
    let absent = |node: &Node| match missing {
        Missing::Empty => node.text_here(""),
        Missing::Null => Node::new(node.span, Value::Null),
    };
    let mut pairs = Mapping::default();
    match &node.value {
        Value::Mapping(mapping) => {
            for (key, value) in mapping.iter() {
                let text = if value.is_null() { absent(value) } else { value.text_here(value.printed()) };
                pairs.insert(key.clone(), text);
            }
        }
        Value::Sequence(items) => {
            for item in items {
                let text = item.printed();
                let (name, value) = text.split_once('=').map_or((text.as_str(), None), |(n, v)| (n, Some(v)));
                if missing == Missing::Null && name.ends_with(char::is_whitespace) {
                    return Err((item, format!("names `{}` with a space behind it", shown(name))));
                }
                pairs.put(name, value.map_or_else(|| absent(item), |value| item.text_here(value)));
            }
        }
        _ => return Err((node, format!("must be a mapping or a list, not {}", node.kind()))),
    }
    Ok(pairs)
}

/// Hosts with addresses, as a sorted list of `host=address`.
pub(super) fn hosts(node: &Node) -> Result<Vec<Node>, (&Node, String)> {
    let mut list: Vec<Node> = Vec::new();
    let mut add = |item: &Node, host: &str, address: &str| {
        let inner = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let address = inner.filter(|inner| !inner.is_empty()).unwrap_or(address);
        list.push(item.text_here(format!("{host}={address}")));
    };
    match &node.value {
        Value::Mapping(mapping) => {
            for (host, addresses) in mapping.iter() {
                check_host(addresses, &host.name)?;
                match &addresses.value {
                    Value::Sequence(items) => items.iter().for_each(|a| add(a, &host.name, &a.printed())),
                    Value::Null => add(addresses, &host.name, ""),
                    Value::Text(address) => add(addresses, &host.name, address),
                    _ => {
                        return Err((addresses, format!("must be text or a list, not {}", addresses.kind())));
                    }
                }
            }
        }
        Value::Sequence(items) => {
            for item in items {
                let text = item.printed();
                let Some((host, addresses)) = text.split_once('=').or_else(|| text.split_once(':')) else {
                    return Err((item, "has no address: it must be written `host=address`".to_owned()));
                };
                check_host(item, host)?;
                addresses.split(',').for_each(|address| add(item, host, address));
            }
        }
        _ => return Err((node, format!("must be a mapping or a list, not {}", node.kind()))),
    }
    list.sort_by(|a, b| a.text().cmp(&b.text()));
    Ok(list)
}

fn check_host<'a>(node: &'a Node, host: &str) -> Result<(), (&'a Node, String)> {
    if host.is_empty() || host.contains([':', '=']) {
        return Err((node, format!("has `{}`, which is no host's name", shown(host))));
    }
    Ok(())
}
