//! Paths as texts, after the rules of Go's `path/filepath`: the standard's reader joins and shortens them without asking
//! the file system.

/// The path with `.`, `..` and repeated slashes taken out; `.` if nothing is left.
pub(crate) fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            _ => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

/// `path` below `folder`, whatever `path` is; empty parts do not count.
pub(crate) fn join(folder: &str, path: &str) -> String {
    match (folder.is_empty(), path.is_empty()) {
        (true, true) => String::new(),
        (true, false) => clean(path),
        (false, true) => clean(folder),
        (false, false) => clean(&format!("{folder}/{path}")),
    }
}

/// `path` itself if it is absolute, else below `folder`.
pub(crate) fn absolute(folder: &str, path: &str) -> String {
    if path.starts_with('/') { clean(path) } else { join(folder, path) }
}

/// The folder that `path` is in.
pub(crate) fn parent(path: &str) -> String {
    let end = path.rfind('/').map_or(0, |at| at.saturating_add(1));
    clean(path.get(..end).unwrap_or_default())
}

/// The last part of a path.
pub(crate) fn base(path: &str) -> &str {
    let trimmed = path.trim_end_matches('/');
    if trimmed.is_empty() {
        return if path.is_empty() { "." } else { "/" };
    }
    trimmed.rsplit('/').next().unwrap_or(trimmed)
}

/// The way from `folder` to `path`; nothing if only one of them is absolute, or `folder` begins above itself.
pub(crate) fn relative_to(folder: &str, path: &str) -> Option<String> {
    let (folder, path) = (clean(folder), clean(path));
    if folder.starts_with('/') != path.starts_with('/') {
        return None;
    }
    let parts = |text: &str| -> Vec<String> {
        text.split('/').filter(|part| !part.is_empty() && *part != ".").map(str::to_owned).collect()
    };
    let (from, to) = (parts(&folder), parts(&path));
    let shared = from.iter().zip(&to).take_while(|(left, right)| left == right).count();
    let up = from.get(shared..).unwrap_or_default();
    if up.iter().any(|part| part == "..") {
        return None;
    }
    let mut way: Vec<&str> = up.iter().map(|_| "..").collect();
    way.extend(to.get(shared..).unwrap_or_default().iter().map(String::as_str));
    Some(if way.is_empty() { ".".to_owned() } else { way.join("/") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_follow_go() {
        assert_eq!(clean("a/./b/../c//"), "a/c");
        assert_eq!(clean("/../a"), "/a");
        assert_eq!(clean("../../a"), "../../a");
        assert_eq!(clean(""), ".");
        assert_eq!(join("a", "/b"), "a/b");
        assert_eq!(absolute("/a", "b/.."), "/a");
        assert_eq!(parent("/a/b"), "/a");
        assert_eq!(parent("b"), ".");
        assert_eq!(base("/a/b/"), "b");
        assert_eq!(relative_to("/a/b", "/a/c/d").as_deref(), Some("../c/d"));
        assert_eq!(relative_to("/a", "/a").as_deref(), Some("."));
        assert_eq!(relative_to(".", "x/y").as_deref(), Some("x/y"));
        assert_eq!(relative_to("x", "/y"), None);
    }

    #[test]
    fn paths_are_cleaned_as_go_does() {
        for (path, cleaned) in [
            ("/a//b/", "/a/b"),
            ("/a/../..", "/"),
            ("a/./b/..", "a"),
            ("..//x", "../x"),
            ("", "."),
            ("/", "/"),
        ] {
            assert_eq!(clean(path), cleaned);
        }
    }
}
