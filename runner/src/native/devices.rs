//! Devices of the host that a plan grants: looked at before anything starts, and shown inside by their numbers.

use std::ffi::CString;
use std::fs;
use std::os::fd::{AsFd as _, OwnedFd};

use thiserror::Error;

use super::failure::RunError;
use super::ids::Ids;
use super::settings::{HostDevice, Settings};
use super::spec::{DEVICES, Ground, LINKS, SpecError, Steps, chain, stage, text};
use super::start::StartError;
use super::steps::{Slot, Step};
use super::sys::{Errno, MountAttributes, device_at, make_device, new_tmpfs};

/// How many of the host's devices one sandbox can have.
pub(super) const MAX_DEVICES: usize = 16;

/// Why a device of the host is not given.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// It cannot be looked at.
    #[error("cannot look at the device `{path}`: {errno}; no symbolic link is followed on the way")]
    Unreadable {
        /// Its path on the host.
        path: String,
        /// What the kernel said.
        errno: String,
    },
    /// It is something else.
    #[error("`{0}` is no character device: disks, files, folders and sockets are not given as devices")]
    NoCharacterDevice(String),
    /// It is the machine itself.
    #[error("denied: `{path}` is never given to a sandbox, whatever a policy says: {why}")]
    Never {
        /// Its path on the host.
        path: String,
        /// What it would hand over.
        why: &'static str,
    },
    /// Every sandbox has its own at that place.
    #[error("`{0}` cannot be a device of the host: every sandbox has a place of its own of that name")]
    OwnPlace(String),
}

/// Devices that hand over more than themselves: major number, first and last minor number, and what they are. Numbers
/// are those of `Documentation/admin-guide/devices.txt` of the kernel.
const NEVER: [(u32, u32, u32, &str); 23] = [
    (1, 0, 2, MEMORY),
    (1, 4, 4, "it is the ports of the machine"),
    (1, 6, 6, MEMORY),
    (1, 10, 13, "it is the log or the memory of the kernel"),
    (2, 0, u32::MAX, TERMINAL),
    (3, 0, u32::MAX, TERMINAL),
    (4, 0, 63, TERMINAL),
    (5, 0, u32::MAX, TERMINAL),
    (7, 0, u32::MAX, "it shows what is on the screens of the host"),
    (10, 130, 130, "it restarts the machine"),
    (10, 144, 144, "it is the machine's own settings"),
    (10, 203, 203, "it makes devices for the whole host"),
    (10, 223, 223, "it types for the users of the host"),
    (10, 231, 231, MEMORY),
    (10, 234, 237, "it changes file systems and disks of the host"),
    (10, 239, 239, "it types for the users of the host"),
    (21, 0, u32::MAX, DISK),
    (97, 0, u32::MAX, DISK),
    (128, 0, u32::MAX, TERMINAL),
    (136, 0, u32::MAX, TERMINAL),
    (137, 0, u32::MAX, TERMINAL),
    (162, 0, u32::MAX, DISK),
    (202, 0, u32::MAX, "it sets registers of the processors"),
];

const MEMORY: &str = "it is memory of the machine";
const TERMINAL: &str = "it is a terminal of the host";
const DISK: &str = "it reaches disks of the host";

/// The same, by the driver's name in `/proc/devices`, where the kernel gives out numbers as they come.
const NEVER_DRIVERS: [&str; 3] = ["nvme", "nvme-generic", "bsg"];

impl HostDevice {
    /// Looks at the device that a plan names. Nothing where every sandbox has one like it.
    pub(super) fn look(path: &str) -> Result<Option<Self>, DeviceError> {
        let owned = || path.to_owned();
        let name = path.strip_prefix("/dev/").ok_or_else(|| DeviceError::NoCharacterDevice(owned()))?;
        let unreadable =
            |errno: &dyn ToString| DeviceError::Unreadable { path: owned(), errno: errno.to_string() };
        let at = CString::new(path).map_err(|error| unreadable(&error))?;
        let found = device_at(&at).map_err(|errno| unreadable(&errno))?;
        let (major, minor) = found.ok_or_else(|| DeviceError::NoCharacterDevice(owned()))?;
        if DEVICES.contains(&(name, major, minor)) {
            return Ok(None);
        }
        if let Some(why) = never(major, minor) {
            return Err(DeviceError::Never { path: owned(), why });
        }
        let first = name.split('/').next().unwrap_or_default();
        let own = DEVICES.iter().map(|(own, ..)| *own).chain(LINKS.iter().map(|(own, _)| *own));
        if own.chain(["shm", "pts", "ptmx", "tty"]).any(|own| own == first) {
            return Err(DeviceError::OwnPlace(owned()));
        }
        Ok(Some(Self { name: name.to_owned(), major, minor }))
    }
}

fn never(major: u32, minor: u32) -> Option<&'static str> {
    let listed = NEVER.iter().find(|(is, from, to, _)| *is == major && (*from..=*to).contains(&minor));
    if let Some((.., why)) = listed {
        return Some(why);
    }
    let drivers = fs::read_to_string("/proc/devices").unwrap_or_default();
    let characters = drivers.lines().take_while(|line| !line.starts_with("Block"));
    let mut named = characters.filter_map(|line| line.trim().split_once(' '));
    let is_never =
        |(number, name): (&str, &str)| number.parse() == Ok(major) && NEVER_DRIVERS.contains(&name.trim());
    named.any(is_never).then_some(DISK)
}

/// The nodes in the sandbox's /dev, before that is read-only.
pub(super) fn nodes(settings: &Settings, ground: &Ground) -> Steps {
    if settings.devices.len() > MAX_DEVICES {
        return Err(SpecError::TooManyDevices(settings.devices.len()));
    }
    let mut steps = Vec::new();
    if ground.ids == Ids::Range && !settings.devices.is_empty() {
        // Out of sight once the old root is gone; here it can be cloned from.
        let beneath = stage(settings);
        steps.push(Step::MakeFolder { beneath, path: text("devices")?, mode: 0o755 });
        steps.push(Step::Attach { mount: Slot::Devices, beneath, path: text("devices")? });
    }
    for (number, device) in settings.devices.iter().enumerate() {
        let HostDevice { name, major, minor } = device;
        let parents = chain(name).filter(|path| path != name);
        for path in parents {
            steps.push(Step::MakeFolder { beneath: Slot::Dev, path: text(path)?, mode: 0o755 });
        }
        let name = text(name.as_str())?;
        steps.push(if ground.ids == Ids::Range {
            Step::GivenDevice { name, part: text(number.to_string())?, major: *major, minor: *minor }
        } else {
            let host = text(format!("/dev/{name}"))?;
            Step::Device { name, host, major: *major, minor: *minor }
        });
    }
    Ok(steps)
}

/// As root: nodes of our own with the same numbers, which belong to the sandbox's user alone. That user is nobody to the
/// host's nodes; an ordinary user's sandbox has that user's own rights on them.
pub(super) fn given(settings: &Settings) -> Result<Option<(Slot, OwnedFd)>, RunError> {
    if settings.devices.is_empty() || Ids::of_this_process() != Ids::Range {
        return Ok(None);
    }
    let made = host_nodes(settings).map_err(|errno| StartError::Devices(errno.to_string()))?;
    Ok(Some((Slot::Devices, made)))
}

fn host_nodes(settings: &Settings) -> Result<OwnedFd, Errno> {
    let options = [(c"size", Some(c"4096")), (c"nr_inodes", Some(c"32")), (c"mode", Some(c"755"))];
    let room = new_tmpfs(&options, MountAttributes::Terminals)?;
    let user = (Ids::outside(settings.uid), Ids::outside(settings.gid));
    for (number, device) in settings.devices.iter().enumerate() {
        let name = CString::new(number.to_string()).map_err(|_| Errno(libc::EINVAL))?;
        make_device(room.as_fd(), &name, (device.major, device.minor), user)?;
    }
    Ok(room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hands_over_the_machine_is_never_given() {
        for (major, minor) in
            [(1, 1), (1, 2), (1, 4), (1, 11), (1, 12), (5, 0), (5, 2), (4, 1), (7, 1), (136, 9), (10, 237)]
        {
            assert!(never(major, minor).is_some(), "{major}:{minor}");
        }
        for (major, minor) in [(1, 3), (1, 9), (10, 229), (10, 232), (4, 64), (226, 128), (116, 1)] {
            assert_eq!(never(major, minor), None, "{major}:{minor}");
        }
    }

    #[test]
    fn only_character_devices_below_dev_are_given_by_their_real_path() {
        assert_eq!(HostDevice::look("/dev/null"), Ok(None), "every sandbox has one");
        let of = |path| HostDevice::look(path).unwrap_err();
        for path in ["/dev", "/dev/shm", "/etc/passwd", "/dev/../etc/passwd"] {
            assert!(matches!(of(path), DeviceError::NoCharacterDevice(_)), "{path}");
        }
        for path in ["/dev/fd/0", "/dev/stdin", "/dev/none", "/dev/a\0b"] {
            assert!(matches!(of(path), DeviceError::Unreadable { .. }), "{path}");
        }
        for path in ["/dev/tty", "/dev/ptmx"] {
            assert!(matches!(of(path), DeviceError::Never { .. }), "{path}");
        }
    }
}
