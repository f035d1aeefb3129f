//! The real `perry-sandbox`, run as a user would, with an environment of its own.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;

use crate::ordinary::ORDINARY;

/// Who runs the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum As {
    /// Whoever runs the tests.
    Me,
    /// An ordinary user: whoever runs the tests, or a nameless one where that is root.
    Ordinary,
}

/// A home of its own for the program: store, runtime folder and configuration are empty and go at the end. It is also
/// the folder that the program runs in, with a copy of `examples/` that a test may damage.
#[derive(Debug)]
pub struct Home {
    dir: TempDir,
    user: As,
}

/// What the program did, as text.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code.
    pub code: i32,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Home {
    /// An empty home.
    ///
    /// # Panics
    /// The program cannot be built, or no folder can be made.
    pub fn new(user: As) -> Self {
        let dir =
            tempfile::Builder::new().prefix("perry-sandbox-home.").tempdir().expect("a temporary folder");
        let home = Self { dir, user };
        copy_program(program(), &home.program());
        let examples =
            Command::new("cp").arg("-R").arg(crate_root().join("examples")).arg(home.path()).status();
        assert!(
            examples.is_ok_and(|status| status.success()),
            "the examples are copied to where every user reaches them"
        );
        if home.drops() {
            let done = Command::new("chown").args(["-R", &ORDINARY.to_string()]).arg(home.path()).status();
            assert!(done.is_ok_and(|status| status.success()), "the home is given to the ordinary user");
        }
        home
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The store's folder.
    pub fn data_dir(&self) -> PathBuf {
        self.path().join("data")
    }

    /// Writes a file of the home's user.
    ///
    /// # Panics
    /// It cannot be written.
    pub fn give(&self, name: &str, bytes: &[u8]) {
        let file = self.path().join(name);
        std::fs::write(&file, bytes).expect("the home can be written");
        if self.drops() {
            std::os::unix::fs::chown(file, Some(ORDINARY), Some(ORDINARY)).expect("it is given away");
        }
    }

    /// Starts the command, ready for more arguments.
    pub fn command<A: AsRef<std::ffi::OsStr>>(&self, args: &[A]) -> Command {
        let mut command = self.prepared(&self.program());
        command.arg("--data-dir").arg(self.data_dir()).args(args);
        command
    }

    /// Starts a program that this home's user reaches, with the same environment.
    pub fn plain_command(&self, program: &Path) -> Command {
        self.prepared(program)
    }

    /// Starts another program, copied to where this home's user reaches it, with the same environment.
    ///
    /// # Panics
    /// The program cannot be copied.
    pub fn other_command(&self, program: &Path) -> Command {
        /// How many have been begun.
        static COPIES: AtomicU64 = AtomicU64::new(0);
        let copy = self.path().join("other-program");
        // A supervisor may still run the copy of before, which then cannot be written; and threads share a home.
        let whole = copy.with_extension(COPIES.fetch_add(1, Ordering::Relaxed).to_string());
        copy_program(program, &whole);
        std::fs::rename(&whole, &copy).expect("the copy gets its name");
        self.prepared(&copy)
    }

    /// As `other_command`, for a program that may hang: it is killed after five minutes, and its caller's status is 137.
    ///
    /// # Panics
    /// The program cannot be copied.
    pub fn bounded_command(&self, program: &Path) -> Command {
        let mut command = self.prepared(Path::new("timeout"));
        command.args(["--signal=KILL", "300"]).arg(self.other_command(program).get_program());
        command
    }

    fn prepared(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        if self.drops() {
            // Supplementary groups are dropped with it.
            command.uid(ORDINARY).gid(ORDINARY);
        }
        command.env_clear();
        command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("HOME", self.path()).env("XDG_RUNTIME_DIR", self.path().join("run"));
        command.current_dir(self.path());
        command
    }

    /// Runs the command to its end, without input.
    pub fn run<A: AsRef<std::ffi::OsStr>>(&self, args: &[A]) -> Ran {
        Ran::from(self.command(args).stdin(Stdio::null()).output().expect("the program starts"))
    }

    /// Runs the command to its end with that input.
    pub fn run_with_input<A: AsRef<std::ffi::OsStr>>(&self, args: &[A], input: &[u8]) -> Ran {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut stdin = child.stdin.take().expect("a pipe was asked for");
        let input = input.to_vec();
        // The program may stop reading; then what is left of the input does not matter.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().expect("the program ends");
        writer.join().expect("the writer ends");
        Ran::from(output)
    }

    fn program(&self) -> PathBuf {
        self.path().join("perry-sandbox")
    }

    fn drops(&self) -> bool {
        self.user == As::Ordinary && is_root()
    }
}

impl Drop for Home {
    /// What the sandboxes of another user left cannot be removed by everybody: make sure that the folder goes.
    fn drop(&mut self) {
        let _ = Command::new("chmod").args(["-R", "u+rwX"]).arg(self.path()).stderr(Stdio::null()).status();
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        use std::os::unix::process::ExitStatusExt as _;
        let code = output.status.code().unwrap_or_else(|| -output.status.signal().unwrap_or(0));
        Self {
            code,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Whether the tests run as root.
pub fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// The top of the checkout.
pub fn crate_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is one folder below the top").to_owned()
}

/// A program of the field (`cosign2`, `registry`, …) from the folder that `PERRY_SANDBOX_PEERS` names, else from
/// `PATH` (`cosign`).
pub fn peer(name: &str) -> Option<PathBuf> {
    let fetched = std::env::var_os("PERRY_SANDBOX_PEERS").map(|dir| Path::new(&dir).join(name));
    let plain = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let installed = std::env::split_paths(&path).map(|dir| dir.join(plain)).find(|file| file.is_file());
    fetched.filter(|file| file.is_file()).or(installed)
}

/// `perry-compose`, built with the program.
pub fn compose_program() -> PathBuf {
    program().with_file_name("perry-compose")
}

/// Builds the programs once, in the profile and target folder of the running test.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let test = std::env::current_exe().expect("the test knows its own path");
        let profile = test.parent().and_then(Path::parent).expect("tests run from target/<profile>/deps");
        let target = profile.parent().expect("the profile's folder is in the target folder");
        let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        build.args(["build", "--quiet", "--locked", "-p", "perry-sandbox-cli", "--bins"]);
        if profile.file_name().is_some_and(|name| name == "release") {
            build.arg("--release");
        }
        let status = build.arg("--target-dir").arg(target).current_dir(crate_root()).status();
        assert!(status.is_ok_and(|status| status.success()), "perry-sandbox cannot be built");
        profile.join("perry-sandbox")
    })
}

/// Copies a program to where every user reaches it. Another process writes it: a thread of this one that starts a program
/// meanwhile would hold the file open for writing, and what is being written cannot be executed.
///
/// # Panics
/// It cannot be copied.
pub fn copy_program(program: &Path, to: &Path) {
    let done = Command::new("cp").arg(program).arg(to).status();
    assert!(done.is_ok_and(|status| status.success()), "{} is copied", program.display());
}

/// Writes a program that is a script, by another process for the same reason.
///
/// # Panics
/// It cannot be written.
pub fn write_program(to: &Path, text: &str) {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", r#"cat > "$0" && chmod 755 "$0""#]).arg(to).stdin(Stdio::piped());
    let mut shell = shell.spawn().expect("a shell starts");
    shell.stdin.take().expect("it is a pipe").write_all(text.as_bytes()).expect("it reads");
    assert!(shell.wait().is_ok_and(|status| status.success()), "{} is written", to.display());
}
