//! How a defence is taken out: changes to what a sandbox is made of, and nothing else.

use super::super::super::settings::Settings;
use super::super::super::steps::{Slot, Step};
use super::super::super::sys::MountAttributes;
use super::super::super::text::Text;

/// One change.
#[derive(Clone, Copy)]
pub(in super::super) enum Cut {
    /// The settings ask for less.
    Settings(fn(&mut Settings)),
    /// Steps of this kind are not taken.
    Without(fn(&Step) -> bool),
    /// Steps do something else.
    Change(fn(&mut Step)),
    /// The steps are other ones, or in another order.
    Steps(fn(&mut Vec<Step>)),
    /// A namespace is not made. Without the one of users only root can start anything.
    Namespace(i32),
    /// The streams are files of the host.
    HostStreams,
    /// A host folder is seen inside: the one above the canary.
    HostFolder,
}

/// Every Linux cap that there is.
const ALL_CAPS: u64 = (1 << 41) - 1;
/// All but the one to raise resource limits, which not every root has.
const MOST_CAPS: u64 = ALL_CAPS & !(1 << 24);

pub(super) const FILTER: Cut = Cut::Without(|step| matches!(step, Step::Filter { .. }));
/// The second wall, where the kernel has it.
pub(super) const LANDLOCK: Cut =
    Cut::Steps(|steps| steps.retain(|step| !matches!(step, Step::Confine { .. })));
pub(super) const NO_NEW_PRIVILEGES: Cut = Cut::Without(|step| matches!(step, Step::NoNewPrivileges));
pub(super) const MASKS: Cut = Cut::Without(|step| matches!(step, Step::Mask { .. }));
pub(super) const READ_ONLY_PROC: Cut = Cut::Without(|step| matches!(step, Step::ReadOnly { .. }));
pub(super) const NO_NESTING: Cut = Cut::Without(|step| matches!(step, Step::WriteProc { .. }));
pub(super) const KEYRING: Cut = Cut::Without(|step| matches!(step, Step::NewKeyring));
pub(super) const LIMITS: Cut = Cut::Without(|step| matches!(step, Step::Limit { .. }));
pub(super) const WITH_CAPS: Cut = Cut::Settings(|settings| settings.linux_caps = MOST_CAPS);
pub(super) const WITH_ALL_CAPS: Cut = Cut::Settings(|settings| settings.linux_caps = ALL_CAPS);
pub(super) const BOUNDING_SET: Cut = Cut::Without(|step| matches!(step, Step::DropBounding { .. }));
pub(super) const LOOPBACK: Cut = Cut::Without(|step| matches!(step, Step::LoopbackUp));
/// Neither the mounts of the host that the child begins with, nor those that it is handed.
pub(super) const PROPAGATION: Cut =
    Cut::Without(|step| matches!(step, Step::PrivateMounts | Step::Restrict { mount: Slot::Host(_), .. }));
pub(super) const AS_ROOT: Cut = Cut::Settings(|settings| (settings.uid, settings.gid) = (0, 0));
pub(super) const WRITABLE_ROOT: Cut = Cut::Settings(|settings| settings.ephemeral = Some(0));
/// The limit on nested user namespaces would be the host's then: it is left alone.
pub(super) const USERS: [Cut; 2] = [Cut::Namespace(libc::CLONE_NEWUSER), NO_NESTING];

/// The groups of the runner are kept.
pub(super) const KEEP_GROUPS: Cut = Cut::Change(|step| {
    if let Step::Become { drop_groups, .. } = step {
        *drop_groups = false;
    }
});

/// Nothing covers the image's own /proc.
pub(super) const OWN_PROC: Cut = Cut::Without(|step| match step {
    Step::Attach { mount, .. } => *mount == Slot::Proc,
    Step::Mask { .. } | Step::ReadOnly { .. } | Step::WriteProc { .. } => true,
    _ => false,
});

/// The flags of the mount of the root.
pub(super) const ROOT_FLAGS: Cut = Cut::Change(|step| bare(step, Slot::Root));
/// The flags of /proc.
pub(super) const PROC_FLAGS: Cut = Cut::Change(|step| bare(step, Slot::Proc));
/// The flags of /tmp and /dev/shm, those of the file system behind both among them.
pub(super) const SCRATCH_FLAGS: Cut = Cut::Change(|step| bare(step, Slot::Scratch));
/// The flags of /dev.
pub(super) const DEV_FLAGS: Cut = Cut::Change(|step| bare(step, Slot::Dev));

/// Takes all flags from the mounts of a slot.
fn bare(step: &mut Step, slot: Slot) {
    match step {
        Step::NewFilesystem { attributes, into: mount, .. }
        | Step::AttachPart { attributes, mount, .. }
        | Step::Restrict { attributes, mount, .. }
            if *mount == slot =>
        {
            *attributes = MountAttributes::Bare;
        }
        _ => {}
    }
}

/// The size and the number of files of /tmp and /dev/shm.
pub(super) const SCRATCH_SIZE: Cut = Cut::Change(|step| {
    if let Step::NewFilesystem { options, into: Slot::Scratch, .. } = step {
        options.retain(|(key, _)| !matches!(key.to_string().as_str(), "size" | "nr_inodes"));
    }
});

/// Nothing of the image's own /dev is covered; masks need our null device and go as well.
pub(super) const OWN_DEV: Cut = Cut::Without(|step| match step {
    Step::Attach { mount, beneath, .. } => *mount == Slot::Dev || *beneath == Slot::Dev,
    Step::AttachPart { beneath, .. } | Step::MakeFolder { beneath, .. } | Step::MakeLink { beneath, .. } => {
        *beneath == Slot::Dev
    }
    Step::Restrict { mount, .. } => *mount == Slot::Dev,
    Step::Device { .. } | Step::KeepNull | Step::Mask { .. } => true,
    _ => false,
});

/// The host's /sys in place of an empty one.
pub(super) const OWN_SYS: Cut = Cut::Steps(|steps| {
    let sys = text("sys");
    let place = steps.iter().position(|step| matches!(step, Step::AttachPart { path, .. } if *path == sys));
    let host = [
        Step::OpenHost { path: text("/sys"), into: Slot::Work, same_as: None },
        Step::CloneTree { from: Slot::Work, into: Slot::Empty, recursive: true },
        Step::Attach { mount: Slot::Empty, beneath: Slot::Root, path: sys },
    ];
    // Masks of folders need an empty one.
    steps.retain(|step| !matches!(step, Step::Mask { .. }));
    steps.splice(place.unwrap()..=place.unwrap(), host);
});

/// The working folder is a descriptor of the host's, as in CVE-2024-21626.
pub(super) const WORKING_FOLDER: Cut = Cut::Change(|step| {
    if matches!(step, Step::WorkingFolder { .. }) {
        *step = Step::Enter { folder: Slot::RootFolder };
    }
});

/// File systems are made when the child has become somebody.
pub(super) const EARLY_FILE_SYSTEMS: Cut = Cut::Steps(|steps| {
    let early = |step: &Step| match step {
        Step::NewFilesystem { kind, .. } => *kind == text("tmpfs"),
        Step::ShowRoom { .. } => true,
        _ => false,
    };
    let (moved, mut rest): (Vec<_>, Vec<_>) = steps.drain(..).partition(early);
    let place = rest.iter().position(|step| matches!(step, Step::Become { .. })).unwrap() + 1;
    rest.splice(place..place, moved);
    *steps = rest;
});

/// The image itself in place of a read-only overlay of it. As root the runner hands it over read-only.
pub(super) const OVERLAY: Cut = Cut::Steps(|steps| {
    for step in steps.iter_mut() {
        if matches!(step, Step::NewFilesystem { into: Slot::Root, .. }) {
            *step = Step::CloneTree { from: Slot::Image, into: Slot::Root, recursive: false };
        }
    }
    steps.retain(|step| !matches!(step, Step::Restrict { mount: Slot::Image, .. }));
});

/// No process namespace: the host's /proc, as no other can be mounted then.
pub(super) const PROCESSES: [Cut; 2] = [
    Cut::Namespace(libc::CLONE_NEWPID),
    Cut::Steps(|steps| {
        let place = steps.iter().position(|step| matches!(step, Step::PrivateMounts)).unwrap() + 1;
        steps.retain(|step| !matches!(step, Step::NewFilesystem { into: Slot::Proc, .. }));
        let host = [
            Step::OpenHost { path: text("/proc"), into: Slot::Work, same_as: None },
            Step::CloneTree { from: Slot::Work, into: Slot::Proc, recursive: true },
        ];
        steps.splice(place..place, host);
    }),
];

pub(super) fn text(text: &str) -> Text {
    Text::try_from(text.to_owned()).unwrap()
}
