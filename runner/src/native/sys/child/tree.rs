//! The sandbox's own tree of files: what is mounted, made, covered and shown in it.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "steps are dispatched in one full match; the inner ones answer ENOSYS for those of others"
)]

use core::ffi::CStr;
use std::os::fd::RawFd;

use super::Child;
use crate::native::steps::{Slot, Step};
use crate::native::sys::call::{self, Errno, Plain, Result, plain};
use crate::native::sys::file;
use crate::native::sys::mount::{self, Beneath, MountAttributes};
use crate::native::text::Text;

impl Child<'_> {
    pub(super) fn furnish(&mut self, step: &Step) -> Result<()> {
        match step {
            Step::MakeFolder { beneath, path, mode } => {
                match mount::make_folder(self.fd(*beneath), path.as_c(), *mode) {
                    Err(Errno(libc::EEXIST)) => Ok(()),
                    other => other,
                }
            }
            Step::MakeFile { beneath, path, mode } => {
                let flags = libc::O_CREAT | libc::O_EXCL | libc::O_WRONLY;
                mount::open_in(self.fd(*beneath), path.as_c(), flags, *mode, Beneath::SameMount)
                    .map(call::close)
            }
            Step::MakeLink { beneath, path, target } => {
                mount::make_link(self.fd(*beneath), path.as_c(), target.as_c())
            }
            Step::Device { name, host, major, minor } => {
                let node = mount::open_host(host.as_c())?;
                let answer = self.device(name.as_c(), (node, c""), (*major, *minor));
                call::close(node);
                answer
            }
            Step::GivenDevice { name, part, major, minor } => {
                self.device(name.as_c(), (self.fd(Slot::Devices), part.as_c()), (*major, *minor))
            }
            Step::KeepNull => self.keep_null(),
            Step::GiveFile { value, name, user, mode, .. } => {
                file::write(self.fd(Slot::Files), name.as_c(), self.fd(*value), *user, *mode)
            }
            _ => Err(Errno(libc::ENOSYS)),
        }
    }

    pub(super) fn take_root(&mut self, into: Slot) -> Result<()> {
        let given = self.fd(Slot::GivenRoot);
        if given < 0 {
            return Err(Errno(libc::EBADF));
        }
        if let Some(place) = self.descriptors.get_mut(Slot::GivenRoot.index()) {
            *place = -1;
        }
        self.put(into, given);
        Ok(())
    }

    /// SECURITY: what is found at the path must be the very folder that the parent looked at.
    pub(super) fn open_host(&mut self, path: &CStr, into: Slot, same_as: Option<Slot>) -> Result<()> {
        let opened = mount::open_host(path)?;
        if let Some(slot) = same_as
            && mount::identity(opened)? != mount::identity(self.fd(slot))?
        {
            return Err(Errno(libc::ESTALE));
        }
        self.put(into, opened);
        Ok(())
    }

    /// SECURITY: never on "/" itself. The old root would then lie below this mount when it is to be detached, stay where
    /// it is, and be reached through ".." from the new one.
    pub(super) fn cover_host(&self, mount: Slot) -> Result<()> {
        let place = mount::open_host(c"/proc")?;
        let answer = mount::move_onto(self.fd(mount), place);
        call::close(place);
        answer
    }

    pub(super) fn attach(&self, tree: RawFd, beneath: Slot, path: &CStr) -> Result<()> {
        let target = mount::open_in(self.fd(beneath), path, libc::O_PATH, 0, Beneath::AnyMount)?;
        let answer = mount::move_onto(tree, target);
        call::close(target);
        answer
    }

    pub(super) fn attach_part(
        &self,
        whole: Slot,
        part: &CStr,
        (beneath, path): (Slot, &CStr),
        attributes: MountAttributes,
    ) -> Result<()> {
        let tree = mount::open_tree(self.fd(whole), part, false)?;
        let answer =
            mount::add_attributes(tree, attributes, false).and_then(|()| self.attach(tree, beneath, path));
        call::close(tree);
        answer
    }

    /// Binds a device onto an empty file of our /dev; its numbers are looked at through the bound descriptor.
    fn device(&self, name: &CStr, (at, node): (RawFd, &CStr), numbers: (u32, u32)) -> Result<()> {
        let tree = mount::open_tree(at, node, false)?;
        let kind = mount::kind_of(tree)?;
        if kind.device != Some(numbers) {
            return Err(Errno(libc::ENXIO));
        }
        mount::add_attributes(tree, MountAttributes::Device, false)?;
        let flags = libc::O_CREAT | libc::O_EXCL | libc::O_WRONLY | libc::O_NOFOLLOW;
        let file = mount::open_in(self.fd(Slot::Dev), name, flags, 0o666, Beneath::SameMount)?;
        call::close(file);
        let answer = self.attach(tree, Slot::Dev, name);
        call::close(tree);
        answer
    }

    /// SECURITY: masks come from our own /dev by descriptor, and it is looked at: an image cannot put a link to a
    /// writable file of /proc in its place (CVE-2025-31133).
    fn keep_null(&mut self) -> Result<()> {
        let null = mount::open_in(self.fd(Slot::Dev), c"null", libc::O_PATH, 0, Beneath::AnyMount)?;
        if mount::kind_of(null)?.device != Some((1, 3)) {
            return Err(Errno(libc::ENXIO));
        }
        self.put(Slot::Null, null);
        Ok(())
    }

    pub(super) fn mask(&self, path: &CStr) -> Result<()> {
        let target = match self.open_proc(path, libc::O_PATH) {
            Err(Errno(libc::ENOENT)) => return Ok(()),
            other => other?,
        };
        let cover = if mount::kind_of(target)?.folder { Slot::Empty } else { Slot::Null };
        let tree = mount::open_tree(self.fd(cover), c"", false)?;
        let answer = mount::move_onto(tree, target);
        call::close(tree);
        call::close(target);
        answer
    }

    pub(super) fn read_only(&self, path: &CStr) -> Result<()> {
        let target = match self.open_proc(path, libc::O_PATH) {
            Err(Errno(libc::ENOENT)) => return Ok(()),
            other => other?,
        };
        let tree = mount::open_tree(target, c"", true)?;
        let answer = mount::add_attributes(tree, MountAttributes::ReadOnlyData, true)
            .and_then(|()| mount::move_onto(tree, target));
        call::close(tree);
        call::close(target);
        answer
    }

    /// SECURITY: files of /proc are reached by descriptor beneath our own mount, which is checked to be procfs
    /// (CVE-2025-52881).
    fn open_proc(&self, path: &CStr, flags: i32) -> Result<RawFd> {
        let opened = mount::open_in(self.fd(Slot::Proc), path, flags, 0, Beneath::SameMount)?;
        if mount::is_procfs(opened)? {
            Ok(opened)
        } else {
            call::close(opened);
            Err(Errno(libc::EXDEV))
        }
    }

    pub(super) fn write_proc(&self, path: &CStr, value: &CStr) -> Result<()> {
        let file = self.open_proc(path, libc::O_WRONLY)?;
        let answer = call::write(file, value.to_bytes());
        call::close(file);
        answer.map(drop)
    }
}

/// As the sandbox's own user: a folder that it may not enter is an error here. Links stay inside the root.
pub(super) fn working_folder(path: &CStr) -> Result<()> {
    let root = mount::open_host(c"/")?;
    let folder = mount::open_following(root, path, libc::O_PATH | libc::O_DIRECTORY);
    call::close(root);
    let folder = folder?;
    let procfs = mount::is_procfs(folder)?;
    let answer = plain(Plain::Fchdir, [i64::from(folder), 0, 0]);
    call::close(folder);
    if procfs { Err(Errno(libc::EXDEV)) } else { answer.map(drop) }
}

pub(super) fn make_filesystem(
    kind: &Text,
    options: &[(Text, Option<Text>)],
    attributes: MountAttributes,
) -> Result<RawFd> {
    let filesystem = mount::fsopen(kind.as_c())?;
    for (key, value) in options {
        mount::fsconfig(filesystem, key.as_c(), value.as_ref().map(Text::as_c))?;
    }
    let made = mount::fsmount(filesystem, attributes);
    call::close(filesystem);
    made
}
