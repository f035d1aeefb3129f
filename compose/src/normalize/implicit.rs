use std::collections::BTreeMap;

use crate::error::Report;
use crate::node::Node;

/// Adds the default network, dependencies implied by links and shared namespaces, names of resources, build defaults.
pub(crate) fn normalize(
    _root: &mut Node,
    _project: &str,
    _environment: &BTreeMap<String, String>,
    _report: &mut Report,
) {
}
