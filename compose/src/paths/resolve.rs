use crate::error::{Problem, Reason, Report};
use crate::files::clean;
use crate::node::{Mapping, Node};

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
pub(crate) fn resolve(root: &mut Node, base: &Base<'_>, report: &mut Report) {
    for service in values(root.get_mut("services")) {
        if let Some(service) = service.mapping_mut() {
            self::service(service, base, report);
        }
    }
    for section in ["configs", "secrets"] {
        for resource in values(root.get_mut(section)) {
            text(resource.get_mut("file"), |path| base.maybe_windows(path));
        }
    }
    for volume in values(root.get_mut("volumes")) {
        let local = volume.get("driver").and_then(Node::text) == Some("local");
        if let Some(options) = volume.get_mut("driver_opts").filter(|_| local)
            && options.get("o").and_then(Node::text) == Some("bind")
        {
            text(options.get_mut("device"), |path| base.maybe_windows(path));
        }
    }
}

fn service(service: &mut Mapping, base: &Base<'_>, report: &mut Report) {
    if let Some(build) = service.get_mut("build") {
        text(build.get_mut("context"), |path| base.context(path));
        for context in values(build.get_mut("additional_contexts")) {
            text(Some(context), |path| base.context(path));
        }
        for key in values(build.get_mut("ssh")) {
            text(Some(key), |path| base.maybe_windows(path));
        }
    }
    for file in items(service.get_mut("env_file")) {
        text(file.get_mut("path"), |path| base.absolute(path));
    }
    for file in items(service.get_mut("label_file")) {
        text(Some(file), |path| base.absolute(path));
    }
    if let Some(extends) = service.get_mut("extends") {
        text(extends.get_mut("file"), |path| base.absolute(path));
    }
    if let Some(develop) = service.get_mut("develop") {
        for watch in items(develop.get_mut("watch")) {
            text(watch.get_mut("path"), |path| (base.real)(&base.absolute(path)));
        }
    }
    for volume in items(service.get_mut("volumes")) {
        if volume.get("type").and_then(Node::text) != Some("bind") {
            continue;
        }
        if volume.get("source").is_none() {
            let message = "a mount of type `bind` has no `source`";
            report.problem(Problem::new(Reason::MissingAttribute, volume.span, message));
        }
        text(volume.get_mut("source"), |path| base.maybe_windows(path));
    }
}

fn values(node: Option<&mut Node>) -> impl Iterator<Item = &mut Node> {
    node.and_then(Node::mapping_mut).into_iter().flat_map(Mapping::iter_mut).map(|(_, node)| node)
}

fn items(node: Option<&mut Node>) -> impl Iterator<Item = &mut Node> {
    node.and_then(Node::sequence_mut).into_iter().flatten()
}

fn text(node: Option<&mut Node>, change: impl FnOnce(&str) -> String) {
    if let Some(node) = node
        && let Some(path) = node.text()
    {
        *node = node.text_here(change(path));
    }
}

impl Base<'_> {
    fn home(&self, path: &str) -> String {
        match (path.strip_prefix('~'), self.home) {
            (Some(rest), Some(home)) => clean(&format!("{home}/{rest}")),
            _ => path.to_owned(),
        }
    }

    fn join(&self, path: &str) -> String {
        if self.folder.is_empty() { clean(path) } else { clean(&format!("{}/{path}", self.folder)) }
    }

    fn absolute(&self, path: &str) -> String {
        let path = self.home(path);
        if path.is_empty() || path.starts_with('/') { path } else { self.join(&path) }
    }

    /// A path of the host, which may be a Windows machine even if we are not on one.
    fn maybe_windows(&self, path: &str) -> String {
        let path = self.home(path);
        if path.starts_with('/') || is_windows_absolute(&path) { path } else { self.join(&path) }
    }

    /// A build context: a folder, or something that the builder fetches.
    fn context(&self, path: &str) -> String {
        const FETCHED: [&str; 3] = ["service:", "github.com/", "git@"];
        if path.contains("://") || FETCHED.iter().any(|prefix| path.starts_with(prefix)) {
            path.to_owned()
        } else {
            self.absolute(path)
        }
    }
}

fn is_windows_absolute(path: &str) -> bool {
    let separator = |byte: &u8| matches!(byte, b'\\' | b'/');
    match path.as_bytes() {
        [a, b, ..] if separator(a) && separator(b) => true,
        [_, b':', c, ..] => separator(c),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::Base;

    #[test]
    fn paths_are_joined_to_the_folder() {
        let base = Base { folder: "/p", home: Some("/home/u"), real: &str::to_owned };
        assert_eq!(base.absolute("./a/../b"), "/p/b");
        assert_eq!(base.absolute("~/x"), "/home/u/x");
        assert_eq!(base.absolute(""), "");
        assert_eq!(base.maybe_windows(""), "/p");
        assert_eq!(base.maybe_windows(r"c:\x"), r"c:\x");
        assert_eq!(base.maybe_windows(r"\\host\share"), r"\\host\share");
        assert_eq!(base.maybe_windows("/a/../b"), "/a/../b");
        assert_eq!(base.context("https://x/y.git"), "https://x/y.git");
        assert_eq!(base.context("git@x:y.git"), "git@x:y.git");
        assert_eq!(base.context("service:x"), "service:x");
        assert_eq!(base.context("ctx"), "/p/ctx");
        let included = Base { folder: "sub", ..base };
        assert_eq!(included.absolute("a"), "sub/a");
    }
}
