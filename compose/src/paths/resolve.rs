use crate::error::Report;
use crate::node::Node;

/// What relative paths are relative to.
pub(crate) struct Base<'a> {
    /// The folder; may be relative itself (an included or extended file's folder).
    pub(crate) folder: &'a str,
    /// What `~` stands for, if the environment says so.
    pub(crate) home: Option<&'a str>,
    /// The real path of a path that is or leads through a symbolic link.
    pub(crate) real: &'a dyn Fn(&str) -> String,
}

/// Makes relative paths absolute, wherever the standard knows that a text is a path.
pub(crate) fn resolve(_root: &mut Node, _base: &Base<'_>, _report: &mut Report) {}
