//! What the kernel and the host show of themselves inside: /proc, /dev, /sys and who answers for names.

use super::super::devices;
use super::super::rooms;
use super::super::settings::Settings;
use super::super::steps::{Slot, Step};
use super::super::sys::MountAttributes;
use super::{Ground, SpecError, Steps, text};

/// Devices that are harmless and that programs expect: name, major, minor.
pub(crate) const DEVICES: [(&str, u32, u32); 5] =
    [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9)];

/// Links of /dev that programs expect.
pub(crate) const LINKS: [(&str, &str); 4] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
];

pub(super) fn proc_and_dev(settings: &Settings, ground: &Ground) -> Steps {
    let attach = |mount, path: &str| -> Result<Step, SpecError> {
        Ok(Step::Attach { mount, beneath: Slot::Root, path: text(path)? })
    };
    let part = |mount, part: &str, beneath, path: &str, attributes| -> Result<Step, SpecError> {
        Ok(Step::AttachPart { mount, part: text(part)?, beneath, path: text(path)?, attributes })
    };
    let folder = |beneath, path: &str, mode| -> Result<Step, SpecError> {
        Ok(Step::MakeFolder { beneath, path: text(path)?, mode })
    };
    let device = |name: &str, major, minor| -> Result<Step, SpecError> {
        Ok(Step::Device { name: text(name)?, host: text(format!("/dev/{name}"))?, major, minor })
    };
    let scratch = Slot::Scratch;
    let mut steps = vec![
        Step::NewFilesystem {
            kind: text("proc")?,
            options: Vec::new(),
            attributes: MountAttributes::Data,
            into: Slot::Proc,
        },
        attach(Slot::Proc, "proc")?,
        folder(scratch, "tmp", 0o1777)?,
        part(scratch, "tmp", Slot::Root, "tmp", MountAttributes::Data)?,
        part(Slot::Empty, "", Slot::Root, "sys", MountAttributes::ReadOnlyData)?,
        attach(Slot::Dev, "dev")?,
    ];
    for (name, major, minor) in DEVICES {
        steps.push(device(name, major, minor)?);
    }
    for (path, target) in LINKS {
        steps.push(Step::MakeLink { beneath: Slot::Dev, path: text(path)?, target: text(target)? });
    }
    steps.extend(rooms::show_shm(settings)?);
    if settings.terminal {
        steps.push(terminals()?);
        steps.push(folder(Slot::Dev, "pts", 0o755)?);
        steps.push(Step::Attach { mount: Slot::Pts, beneath: Slot::Dev, path: text("pts")? });
        let (path, target) = (text("ptmx")?, text("pts/ptmx")?);
        steps.push(Step::MakeLink { beneath: Slot::Dev, path, target });
        steps.push(device("tty", 5, 0)?);
    }
    steps.extend(devices::nodes(settings, ground)?);
    steps.push(Step::KeepNull);
    steps.push(Step::Restrict {
        mount: Slot::Dev,
        attributes: MountAttributes::ReadOnlyData,
        recursive: false,
    });
    Ok(steps)
}

/// A file system that terminals are made in.
pub(super) fn terminals() -> Result<Step, SpecError> {
    let options = [("ptmxmode", "0666"), ("mode", "0620")];
    let options = options.iter().map(|(key, value)| Ok((text(*key)?, Some(text(*value)?))));
    Ok(Step::NewFilesystem {
        kind: text("devpts")?,
        options: options.collect::<Result<_, SpecError>>()?,
        // Without `nodev`: its nodes are the terminals of this sandbox and nothing else.
        attributes: MountAttributes::Terminals,
        into: Slot::Pts,
    })
}

pub(super) fn masks(settings: &Settings) -> Steps {
    let mut steps = Vec::new();
    for path in &settings.masked {
        steps.push(Step::Mask { path: text(path)? });
    }
    // Before /proc/sys is read-only.
    for sysctl in &settings.system.sysctls {
        let path = text(format!("sys/{}", sysctl.name().replace('.', "/")))?;
        steps.push(Step::WriteProc { path, value: text(sysctl.value())? });
    }
    // seccomp refuses new user namespaces as well; this holds if it is ever wrong.
    let path = text("sys/user/max_user_namespaces")?;
    steps.push(Step::WriteProc { path, value: text("0")? });
    for path in &settings.read_only {
        steps.push(Step::ReadOnly { path: text(path)? });
    }
    Ok(steps)
}

/// Where an image says who answers for names, relative to the root.
pub(crate) const RESOLVER: &str = "etc/resolv.conf";

/// Without a line in it, whoever asks for a name asks the loopback, as without the file.
pub(super) fn own_resolver() -> Result<Step, SpecError> {
    Ok(Step::AttachPart {
        mount: Slot::Null,
        part: text("")?,
        beneath: Slot::Root,
        path: text(RESOLVER)?,
        attributes: MountAttributes::Device,
    })
}
