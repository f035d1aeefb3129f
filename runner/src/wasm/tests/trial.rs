//! One module in its process.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

use nix::unistd::pipe;
use tempfile::TempDir;

use super::super::filter;
use crate::native::{Bounds, Role, receive, send, start_helper};
use crate::outcome::{End, Limit};
use crate::wasm::{WasmAnswer, WasmOrder, WasmSignal};

/// A module in an image, and what is asked for it.
pub(super) struct Trial {
    pub(super) order: WasmOrder,
    pub(super) image: TempDir,
    pub(super) groups: Vec<OwnedFd>,
    pub(super) secrets: Vec<File>,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Came {
    /// Nothing: the process ended without a word.
    pub(super) answer: Option<WasmAnswer>,
    pub(super) status: ExitStatus,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: String,
}

/// A module that runs.
pub(super) struct Running {
    pub(super) child: Child,
    pub(super) control: Option<UnixStream>,
    pub(super) stdin: Option<File>,
    stdout: JoinHandle<Vec<u8>>,
    stderr: JoinHandle<Vec<u8>>,
}

pub(super) fn open_to_all(prefix: &str) -> TempDir {
    tempfile::Builder::new().prefix(prefix).permissions(Permissions::from_mode(0o755)).tempdir().unwrap()
}

impl Trial {
    /// The module is the image's `/app.wasm`.
    pub(super) fn new(module: &[u8]) -> Self {
        let image = open_to_all("wasm-image");
        put(&image.path().join("app.wasm"), module);
        put(&image.path().join("readme"), b"of the image\n");
        let root = image.path().canonicalize().unwrap().to_str().unwrap().to_owned();
        let (compiling, running) = filter::both().unwrap();
        let order = WasmOrder {
            candidates: vec!["/app.wasm".to_owned()],
            argv: vec!["/app.wasm".to_owned()],
            env: BTreeMap::new(),
            root,
            uid: 65_534,
            gid: 65_534,
            tmp: 1 << 20,
            mounts: Vec::new(),
            secrets: Vec::new(),
            joins: 0,
            limits: Bounds {
                memory: 256 << 20,
                memory_exact: false,
                milli_cpu: 1000,
                pids: 1,
                wall: Duration::from_secs(60),
                output: 1 << 20,
                disk: 16 << 20,
                open_files: 64,
            },
            compiling,
            running,
        };
        Self { order, image, groups: Vec::new(), secrets: Vec::new() }
    }

    pub(super) fn start(&self) -> Running {
        let (control, theirs) = UnixStream::pair().unwrap();
        let child = start_helper(Path::new("/proc/self/exe"), Role::Module, theirs.into()).unwrap();
        let [(stdin, to), (from, stdout), (from_error, stderr)] =
            [pipe().unwrap(), pipe().unwrap(), pipe().unwrap()];
        let image: OwnedFd = File::open(self.image.path()).unwrap().into();
        let mut descriptors = vec![stdin.as_fd(), stdout.as_fd(), stderr.as_fd(), image.as_fd()];
        descriptors.extend(self.groups.iter().map(AsFd::as_fd));
        descriptors.extend(self.secrets.iter().map(AsFd::as_fd));
        send(&control, &serde_json::to_vec(&self.order).unwrap(), &descriptors).unwrap();
        let read = |from: OwnedFd| {
            spawn(move || {
                let mut all = Vec::new();
                File::from(from).take(4 << 20).read_to_end(&mut all).unwrap();
                all
            })
        };
        Running {
            child,
            control: Some(control),
            stdin: Some(to.into()),
            stdout: read(from),
            stderr: read(from_error),
        }
    }

    pub(super) fn run(&self) -> Came {
        self.run_with(b"")
    }

    pub(super) fn run_with(&self, input: &[u8]) -> Came {
        let mut running = self.start();
        let mut stdin = running.stdin.take().unwrap();
        stdin.write_all(input).unwrap();
        drop(stdin);
        running.came()
    }
}

impl Running {
    pub(super) fn signal(&self, signal: i32) {
        let bytes = serde_json::to_vec(&WasmSignal { signal }).unwrap();
        send(self.control.as_ref().unwrap(), &bytes, &[]).unwrap();
    }

    pub(super) fn came(mut self) -> Came {
        let control = self.control.take();
        let answer = control.and_then(|control| receive(&control).ok().flatten());
        let status = self.child.wait().unwrap();
        Came {
            answer: answer.map(|(bytes, _)| serde_json::from_slice(&bytes).unwrap()),
            status,
            stdout: self.stdout.join().unwrap(),
            stderr: String::from_utf8(self.stderr.join().unwrap()).unwrap(),
        }
    }
}

impl Came {
    /// How it ended, and by which limit.
    pub(super) fn end(&self) -> (End, Option<Limit>) {
        let answer = self.answer.as_ref().unwrap_or_else(|| panic!("no answer: {self:?}"));
        (answer.end.unwrap_or_else(|| panic!("not started: {self:?}")), answer.limit)
    }

    /// Its exit code.
    pub(super) fn code(&self) -> i32 {
        match self.end().0 {
            End::Exited(code) => code,
            End::Killed(_) => panic!("{self:?}"),
        }
    }
}

pub(super) fn put(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o644)).unwrap();
}

/// As `again_as_ordinary`, from a copy that everybody can read, as who runs modules starts this program again.
pub(super) fn as_ordinary_user(test: &str) {
    let folder = open_to_all("wasm-program");
    let program = folder.path().join("tests");
    perry_sandbox_testkit::copy_program(&std::env::current_exe().unwrap(), &program);
    perry_sandbox_testkit::again_as_ordinary_from(&program, &format!("wasm::tests::{test}"), &[]);
}
