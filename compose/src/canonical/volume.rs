use crate::files::clean;
use crate::node::{Mapping, Node, Value};

/// A mount in its short form, read without knowing the system it is for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Volume {
    source: String,
    target: String,
    read_only: bool,
    no_copy: bool,
    propagation: String,
    selinux: String,
    /// `v` or `/d`: too short to be looked at.
    anonymous_short: bool,
}

/// Why a text is no mount.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum VolumeError {
    #[error("a mount cannot be empty")]
    Empty,
    #[error("there is nothing between two colons, or behind the last one")]
    EmptyPart,
    #[error("there are too many colons")]
    TooMany,
}

/// Where a volume in its short form is mounted: what the unicity of mounts goes by. Nothing if it cannot be read.
pub(crate) fn target(short: &str) -> Option<String> {
    volume(short).ok().map(|volume| volume.target)
}

/// Why a volume in its short form cannot be read; nothing if it can.
pub(crate) fn volume_fault(short: &str) -> Option<String> {
    volume(short).err().map(|error| error.to_string())
}

/// Reads `[source:]target[:options]`.
pub(super) fn volume(text: &str) -> Result<Volume, VolumeError> {
    let mut volume = Volume::default();
    match text.len() {
        0 => return Err(VolumeError::Empty),
        1 | 2 => {
            text.clone_into(&mut volume.target);
            volume.anonymous_short = true;
            return Ok(volume);
        }
        _ => {}
    }
    let mut part = String::new();
    let mut braces = 0_usize;
    let mut rest = text.chars().peekable();
    while let Some(char) = rest.next() {
        match char {
            '$' if rest.peek() == Some(&'{') => braces = braces.saturating_add(1),
            '}' if braces > 0 => braces = braces.saturating_sub(1),
            // `c:` opens a Windows path.
            ':' if braces == 0 && !is_drive(&part) => {
                volume.take(&std::mem::take(&mut part), false)?;
                continue;
            }
            _ => {}
        }
        part.push(char);
    }
    if braces == 0 {
        volume.take(&part, true)?;
    }
    Ok(volume)
}

fn is_drive(part: &str) -> bool {
    let mut chars = part.chars();
    chars.next().is_some_and(char::is_alphabetic) && chars.next().is_none()
}

impl Volume {
    fn take(&mut self, part: &str, last: bool) -> Result<(), VolumeError> {
        if part.is_empty() {
            return Err(VolumeError::EmptyPart);
        }
        if self.source.is_empty() && last {
            part.clone_into(&mut self.target);
        } else if self.source.is_empty() {
            part.clone_into(&mut self.source);
        } else if self.target.is_empty() {
            part.clone_into(&mut self.target);
        } else if last {
            part.split(',').for_each(|option| self.option(option));
        } else {
            return Err(VolumeError::TooMany);
        }
        Ok(())
    }

    /// Options that are not known are dropped, as the reference drops them.
    fn option(&mut self, option: &str) {
        match option {
            "ro" => self.read_only = true,
            "rw" => self.read_only = false,
            "nocopy" => self.no_copy = true,
            "rprivate" | "private" | "rshared" | "shared" | "rslave" | "slave" => {
                option.clone_into(&mut self.propagation);
            }
            "z" | "Z" => option.clone_into(&mut self.selinux),
            _ => {}
        }
    }

    fn is_bind(&self) -> bool {
        let mut chars = self.source.chars();
        match chars.next() {
            None => false,
            Some('.' | '/' | '~') => true,
            Some(first) => {
                self.source.starts_with(r"\\") || (first.is_alphabetic() && chars.next() == Some(':'))
            }
        }
    }

    /// The long form, at the place of the short one.
    pub(super) fn node(self, short: &Node) -> Node {
        let bind = self.is_bind();
        let truth = Node::new(short.span, Value::Bool(true));
        let part = |entries: Mapping| Node::new(short.span, Value::Mapping(entries));
        let mut long = Mapping::default();
        long.put("type", short.text_here(if bind { "bind" } else { "volume" }));
        if !self.source.is_empty() {
            long.put("source", short.text_here(self.source));
        }
        if !self.target.is_empty() {
            long.put("target", short.text_here(clean(&self.target)));
        }
        if self.read_only {
            long.put("read_only", truth.clone());
        }
        let mut options = Mapping::default();
        if !self.selinux.is_empty() {
            options.put("selinux", short.text_here(self.selinux));
        }
        if !self.propagation.is_empty() {
            options.put("propagation", short.text_here(self.propagation));
        }
        if bind {
            // The short form has always made the host's folder.
            options.put("create_host_path", truth.clone());
        }
        if !options.is_empty() {
            long.put("bind", part(options));
        }
        if self.no_copy {
            let mut options = Mapping::default();
            options.put("nocopy", truth);
            long.put("volume", part(options));
        } else if !bind && !self.anonymous_short {
            long.put("volume", part(Mapping::default()));
        }
        part(long)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Volume {
        volume(text).unwrap()
    }

    #[test]
    fn each_short_form_is_read() {
        let data = read("data:/var/lib:ro,nocopy,z");
        assert_eq!((data.source.as_str(), data.target.as_str()), ("data", "/var/lib"));
        assert!(data.read_only && data.no_copy && !data.is_bind());
        assert_eq!(data.selinux, "z");
        assert!(read("./a:/b").is_bind() && read("~/a:/b").is_bind() && read(r"\\pipe:/b").is_bind());
        assert!(read(r"c:\a:/b").is_bind());
        assert_eq!(read("/only").target, "/only");
        assert_eq!(read("${A:-x}:/b").source, "${A:-x}");
    }

    #[test]
    fn a_single_letter_is_read_as_a_drive() {
        assert_eq!(read("v:/d").target, "v:/d");
    }

    #[test]
    fn what_is_no_mount_says_so() {
        assert_eq!(volume(""), Err(VolumeError::Empty));
        assert_eq!(volume("data:"), Err(VolumeError::EmptyPart));
        assert_eq!(volume(":/data"), Err(VolumeError::EmptyPart));
        assert_eq!(volume("data:/a:ro:x"), Err(VolumeError::TooMany));
    }
}
