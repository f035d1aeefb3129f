//! Makes the program that is process 1 of a microvm's guest: one static file, which the library carries with it.
//!
//! A static C library is not on every machine. Without one the library is built all the same, without that file, and its
//! microvm backend says so where it is asked for; the warning here says what to install.
#![expect(
    clippy::disallowed_methods,
    reason = "cargo speaks to build scripts by variables of the environment"
)]

use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

const SOURCES: [&str; 3] = ["src/microvm/guest", "src/microvm/frame.rs", "src/microvm/task.rs"];

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout();
    for source in SOURCES {
        writeln!(out, "cargo::rerun-if-changed={source}")?;
    }
    let folder = std::env::var_os("OUT_DIR").ok_or("cargo names no OUT_DIR")?;
    let program = Path::new(&folder).join("guest");
    let is = |name: &str, value: &str| std::env::var_os(name).is_some_and(|found| found == value);
    if !is("CARGO_CFG_TARGET_OS", "linux") || !is("CARGO_CFG_TARGET_ARCH", "x86_64") {
        return Ok(fs::write(program, "")?);
    }
    if let Err(why) = compile(&program) {
        let why = why.to_string().replace('\n', " ");
        writeln!(
            out,
            "cargo::warning=without the microvm backend's guest program, which needs a static C library (libc6-dev, glibc-static): {why}"
        )?;
        fs::write(program, "")?;
    }
    Ok(())
}

fn compile(program: &Path) -> Result<(), Box<dyn Error>> {
    let variable = |name: &str| std::env::var_os(name);
    let mut command = Command::new(variable("RUSTC").unwrap_or_else(|| "rustc".into()));
    command.args(["--edition=2024", "--crate-name=perry_sandbox_guest", "--crate-type=bin"]);
    command.args(["-Copt-level=s", "-Clto=fat", "-Ccodegen-units=1", "-Cpanic=abort", "-Cstrip=symbols"]);
    command.args(["-Ctarget-feature=+crt-static", "-Crelocation-model=static"]);
    if let Some(target) = variable("TARGET") {
        command.arg("--target").arg(target);
    }
    if let Some(linker) = variable("RUSTC_LINKER") {
        let mut option = OsString::from("-Clinker=");
        option.push(linker);
        command.arg(option);
    }
    let output = command.arg("-o").arg(program).arg("src/microvm/guest/main.rs").output()?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(text.lines().take(12).collect::<Vec<_>>().join(" ").into())
}
