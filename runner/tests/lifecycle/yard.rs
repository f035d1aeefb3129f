//! A folder of sandboxes, and plans to run in it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use perry_sandbox_policy::LaunchPlan;
use perry_sandbox_runner::{
    ExecSurroundings, Labels, LifecycleError, NewSandbox, Outcome, SandboxId, SandboxInfo, Sandboxes,
    StartOptions, Streams, Trail,
};

use crate::spine::{Spine, request, spine};

/// The program that serves as supervisor: a test program has a `main` of its own.
pub(super) fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_perry-sandbox-launcher"))
}

pub(super) struct Yard {
    pub(super) spine: Spine,
    pub(super) sandboxes: Sandboxes,
    pub(super) runtime: PathBuf,
}

/// A yard whose plan runs this line of the shell.
pub(super) fn yard(line: &str) -> Yard {
    let spine = spine(&request(&["/bin/busybox", "sh", "-c", line]));
    let runtime = spine.scratch.path().join("live");
    let sandboxes = Sandboxes::open(&runtime).unwrap().with_program(program());
    Yard { spine, sandboxes, runtime }
}

impl Yard {
    pub(super) fn trail(&self) -> Trail {
        Trail::open(&self.spine.scratch.path().join("trail")).unwrap()
    }

    pub(super) fn try_create(&self, name: Option<&str>) -> Result<SandboxId, LifecycleError> {
        self.sandboxes.create(&NewSandbox {
            name: name.map(|name| name.parse().unwrap()),
            labels: Labels::default(),
            image: "example.org/hello",
            plan: &self.spine.plan,
            stop_signal: 15,
            request: b"the request, with TOKEN=hunter2",
        })
    }

    pub(super) fn create(&self) -> SandboxId {
        self.try_create(None).unwrap()
    }

    /// Another plan for the same image.
    pub(super) fn plan(&self, argv: &[&str]) -> LaunchPlan {
        let mut plan = self.spine.plan.clone();
        plan.process.argv = argv.iter().map(|part| (*part).to_owned()).collect();
        plan
    }

    /// Lets a program join.
    pub(super) fn exec(&self, id: &SandboxId, plan: &LaunchPlan) -> Result<Outcome, LifecycleError> {
        self.exec_on(None, id, plan)
    }

    /// With a terminal, of so many rows and columns.
    pub(super) fn exec_on(
        &self,
        terminal: Option<(u16, u16)>,
        id: &SandboxId,
        plan: &LaunchPlan,
    ) -> Result<Outcome, LifecycleError> {
        let surroundings = ExecSurroundings { terminal, ..ExecSurroundings::default() };
        self.sandboxes.exec(id, plan, &self.spine.image, Streams::captured(), &surroundings)
    }

    /// Lets a line of the shell join.
    pub(super) fn shell(&self, id: &SandboxId, line: &str) -> Outcome {
        self.exec(id, &self.plan(&["/bin/busybox", "sh", "-c", line])).unwrap()
    }

    /// Puts the checker into the image's root folder; nothing where it cannot be built.
    pub(super) fn with_checker(self) -> Option<Self> {
        std::fs::copy(checker()?, self.spine.rootfs.path().join("bin/checker")).unwrap();
        Some(self)
    }

    pub(super) fn try_start(&self, id: &SandboxId, options: StartOptions<'_>) -> Result<(), LifecycleError> {
        let Spine { plan, image, rootfs, .. } = &self.spine;
        self.sandboxes.start(id, plan, image, rootfs, options)
    }

    pub(super) fn start(&self, id: &SandboxId) {
        self.try_start(id, StartOptions::default()).unwrap();
    }

    /// Creates and starts one.
    pub(super) fn run(&self) -> SandboxId {
        let id = self.create();
        self.start(&id);
        id
    }

    pub(super) fn wait(&self, id: &SandboxId) -> SandboxInfo {
        self.sandboxes.wait(id, Some(Duration::from_secs(60))).unwrap()
    }

    pub(super) fn log(&self, id: &SandboxId) -> String {
        let logs = self.sandboxes.logs(id, None, false).unwrap();
        logs.map(|chunk| String::from_utf8_lossy(&chunk.unwrap().bytes).into_owned()).collect()
    }

    /// Nothing of the runtime folder but the sandboxes' own.
    pub(super) fn left(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.runtime).unwrap().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name != "sandboxes").collect()
    }
}

impl Drop for Yard {
    /// A test that failed leaves no sandbox behind either.
    fn drop(&mut self) {
        for info in self.sandboxes.list(&perry_sandbox_runner::Filter::default()).unwrap_or_default() {
            self.sandboxes.remove(&info.id, true).ok();
        }
    }
}

/// Where the test of an ordinary user finds the program that root built: the compiler may be root's alone.
pub(super) const CHECKER: &str = "PERRY_SANDBOX_TEST_CHECKER";

/// The program that attacks from inside, built once.
#[expect(clippy::disallowed_methods, reason = "a test says to its copy where the program is")]
pub(super) fn checker() -> Option<&'static PathBuf> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            if let Some(built) = std::env::var_os(CHECKER) {
                return Some(PathBuf::from(built));
            }
            let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testkit/src/checker/main.rs");
            let output = std::env::temp_dir().join(format!("perry-sandbox-checker-{}", std::process::id()));
            let built = Command::new("rustc")
                .args(["--edition", "2024", "-O", "-C", "strip=symbols", "-C", "target-feature=+crt-static"])
                .arg("-o")
                .arg(&output)
                .arg(source)
                .status();
            if built.is_ok_and(|status| status.success()) {
                return Some(output);
            }
            perry_sandbox_testkit::skip("no static checker (rustc, and a static C library)");
            None
        })
        .as_ref()
}

/// Asks again for thirty seconds.
pub(super) fn until<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "it did not come about in thirty seconds");
        std::thread::sleep(Duration::from_millis(20));
    }
}
