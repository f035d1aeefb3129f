use perry_sandbox_compose::{Node, Span};
use perry_sandbox_policy::{ByteSize, WantedMemory};

use super::asker::Asker;
use crate::model::{At, Mount, MountKind, integer};

pub(super) fn tmpfs(asker: &mut Asker<'_>, _: Span, node: &Node) {
    let inside = |span: Span| node.span.start <= span.start && span.end <= node.span.end;
    let service = asker.service;
    for mount in service.mounts.iter().filter(|mount| inside(mount.span)) {
        if let MountKind::Memory(options) = &mount.value.kind {
            ask(asker, mount, options);
        }
    }
}

/// A folder of memory. `/tmp` and `/dev/shm` are memory always.
pub(super) fn ask(asker: &mut Asker<'_>, mount: &At<Mount>, options: &[String]) {
    let target = mount.value.target.as_str();
    let attribute = format!("tmpfs: {target}");
    if mount.value.read_only {
        let why = "nothing would ever be in it";
        return asker.never(mount.span, &attribute, why, "leave `read_only` out");
    }
    let Ok(size) = size(asker, mount, options) else { return };
    match target.parse() {
        _ if target == "/tmp" && size.is_some() => {
            asker.note("/tmp has what the policy's limit `disk` leaves to it, whatever size the file names");
        }
        _ if target == "/tmp" => {}
        _ if target == "/dev/shm" => {
            let shm = &mut asker.demand.project.system.shm;
            *shm = size.or(*shm);
        }
        Ok(path) => asker.demand.project.memory.push(WantedMemory { path, size }),
        Err(error) => {
            asker.never(mount.span, &attribute, &format!("{error}"), "use another folder, or `/tmp`");
        }
    }
}

/// Options that were refused.
struct Refused;

/// The size that the options name. Others say what is so anyway, or are refused.
fn size(asker: &mut Asker<'_>, mount: &At<Mount>, options: &[String]) -> Result<Option<ByteSize>, Refused> {
    let mut size = None;
    for option in options {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let (why, instead) = match (name, value) {
            ("rw" | "nosuid" | "nodev" | "noexec", "") | ("mode", "1777" | "01777" | "777" | "0777") => {
                continue;
            }
            ("size", value) => {
                size = bytes(value);
                if size.is_some() {
                    continue;
                }
                ("it is no size", "write a number of bytes above 0, with k, m or g")
            }
            ("mode", _) => ("everybody inside may write there (1777)", "leave it out"),
            ("exec", "") => ("what can be written is never executed", "leave it out"),
            _ => ("a folder of memory has no such option", "leave it out"),
        };
        asker.never(mount.span, &format!("tmpfs: {}:{option}", mount.value.target), why, instead);
        return Err(Refused);
    }
    Ok(size)
}

/// As the kernel reads a size of memory.
fn bytes(text: &str) -> Option<ByteSize> {
    let (number, factor) = match text.strip_suffix(['k', 'K']).map(|number| (number, 1_u64 << 10)) {
        Some(found) => found,
        None => match text.strip_suffix(['m', 'M']).map(|number| (number, 1 << 20)) {
            Some(found) => found,
            None => text.strip_suffix(['g', 'G']).map_or((text, 1), |number| (number, 1 << 30)),
        },
    };
    number.parse::<u64>().ok()?.checked_mul(factor).and_then(ByteSize::from_bytes)
}

pub(super) fn shm_size(asker: &mut Asker<'_>, span: Span, node: &Node) {
    let size = integer(node).and_then(|bytes| u64::try_from(bytes).ok()).and_then(ByteSize::from_bytes);
    match size {
        Some(size) => asker.demand.project.system.shm = Some(size),
        None => asker.never(span, "shm_size", "it is no size", "write how much it needs, or leave it out"),
    }
}
