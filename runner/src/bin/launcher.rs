//! A launcher process and nothing else, for programs that cannot serve as their own.

use std::process::ExitCode;

fn main() -> ExitCode {
    perry_sandbox_runner::launcher_main().unwrap_or(ExitCode::from(2))
}
