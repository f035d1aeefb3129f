use crate::node::{Directive, Key, Mapping, Node, Span, Value};

/// What a `<<` key asks for, kept until the mapping's own keys are known: those win wherever they stand.
#[derive(Debug)]
pub(super) struct MergeKey {
    pub(super) span: Span,
    pub(super) value: Node,
}

impl MergeKey {
    /// Puts the other mappings' entries behind the mapping's own; of two others the first wins. Gives the place of what
    /// is no mapping.
    pub(super) fn apply(self, own: &mut Mapping) -> Result<(), Span> {
        match self.value.value {
            Value::Mapping(other) => add(own, other),
            Value::Sequence(others) => {
                for other in others {
                    let Value::Mapping(entries) = other.value else { return Err(other.span) };
                    add(own, entries);
                }
            }
            Value::Null
            | Value::Bool(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Timestamp(_)
            | Value::Text(_) => return Err(self.value.span),
        }
        Ok(())
    }
}

fn add(own: &mut Mapping, other: Mapping) {
    for (Key { name, span }, node) in other {
        match own.get_mut(&name) {
            // A directive speaks of the path, and both have the same.
            Some(known) if node.directive.is_some() && known.directive.is_none() => {
                known.directive = Some(Directive::Override);
            }
            Some(_) => {}
            None => {
                own.insert(Key { name, span }, node);
            }
        }
    }
}
