//! The program's own process: what it may not, and the program itself.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;

use crate::frame::Cause;
use crate::kernel::{self, EACCES, EINVAL, ENOENT, ENOTDIR};
use crate::task::{Numbers, Task};
use crate::{Outcome, Why, place, std_step, step};

/// A program that runs, and our ends of its streams.
pub(crate) struct Child {
    pub(crate) pid: i32,
    pub(crate) pidfd: OwnedFd,
    pub(crate) stdin: OwnedFd,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
}

/// The other ends.
struct Inner {
    streams: [OwnedFd; 3],
    release: OwnedFd,
    report: OwnedFd,
}

/// Starts the program. It is process 1 of a pid namespace, so that everything that it starts ends with it.
pub(crate) fn start(task: &Task) -> Outcome<Child> {
    let pipe = || step("make a pipe", kernel::pipe());
    let ((stdin_in, stdin), (stdout, stdout_in), (stderr, stderr_in)) = (pipe()?, pipe()?, pipe()?);
    let ((release_in, release), (report, report_in)) = (pipe()?, pipe()?);
    let inner = Inner { streams: [stdin_in, stdout_in, stderr_in], release: release_in, report: report_in };
    let Some(pid) = step("clone", kernel::clone_inside())? else {
        drop((stdin, stdout, stderr, release, report));
        become_program(task, inner);
    };
    drop(inner);
    let pidfd = step("open a descriptor of the program", kernel::open_pidfd(pid))?;
    let group = format!("{}/cgroup.procs", place::GROUP);
    std_step("put the program into its cgroup", fs::write(group, pid.to_string()))?;
    std_step("let the program go", File::from(release).write_all(b"."))?;
    let mut why = Vec::new();
    // Ends with exec, which closes the other end.
    std_step("hear of the program", File::from(report).take(1000).read_to_end(&mut why))?;
    let Some((cause, text)) = why.split_first() else {
        return Ok(Child { pid, pidfd, stdin, stdout, stderr });
    };
    let cause = Cause::from_byte(*cause).unwrap_or(Cause::Step);
    Err(Why { cause, text: String::from_utf8_lossy(text).into_owned() })
}

/// In the new process; never comes back.
fn become_program(task: &Task, inner: Inner) -> ! {
    let Inner { streams, release, report } = inner;
    let why = match prepare(task, streams, release) {
        Ok(calls) => execute(task, &calls),
        Err(why) => why,
    };
    // Whoever reads nothing here takes it for a program that ran and ended with this code.
    let _ = File::from(report).write_all(&[&[why.cause.to_byte()], why.text.as_bytes()].concat());
    kernel::leave(125);
}

/// Everything in the form that exec wants it in.
struct Calls {
    paths: Vec<CString>,
    argv: Vec<CString>,
    env: Vec<CString>,
}

fn prepare(task: &Task, streams: [OwnedFd; 3], release: OwnedFd) -> Outcome<Calls> {
    std_step("wait until it is let go", File::from(release).read_exact(&mut [0]))?;
    let texts = |list: &[Vec<u8>]| -> Outcome<Vec<CString>> {
        list.iter().map(|text| std_step("read a text", CString::new(text.as_slice()))).collect()
    };
    let calls = Calls { paths: texts(&task.candidates)?, argv: texts(&task.argv)?, env: texts(&task.env)? };
    step("leave the outer cgroups", kernel::unshare_groups())?;
    place::enter(task)?;
    step("make a session", kernel::new_session())?;
    // A kernel without keys has no keyring to leave.
    let _ = kernel::new_keyring();
    limits(&task.numbers)?;
    privileges(&task.numbers)?;
    for (from, to) in streams.iter().zip(0..) {
        step("put a stream in place", kernel::duplicate_onto(from, to))?;
    }
    std_step("enter the working folder", std::env::set_current_dir(std::ffi::OsStr::from_bytes(&task.cwd)))?;
    kernel::umask(0o022);
    kernel::reset_signals();
    step("set no_new_privs", kernel::prctl(kernel::NO_NEW_PRIVS, 1, 0))?;
    let files = task.numbers.open_files;
    // RLIMIT_NOFILE: late, as what is open now is ours.
    step("limit open files", kernel::set_limit(7, files, files))?;
    step("close on exec", kernel::close_on_exec())?;
    step("load the seccomp filter", kernel::set_filter(&task.filter))?;
    Ok(calls)
}

/// Limits of each process, by the kernel's numbers: CPU, FSIZE, DATA, CORE, NPROC, MEMLOCK, SIGPENDING, MSGQUEUE.
fn limits(numbers: &Numbers) -> Outcome<()> {
    // The cgroup refuses first: it also counts what it refuses.
    let processes = numbers.pids.saturating_add(1);
    let all = [
        (0, numbers.cpu_seconds),
        (1, numbers.file_size),
        (2, numbers.memory),
        (4, 0),
        (6, processes),
        (8, 65_536),
        (11, 1024),
        (12, 0),
    ];
    for (resource, value) in all {
        // At the soft limit of processor time the kernel says why it ends a process, at the hard one it only kills.
        let hard = if resource == 0 { value.saturating_add(1) } else { value };
        step(&format!("set the limit {resource}"), kernel::set_limit(resource, value, hard))?;
    }
    Ok(())
}

/// The last Linux cap that any kernel may have.
const LAST_CAP: i64 = 63;
/// `NOROOT`, `NO_SETUID_FIXUP` and the locks of these and of `KEEP_CAPS`.
const LOCKED: i64 = 0x01 | 0x02 | 0x04 | 0x08 | 0x20;

fn privileges(numbers: &Numbers) -> Outcome<()> {
    let keep = numbers.linux_caps;
    let kept = |cap: &i64| keep >> *cap & 1 == 1;
    for cap in (0..=LAST_CAP).filter(|cap| !kept(cap)) {
        match kernel::prctl(kernel::DROP_BOUNDING, cap, 0) {
            // Past the last Linux cap that this kernel knows.
            Err(EINVAL) => break,
            other => step("drop a Linux cap", other)?,
        }
    }
    step("lock the secure bits", kernel::prctl(kernel::SECURE_BITS, LOCKED, 0))?;
    step("become the user", kernel::become_user(numbers.uid, numbers.gid))?;
    // `PR_CAP_AMBIENT_CLEAR_ALL`, `PR_CAP_AMBIENT_RAISE`.
    step("clear ambient Linux caps", kernel::prctl(kernel::AMBIENT, 4, 0))?;
    step("drop all Linux caps", kernel::set_caps(keep))?;
    for cap in (0..=LAST_CAP).filter(kept) {
        step("keep a Linux cap", kernel::prctl(kernel::AMBIENT, 2, cap))?;
    }
    Ok(())
}

/// As shells do: looks further, but remembers that something was there and could not be run.
fn execute(task: &Task, calls: &Calls) -> Why {
    let mut worst = ENOENT;
    for path in &calls.paths {
        match kernel::execute(path, &calls.argv, &calls.env) {
            ENOENT | ENOTDIR => {}
            EACCES => worst = EACCES,
            other => {
                worst = other;
                break;
            }
        }
    }
    let cause = if worst == ENOENT { Cause::NotFound } else { Cause::NotExecutable };
    let name = task.argv.first().map(|name| String::from_utf8_lossy(name).into_owned()).unwrap_or_default();
    Why { cause, text: format!("execute {name}: {}", std::io::Error::from_raw_os_error(worst)) }
}
