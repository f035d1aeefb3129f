//! What the user can do where content is not reached: the last part of a message.

use std::io::{self, ErrorKind};

/// What helps where the system refuses to open or read a file, to be written behind its own words; empty where nothing
/// general does.
pub fn io_remedy(error: &io::Error) -> &'static str {
    #[expect(clippy::wildcard_enum_match_arm, reason = "of forty kinds, a remedy is known for a few")]
    match error.kind() {
        ErrorKind::NotFound => "; check the path: unless it starts with `/`, it starts in the current folder",
        ErrorKind::PermissionDenied => {
            "; get the right to read it and to enter its folders from its owner (chmod), or name a copy of it"
        }
        ErrorKind::NotADirectory => "; a part of the path is a file: name a folder",
        ErrorKind::IsADirectory => "; it is a folder: name a file",
        // Layouts are read without following links.
        _ if error.raw_os_error() == Some(nix::libc::ELOOP) => {
            "; there is a symbolic link, and none is followed here: put the file itself in its place"
        }
        _ => "",
    }
}

/// What helps where a registry answers with this status.
pub(crate) fn status_remedy(status: u16) -> &'static str {
    match status {
        404 => "; check the repository's name and the tag or digest",
        429 => "; it is asked too often: wait, or sign in to it",
        500.. => "; the fault is the registry's: try again later",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_is_followed_by_what_to_do() {
        let remedy = |number: i32| io_remedy(&io::Error::from_raw_os_error(number));
        assert!(remedy(nix::libc::ENOENT).contains("check the path"));
        assert!(remedy(nix::libc::EACCES).contains("right to read"));
        assert!(remedy(nix::libc::ENOTDIR).contains("name a folder"));
        assert!(remedy(nix::libc::EISDIR).contains("name a file"));
        assert!(remedy(nix::libc::ELOOP).contains("symbolic link"));
        assert_eq!(remedy(nix::libc::EIO), "");
    }
}
