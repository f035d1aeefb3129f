//! Between clone and exec: the program of the new process.
//!
//! This process is a copy of one thread of a program that may have had many. Any lock may be held for ever, the
//! allocator's among them; so nothing here allocates, locks, formats, or calls the C library beyond `syscall(2)`.
//! All texts, pointer arrays and filters were made by the parent. Review this file with its folder and `restrict` alone.
#![expect(unsafe_code, reason = "execve takes pointer arrays")]
#![expect(clippy::as_conversions, reason = "flags in a constant")]

mod tree;

use core::ffi::c_char;
use std::os::fd::RawFd;

use self::tree::{make_filesystem, working_folder};
use super::call::{self, Errno, Plain, Prctl, Result, plain, prctl};
use super::call_room::{CallRoom, Words};
use super::door;
use super::mount::{self, Beneath};
use super::notify;
use super::passage;
use super::program;
use super::restrict::restrict_self;
use crate::native::ids::Users;
use crate::native::steps::{SLOTS, Slot, Step};
use crate::native::text::Text;

/// Descriptors by slot; -1 where there is none.
pub(crate) type Descriptors = [RawFd; SLOTS];

/// First byte of a report: a step failed; its number (u32) and the error number (i32) follow.
pub(crate) const REPORT_FAILURE: u8 = b'F';
/// First byte of a report: the sandbox's terminal, as a descriptor beside it.
pub(crate) const REPORT_TERMINAL: u8 = b'T';
/// What is answered to that, when it has the size of its window.
pub(crate) const TERMINAL_TAKEN: u8 = b't';

/// First byte of a report: a file system of the sandbox, as a descriptor beside it.
pub(crate) const REPORT_ROOM: u8 = b'M';

/// First byte of a report: everything but the call is there.
pub(crate) const REPORT_READY: u8 = b'W';

/// Arguments and environment as `execve(2)` wants them. Whoever makes one keeps the texts alive beside it.
pub(crate) struct Pointers {
    argv: Vec<*const c_char>,
    envp: Vec<*const c_char>,
    /// Where others are put that come later.
    room: Option<CallRoom>,
}

impl Pointers {
    /// Pointers into texts, which must outlive the result; see [`run`].
    pub(crate) fn new(argv: &[Text], envp: &[Text]) -> Self {
        let list = |texts: &[Text]| {
            let pointers = texts.iter().map(|text| text.as_c().as_ptr());
            pointers.chain(core::iter::once(core::ptr::null())).collect()
        };
        Self { argv: list(argv), envp: list(envp), room: None }
    }

    /// Room for a call that comes later.
    pub(crate) fn to_come() -> Self {
        Self { room: Some(CallRoom::new()), ..Self::new(&[], &[]) }
    }

    const fn words(&self) -> Words {
        Words { argv: self.argv.as_ptr(), envp: self.envp.as_ptr() }
    }
}

/// First byte of what a joining process says at the gate: the process id (i32) of the one that goes on, and its pidfd.
pub(crate) const JOINED_AS: u8 = b'j';

/// All namespaces of a sandbox but that of its users.
const JOINED: i64 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP) as i64;

/// Runs the steps. Never returns: the last step executes the program, a failed one reports and exits.
pub(super) fn run(steps: &[Step], pointers: &Pointers, descriptors: &Descriptors) -> ! {
    #[cfg(test)]
    super::fault::enter_child(matches!(steps.last(), Some(Step::Execute { .. })));
    call::reset_signals();
    let mut child =
        Child { descriptors: *descriptors, room: pointers.room.as_ref(), words: pointers.words() };
    let mut number: u32 = 0;
    for step in steps {
        if let Err(errno) = child.step(step) {
            child.report(number, errno);
        }
        number = number.wrapping_add(1);
    }
    child.report(number, Errno(libc::ENOEXEC))
}

struct Child<'a> {
    descriptors: Descriptors,
    room: Option<&'a CallRoom>,
    words: Words,
}

impl Child<'_> {
    fn fd(&self, slot: Slot) -> RawFd {
        self.descriptors.get(slot.index()).copied().unwrap_or(-1)
    }

    fn put(&mut self, slot: Slot, descriptor: RawFd) {
        if let Some(place) = self.descriptors.get_mut(slot.index()) {
            if *place >= 0 {
                call::close(*place);
            }
            *place = descriptor;
        }
    }

    fn report(&self, step: u32, errno: Errno) -> ! {
        let mut message = [REPORT_FAILURE; 9];
        let numbers = step.to_ne_bytes().into_iter().chain(errno.0.to_ne_bytes());
        for (place, byte) in message.iter_mut().skip(1).zip(numbers) {
            *place = byte;
        }
        // When nobody listens any more there is nobody to tell.
        let _ = call::send(self.fd(Slot::Report), &message, None);
        call::exit_now(125)
    }

    fn step(&mut self, step: &Step) -> Result<()> {
        match step {
            Step::AwaitIds => self.await_ids(),
            Step::AwaitRelease => self.await_release(),
            Step::AwaitCall => self.await_call(),
            Step::JoinGroup { by } => self.join_group(*by),
            Step::NewSession => plain(Plain::Setsid, [0; 3]).map(drop),
            Step::PrivateMounts => mount::make_private(),
            Step::NewCgroupNamespace => {
                plain(Plain::Unshare, [i64::from(libc::CLONE_NEWCGROUP), 0, 0]).map(drop)
            }
            Step::NewFilesystem { kind, options, attributes, into } => {
                let made = make_filesystem(kind, options, *attributes)?;
                self.put(*into, made);
                Ok(())
            }
            Step::ShowRoom { mount } => {
                call::send(self.fd(Slot::Report), &[REPORT_ROOM], Some(self.fd(*mount)))
            }
            Step::CloneTree { from, into, recursive } => {
                let tree = mount::open_tree(self.fd(*from), c"", *recursive)?;
                self.put(*into, tree);
                Ok(())
            }
            Step::TakeRoot { into } => self.take_root(*into),
            Step::Restrict { mount, attributes, recursive } => {
                mount::add_attributes(self.fd(*mount), *attributes, *recursive)
            }
            Step::CoverHost { mount } => self.cover_host(*mount),
            Step::OpenHost { path, into, same_as } => self.open_host(path.as_c(), *into, *same_as),
            Step::Attach { mount, beneath, path } => self.attach(self.fd(*mount), *beneath, path.as_c()),
            Step::AttachPart { mount, part, beneath, path, attributes } => {
                self.attach_part(*mount, part.as_c(), (*beneath, path.as_c()), *attributes)
            }
            Step::Enter { folder } => plain(Plain::Fchdir, [i64::from(self.fd(*folder)), 0, 0]).map(drop),
            Step::Mask { path } => self.mask(path.as_c()),
            Step::ReadOnly { path } => self.read_only(path.as_c()),
            Step::WriteProc { path, value } => self.write_proc(path.as_c(), value.as_c()),
            Step::Pivot => mount::pivot_here(),
            Step::MakeFolder { .. }
            | Step::MakeFile { .. }
            | Step::MakeLink { .. }
            | Step::Device { .. }
            | Step::GivenDevice { .. }
            | Step::KeepNull
            | Step::GiveFile { .. } => self.furnish(step),
            Step::Streams => self.streams(),
            Step::Terminal => self.terminal(),
            Step::WorkingFolder { path } => working_folder(path.as_c()),
            Step::DieWithParent => self.die_with_parent(),
            Step::OpenDoor => door::open(self.fd(Slot::Report)),
            Step::MakeSockets { protocol, count } => passage::make(self.fd(Slot::Report), *protocol, *count),
            Step::CloseOthers => self.close_others(),
            Step::Record { program, key } => notify::listen(program, *key, self.fd(Slot::Report)),
            Step::Join { users } => {
                let users = if *users == Users::Own { i64::from(libc::CLONE_NEWUSER) } else { 0 };
                plain(Plain::Setns, [i64::from(self.fd(Slot::Target)), JOINED | users, 0]).map(drop)
            }
            Step::Fork => self.fork(),
            Step::CheckProgram { candidates } => program::check(candidates),
            Step::Execute { candidates } => Err(self.execute(candidates)),
            Step::HostName { .. }
            | Step::DomainName { .. }
            | Step::Groups { .. }
            | Step::LoopbackUp
            | Step::Limit { .. }
            | Step::NewKeyring
            | Step::Become { .. }
            | Step::DropBounding { .. }
            | Step::LockSecureBits
            | Step::Caps { .. }
            | Step::Umask { .. }
            | Step::NotDumpable
            | Step::NoNewPrivileges
            | Step::Confine { .. }
            | Step::CloseOnExec
            | Step::Filter { .. } => restrict_self(step),
        }
    }

    /// The parent's first word: ids are mapped. It may carry the root with mapped owners.
    fn await_ids(&mut self) -> Result<()> {
        match call::receive(self.fd(Slot::Gate))? {
            Some((b'i', tree)) => {
                self.put(Slot::GivenRoot, tree.unwrap_or(-1));
                Ok(())
            }
            // The parent gave up or died.
            Some(_) | None => Err(Errno(libc::ECANCELED)),
        }
    }

    fn await_release(&self) -> Result<()> {
        match call::receive(self.fd(Slot::Gate))? {
            Some((b'g', _)) => Ok(()),
            Some(_) | None => Err(Errno(libc::ECANCELED)),
        }
    }

    /// The runner that goes, goes without a word: then there is no call.
    fn await_call(&mut self) -> Result<()> {
        let (room, report) = (self.room.ok_or(Errno(libc::ENOSYS))?, self.fd(Slot::Report));
        call::send(report, &[REPORT_READY], None)?;
        self.words = room.receive(report)?.ok_or(Errno(libc::ECANCELED))?;
        Ok(())
    }

    /// The kernel moves a thread that asks for itself at once. One that is moved by another, or a whole process, waits for
    /// all processors first: some 10 ms on cgroup v1. This process has one thread.
    fn join_group(&self, by: Slot) -> Result<()> {
        /// Whoever writes this is meant.
        const SELF: &[u8] = b"0";
        call::write(self.fd(by), SELF).map(drop)
    }

    fn streams(&self) -> Result<()> {
        for (slot, place) in [(Slot::Stdin, 0), (Slot::Stdout, 1), (Slot::Stderr, 2)] {
            plain(Plain::Dup3, [i64::from(self.fd(slot)), place, 0])?;
        }
        Ok(())
    }

    /// SECURITY: the terminal is made inside, from the sandbox's own devpts; the host's terminal never comes in
    /// (CVE-2017-5226), and no pty is bound into the image (CVE-2025-52565).
    ///
    /// A program that asks for the size of its window at once is to hear it: so the parent answers.
    fn terminal(&self) -> Result<()> {
        let flags = libc::O_RDWR | libc::O_NOCTTY;
        let master = mount::open_in(self.fd(Slot::Pts), c"ptmx", flags, 0, Beneath::SameMount)?;
        call::unlock_terminal(master)?;
        let peer = i64::from(flags | libc::O_CLOEXEC);
        let slave = i64::try_from(call::ioctl_number(master, libc::TIOCGPTPEER, peer)?).unwrap_or(-1);
        let slave_fd = RawFd::try_from(slave).unwrap_or(-1);
        call::ioctl_number(slave_fd, libc::TIOCSCTTY, 0)?;
        for place in 0..3 {
            plain(Plain::Dup3, [slave, place, 0])?;
        }
        let answer = call::send(self.fd(Slot::Report), &[REPORT_TERMINAL], Some(master));
        call::close(slave_fd);
        call::close(master);
        answer?;
        match call::receive(self.fd(Slot::Report))? {
            Some((TERMINAL_TAKEN, _)) => Ok(()),
            Some(_) | None => Err(Errno(libc::ECANCELED)),
        }
    }

    /// SECURITY: the process that enters is a copy of the supervisor; whatever that one has open, the sandbox's root on
    /// the host among it, is closed before it can be seen inside.
    fn close_others(&mut self) -> Result<()> {
        let slots = [Slot::Report, Slot::Gate, Slot::Parent, Slot::Target];
        let mut kept = slots.map(|slot| i64::from(self.fd(slot)));
        kept.sort_unstable();
        let mut from = 3;
        for descriptor in kept.into_iter().filter(|descriptor| *descriptor >= 3) {
            if descriptor > from {
                plain(Plain::CloseRange, [from, descriptor.wrapping_sub(1), 0])?;
            }
            from = descriptor.wrapping_add(1);
        }
        plain(Plain::CloseRange, [from, i64::from(u32::MAX), 0])?;
        for place in &mut self.descriptors {
            if !kept.contains(&i64::from(*place)) {
                *place = -1;
            }
        }
        Ok(())
    }

    /// The old process says who the new one is, and leaves; the new one goes on.
    fn fork(&mut self) -> Result<()> {
        let Some((pid, pidfd)) = call::clone_sibling()? else { return Ok(()) };
        let [a, b, c, d] = pid.to_ne_bytes();
        match call::send(self.fd(Slot::Gate), &[JOINED_AS, a, b, c, d], Some(pidfd)) {
            Ok(()) => call::exit_now(0),
            // The new one hears that nobody waits for it any more.
            Err(errno) => Err(errno),
        }
    }

    fn die_with_parent(&self) -> Result<()> {
        prctl(Prctl::DieWithParent, i64::from(libc::SIGKILL))?;
        // The parent may have died before: then nobody would ever send that signal.
        if call::is_readable(self.fd(Slot::Parent))? { Err(Errno(libc::ECANCELED)) } else { Ok(()) }
    }

    fn execute(&self, candidates: &[Text]) -> Errno {
        if let Err(errno) = call::swap_signal_mask(0) {
            return errno;
        }
        let mut worst = Errno(libc::ENOENT);
        for path in candidates {
            // JUSTIFICATION: the kernel wants pointer arrays.
            // SAFETY: `Pointers` and `CallRoom` end both arrays with null; the texts that they lead to belong to the
            // parent's request or to the room, and live in this copy of its memory until exec replaces it.
            let errno = unsafe { call::execute(path.as_c(), self.words.argv, self.words.envp) };
            match errno.0 {
                // As shells do: look further, but remember that something was there and could not be run.
                libc::ENOENT | libc::ENOTDIR => {}
                libc::EACCES => worst = errno,
                _ => return errno,
            }
        }
        worst
    }
}
