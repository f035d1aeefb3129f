use crate::error::Report;
use crate::node::Node;

/// Checks attributes that exclude each other and values with a form of their own, in one file or a merge of them.
pub(crate) fn check_attributes(_root: &Node, _report: &mut Report) {}
