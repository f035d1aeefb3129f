//! A project as a user has one: package.json, sources, and the package in `node_modules`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use perry_sandbox_testkit::crate_root;

use crate::compilers::{Compiler, told};

/// What a project asks of the compiler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Uses the package by its own name.
    Plain,
    /// Has the shim installed as `perry`.
    Shim,
    /// As plain, over an archive that panics where it is asked to.
    Panics,
}

/// The folder of the package, filled as `npm pack` would fill it.
pub(crate) fn package() -> &'static Path {
    static PACKAGE: OnceLock<PathBuf> = OnceLock::new();
    PACKAGE.get_or_init(|| build("package", ""))
}

/// The same with an archive that panics where it is asked to.
fn panicking_package() -> &'static Path {
    static PACKAGE: OnceLock<PathBuf> = OnceLock::new();
    PACKAGE.get_or_init(|| build("panics/package", "panics"))
}

fn build(name: &str, features: &str) -> PathBuf {
    /// Cargo puts every archive at the same place.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let package = scratch().join(name);
    let source = crate_root().join("perry");
    // As users have it: what the last link makes of an archive differs between profiles.
    let built = Command::new(source.join("build"))
        .args(["--features", features])
        .arg(package.join("native"))
        .env("CARGO_TARGET_DIR", target())
        .output()
        .expect("perry/build starts");
    assert!(built.status.success(), "perry/build: {}", told(&built));
    copy(&source.join("package.json"), &package);
    copy(&source.join("ts"), &package);
    package
}

/// What has been linked in this test run.
type Linked = BTreeMap<PathBuf, PathBuf>;

/// Held by whoever links: two links at once take more memory than small machines have, and are no faster.
pub(crate) fn linking() -> MutexGuard<'static, Linked> {
    static LINKED: Mutex<Linked> = Mutex::new(BTreeMap::new());
    LINKED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Compiles `sources` as a project called `name` and gives the program. It is made once: whoever has it may copy it at any time.
pub(crate) fn compile(compiler: &Compiler, name: &str, kind: Kind, sources: &Path, main: &str) -> PathBuf {
    let package = if kind == Kind::Panics { panicking_package() } else { package() };
    let mut linked = linking();
    // The folder stays: the compiler keeps there what it compiled, and only links where nothing changed.
    let project = scratch().join(compiler.version).join(name);
    if let Some(program) = linked.get(&project) {
        return program.clone();
    }
    let scope = project.join("node_modules/@perry-sandbox");
    std::fs::create_dir_all(&scope).expect("a folder for the package");
    copy(package, &scope);
    std::fs::rename(scope.join("package"), emptied(&scope.join("perry"))).expect("the package has its name");
    if kind == Kind::Shim {
        let modules = project.join("node_modules");
        copy(&crate_root().join("perry/shim"), &modules);
        std::fs::rename(modules.join("shim"), emptied(&modules.join("perry")))
            .expect("the shim has its name");
    }
    copy_files(sources, &project);
    std::fs::write(project.join("package.json"), settings(kind)).expect("package.json is written");
    // It belongs to the archive of an earlier test run.
    let _ = std::fs::remove_file(project.join("perry.lock"));
    let output =
        compiler.command(&project).args(["compile", main, "-o", "program"]).output().expect("perry starts");
    assert!(output.status.success(), "perry {}: {}", compiler.version, told(&output));
    let program = project.join("program");
    linked.insert(project, program.clone());
    program
}

/// The package.json that README.md and shim/README.md tell users to write.
fn settings(kind: Kind) -> &'static str {
    match kind {
        Kind::Plain | Kind::Panics => {
            r#"{ "name": "app", "perry": { "allow": { "nativeLibrary": ["@perry-sandbox/perry"] } } }"#
        }
        Kind::Shim => {
            r#"{ "name": "app", "perry": { "compilePackages": ["perry"],
                 "allow": { "nativeLibrary": ["@perry-sandbox/perry"], "compilePackages": ["perry"] } } }"#
        }
    }
}

/// Cargo's target folder.
fn target() -> &'static Path {
    scratch().parent().and_then(Path::parent).expect("the scratch folder is in the target folder")
}

/// A folder of the target folder for this test.
pub(crate) fn scratch() -> &'static Path {
    static SCRATCH: OnceLock<PathBuf> = OnceLock::new();
    SCRATCH.get_or_init(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("perry"))
}

fn emptied(folder: &Path) -> &Path {
    let _ = std::fs::remove_dir_all(folder);
    folder
}

/// Copies a file or folder into a folder.
pub(crate) fn copy(what: &Path, into: &Path) {
    std::fs::create_dir_all(into).expect("a folder to copy into");
    let done = Command::new("cp").arg("-R").arg(what).arg(into).status();
    assert!(done.is_ok_and(|status| status.success()), "{} is copied", what.display());
}

/// Copies the files of a folder, not the folders.
fn copy_files(from: &Path, into: &Path) {
    for entry in std::fs::read_dir(from).expect("the folder of the sources").flatten() {
        if entry.path().is_file() {
            copy(&entry.path(), into);
        }
    }
}
