//! Real machines under emulation, each started by the helper's own body, and the pure parts around it.

mod archive;
mod ends;
mod hostile;
mod inside;
mod orders;
mod processes;
mod streams;

use std::fs::File;
use std::io::{PipeReader, PipeWriter, Read as _, Write as _, pipe};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;

use perry_sandbox_testkit::{peer, skip};
use tempfile::TempDir;

use super::machine::{Choice, Machine, machine};
use super::order::VmOrder;
use super::report::VmReport;
use super::serve::serve;
use crate::native::Settings;
use crate::native::tests::{busybox, settings_of_a_sandbox};
use crate::native::{receive, send};

/// Two machines on two processors are slower than one after the other.
static ONE: Mutex<()> = Mutex::new(());

/// The machine of this host; nothing where it has none, which is said as a skip.
fn machine_here() -> Option<&'static Machine> {
    static FOUND: OnceLock<Option<Machine>> = OnceLock::new();
    let look = || {
        let Some(kernel) = peer("vmlinux") else {
            skip("no vmlinux: name its folder in PERRY_SANDBOX_PEERS");
            return None;
        };
        let folders = ["/usr/local/bin", "/usr/bin"].map(PathBuf::from).to_vec();
        let choice = Choice { folders, kernels: vec![kernel], emulation: true };
        // Its monitor has two seconds to answer, which a busy machine may need for its first start.
        let found = machine(&choice).or_else(|_| machine(&choice));
        found.map_err(|missing| skip(&format!("{missing}; {}", missing.remedy()))).ok()
    };
    FOUND.get_or_init(look).as_ref()
}

/// A machine that runs, and our ends of it.
struct Running {
    control: UnixStream,
    stdin: Option<PipeWriter>,
    stdout: PipeReader,
    stderr: PipeReader,
    helper: JoinHandle<std::io::Result<()>>,
    /// The image is read until the machine has started.
    _root: Option<TempDir>,
    _turn: MutexGuard<'static, ()>,
}

struct Ran {
    report: VmReport,
    stdout: String,
    stderr: String,
}

/// Starts a program of a busybox root in a machine.
fn start(settings: Settings) -> Option<Running> {
    let root = busybox();
    let running = start_in(root.path(), settings)?;
    Some(Running { _root: Some(root), ..running })
}

fn start_in(root: &Path, settings: Settings) -> Option<Running> {
    Some(start_with(machine_here()?, root, settings))
}

fn start_with(machine: &Machine, root: &Path, settings: Settings) -> Running {
    let turn = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let order = VmOrder { machine: machine.clone(), settings };
    let (control, theirs) = UnixStream::pair().unwrap();
    let root = OwnedFd::from(File::open(root).unwrap());
    let ((stdin, to), (from, stdout)) = (pipe().unwrap(), pipe().unwrap());
    let (from_error, stderr) = pipe().unwrap();
    let given = [stdin.as_fd(), stdout.as_fd(), stderr.as_fd(), root.as_fd()];
    // The order is longer than a socket holds: somebody must take it.
    let helper = std::thread::spawn(move || serve(&theirs));
    send(&control, &serde_json::to_vec(&order).unwrap(), &given).unwrap();
    Running { control, stdin: Some(to), stdout: from, stderr: from_error, helper, _root: None, _turn: turn }
}

impl Running {
    fn signal(&self, number: i32) {
        send(&self.control, format!(r#"{{"signal":{number}}}"#).as_bytes(), &[]).unwrap();
    }

    fn finish(mut self, input: &[u8]) -> Ran {
        let mut stdin = self.stdin.take().unwrap();
        let input = input.to_vec();
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let mut from_error = self.stderr;
        let errors = std::thread::spawn(move || {
            let mut text = Vec::new();
            from_error.read_to_end(&mut text).unwrap();
            text
        });
        let mut stdout = Vec::new();
        self.stdout.read_to_end(&mut stdout).unwrap();
        let (report, _) = receive(&self.control).unwrap().unwrap();
        self.helper.join().unwrap().unwrap();
        writer.join().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ran {
            report: serde_json::from_slice(&report).unwrap(),
            stdout: text(stdout),
            stderr: text(errors.join().unwrap()),
        }
    }
}

/// Runs a program of a busybox root to its end; nothing where there is no machine.
fn run(argv: &[&str], input: &[u8], change: impl FnOnce(&mut Settings)) -> Option<Ran> {
    let mut settings = settings_of_a_sandbox(argv);
    change(&mut settings);
    Some(start(settings)?.finish(input))
}
