//! The compilers that the package supports.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use perry_sandbox_testkit::{peer, skip};

/// Where `.ci/perry` put them.
const FOLDER: &str = "PERRY_SANDBOX_PERRY";
/// The compiler of 0.5.1182 has no LLVM of its own; older versions of clang do not understand what it writes.
const CLANG: &str = "clang-19";

/// One compiler.
#[derive(Debug, Clone)]
pub(crate) struct Compiler {
    pub(crate) version: &'static str,
    folder: PathBuf,
}

impl Compiler {
    /// The command, ready for arguments, with nothing of the user's own settings.
    pub(crate) fn command(&self, folder: &Path) -> Command {
        let mut command = Command::new(self.folder.join("bin/perry"));
        command.current_dir(folder).env("PERRY_NO_UPDATE_CHECK", "1").env("PERRY_NO_TELEMETRY", "1");
        command.env("PERRY_LLVM_CLANG", CLANG);
        command
    }

    /// The folder of all compilers.
    pub(crate) fn home(&self) -> &Path {
        self.folder.parent().unwrap_or(&self.folder)
    }

    /// Perry's own archives.
    pub(crate) fn archives(&self) -> Vec<PathBuf> {
        ["libperry_runtime.a", "libperry_stdlib.a"].map(|name| self.folder.join("lib").join(name)).into()
    }
}

/// Every supported compiler that is here. Says which are not.
pub(crate) fn compilers() -> Vec<Compiler> {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else {
        skip("no Perry compiler: run .ci/perry FOLDER and set PERRY_SANDBOX_PERRY=FOLDER");
        return Vec::new();
    };
    let mut found = Vec::new();
    for version in ["0.5.1520", "0.5.1182"] {
        let compiler = Compiler { version, folder: folder.join(version) };
        if !compiler.folder.join("bin/perry").is_file() {
            skip(&format!("no Perry compiler {version} in {}", folder.display()));
        } else if version == "0.5.1182" && !on_path(CLANG) {
            skip(&format!("no {CLANG}, which Perry {version} needs"));
        } else {
            found.push(compiler);
        }
    }
    found
}

fn on_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

/// What a command printed, for messages.
pub(crate) fn told(output: &Output) -> String {
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let all = format!("{stdout}{stderr}");
    // The compiler's own backtraces have no names in them.
    all.lines().filter(|line| !line.trim_end().ends_with("<unknown>")).collect::<Vec<_>>().join("\n")
}

/// `nm`, if there is one.
pub(crate) fn nm() -> Option<PathBuf> {
    let found = peer("nm");
    if found.is_none() {
        skip("no nm");
    }
    found
}
