//! What compiled programs do, theme by theme. The programs are in `programs/`.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use perry_sandbox_testkit::{As, Home, crate_root, is_root};

use crate::compilers::{Compiler, compilers, told};
use crate::project::{Kind, compile, copy, scratch};

fn sources() -> PathBuf {
    crate_root().join("tests/tests/perry/programs")
}

/// Whether the compiler's awaits can be relied on. In 0.5.1182 an `await` of a program can give the value of an earlier one or
/// never end, also with promises that no native code made; there only what is decided at once, and streams, are held to.
fn is_reliable(compiler: &Compiler) -> bool {
    compiler.version != "0.5.1182"
}

pub(crate) fn reliable() -> Vec<Compiler> {
    compilers().into_iter().filter(is_reliable).collect()
}

/// Runs a part of the suite in a home of its own, as the README says: from a folder with the examples.
fn suite(compiler: &Compiler, user: As, part: &str) -> String {
    let program = compile(compiler, "suite", Kind::Plain, &sources(), "suite.ts");
    let home = Home::new(user);
    run(&home, &program, home.path(), part, "")
}

fn run(home: &Home, program: &Path, folder: &Path, part: &str, mark: &str) -> String {
    let mut command = home.bounded_command(program);
    command.current_dir(folder).env("PART", part).env("MARK", mark).stdin(Stdio::null());
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{part}: {} {}", output.status, told(&output));
    told(&output)
}

/// Fails on every line that is not a success, and when the end was not reached.
fn all_ok(compiler: &Compiler, part: &str, text: &str) {
    let wrong: Vec<&str> = text.lines().filter(|line| !line.starts_with("ok ") && *line != "done").collect();
    assert!(wrong.is_empty(), "{part} with Perry {}: {wrong:#?}", compiler.version);
    assert!(text.lines().any(|line| line.starts_with("ok ")), "{part} checked nothing");
    assert_eq!(
        text.lines().last(),
        Some("done"),
        "{part} with Perry {} did not end: {text}",
        compiler.version
    );
}

#[test]
fn what_cannot_be_meant_is_refused_by_its_code() {
    for compiler in compilers() {
        all_ok(&compiler, "values", &suite(&compiler, As::Ordinary, "values"));
    }
}

#[test]
fn replies_reach_the_calls_that_they_belong_to() {
    for compiler in reliable() {
        let text = suite(&compiler, As::Ordinary, "calls");
        let is_size = |line: &&str| line.starts_with("grown ") || line.starts_with("waited ");
        let (sizes, rest): (Vec<&str>, Vec<&str>) = text.lines().partition(is_size);
        all_ok(&compiler, "calls", &rest.join("\n"));
        let size = |name: &str| -> u64 {
            let line = sizes.iter().find_map(|line| line.strip_prefix(name));
            line.expect("it is told").trim().parse().expect("a number of bytes")
        };
        // A reply of `version` takes some hundred bytes, so 100,000 that stay would be above.
        assert!(size("grown") < 8 << 20, "100,000 calls kept {} bytes", size("grown"));
        // Perry itself keeps some 300 bytes for every promise of native code.
        assert!(size("waited") < 16 << 20, "20,000 awaited calls kept {} bytes", size("waited"));
    }
}

#[test]
fn a_reply_is_taken_for_the_call_that_it_names_and_for_no_other() {
    let sources = scratch().join("replies-sources");
    let tests = crate_root().join("tests/tests/perry");
    copy(&tests.join("replies/main.ts"), &sources);
    copy(&tests.join("programs/check.ts"), &sources);
    for own in ["reply.ts", "checked.ts", "error.ts"] {
        copy(&crate_root().join("perry/ts").join(own), &sources);
    }
    for compiler in compilers() {
        let program = compile(&compiler, "replies", Kind::Plain, &sources, "main.ts");
        let home = Home::new(As::Ordinary);
        all_ok(&compiler, "replies", &run(&home, &program, home.path(), "", ""));
    }
}

#[test]
fn a_panic_is_an_error_of_its_call_and_reaches_no_frame_of_perry() {
    let sources = scratch().join("panics-sources");
    let tests = crate_root().join("tests/tests/perry");
    copy(&tests.join("panics/main.ts"), &sources);
    copy(&tests.join("programs/check.ts"), &sources);
    for compiler in reliable() {
        let program = compile(&compiler, "panics", Kind::Panics, &sources, "main.ts");
        let home = Home::new(As::Ordinary);
        let text = run(&home, &program, home.path(), "", "");
        // Between them stands what the panics say of themselves.
        let is_told = |line: &&str| ["ok ", "FAILED ", "done"].iter().any(|word| line.starts_with(word));
        all_ok(&compiler, "panics", &text.lines().filter(is_told).collect::<Vec<_>>().join("\n"));
    }
}

#[test]
fn programs_run_in_sandboxes() {
    for compiler in reliable() {
        for user in if is_root() { vec![As::Me, As::Ordinary] } else { vec![As::Me] } {
            all_ok(&compiler, "runs", &suite(&compiler, user, "runs"));
        }
    }
}

#[test]
fn what_is_decided_at_once_holds_with_every_compiler() {
    for compiler in compilers() {
        all_ok(&compiler, "atonce", &suite(&compiler, As::Ordinary, "atonce"));
    }
}

#[test]
fn a_named_sandbox_outlives_its_program() {
    for compiler in reliable() {
        let program = compile(&compiler, "suite", Kind::Plain, &sources(), "suite.ts");
        let home = Home::new(As::Me);
        for part in ["containers", "containers-later"] {
            all_ok(&compiler, part, &run(&home, &program, home.path(), part, ""));
        }
    }
}

#[test]
fn graphs_and_compose_projects_come_up_are_used_and_go() {
    for compiler in reliable() {
        let program = compile(&compiler, "suite", Kind::Plain, &sources(), "suite.ts");
        let home = Home::new(As::Me);
        let mark = std::process::id().to_string();
        all_ok(&compiler, "graphs", &run(&home, &program, home.path(), "graphs", &mark));
    }
}

/// Starts a program that brings a graph up, and sends it a signal once that is up; its end.
fn signalled(
    home: &Home,
    program: &Path,
    (part, mark): (&str, &str),
    (signal, own): (&str, &str),
) -> ExitStatus {
    let mut command = home.other_command(program);
    command.current_dir(home.path()).env("PART", part).env("MARK", mark);
    command.env("PERRY_NO_DEFAULT_SIGINT_CLEANUP", own).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut said = BufReader::new(child.stdout.take().expect("it is a pipe"));
    let mut line = String::new();
    said.read_line(&mut line).expect("it says something");
    assert_eq!(line, "up\n");
    // It is up when its shell is.
    let begun = Instant::now();
    while process_with(&format!("sleep\0{mark}")).is_none() {
        assert!(begun.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(20));
    }
    let send = || Command::new("kill").args([signal, &child.id().to_string()]).stderr(Stdio::null()).status();
    assert!(send().is_ok_and(|status| status.success()));
    // Who bounds a program's time sends a signal to it and to its group, and it does not hear both at the same time.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(1500) {
        std::thread::sleep(Duration::from_millis(10));
        send().expect("it is there");
    }
    child.wait().expect("it ends")
}

#[test]
fn a_signal_ends_what_the_program_has_brought_up() {
    for compiler in reliable() {
        let program = compile(&compiler, "suite", Kind::Plain, &sources(), "suite.ts");
        let home = Home::new(As::Me);
        for (signal, code, digit) in [("-TERM", 143, 7), ("-INT", 130, 8)] {
            let mark = format!("{digit}{}", std::process::id());
            assert_eq!(
                signalled(&home, &program, ("graphs-stay", &mark), (signal, "")).code(),
                Some(code),
                "{signal}"
            );
            assert_eq!(process_with(&format!("sleep\0{mark}")), None, "{signal}");
        }
        // A graph that was halted has nodes that are up, whoever resumed it and by what.
        let mark = format!("5{}", std::process::id());
        let end = signalled(&home, &program, ("graphs-halt", &mark), ("-TERM", ""));
        assert_eq!((end.code(), process_with(&format!("sleep\0{mark}"))), (Some(143), None));
        // Who says that it ends things itself has them left alone, and finds them again.
        let mark = format!("9{}", std::process::id());
        let end = signalled(&home, &program, ("graphs-stay", &mark), ("-TERM", "1"));
        assert!(!end.success() && process_with(&format!("sleep\0{mark}")).is_some(), "{end}");
        all_ok(&compiler, "graphs-later", &run(&home, &program, home.path(), "graphs-later", &mark));
    }
}

#[test]
fn output_comes_while_the_program_runs() {
    for compiler in compilers() {
        all_ok(&compiler, "streams", &suite(&compiler, As::Ordinary, "streams"));
    }
}

#[test]
fn closing_ends_everything() {
    for compiler in reliable() {
        all_ok(&compiler, "closing", &suite(&compiler, As::Ordinary, "closing"));
    }
}

#[test]
fn a_program_that_ends_takes_its_sandboxes_along() {
    for compiler in compilers() {
        let program = compile(&compiler, "suite", Kind::Plain, &sources(), "suite.ts");
        let home = Home::new(As::Ordinary);
        let mark = format!("6{}", std::process::id());
        let text = run(&home, &program, home.path(), "leaving", &mark);
        assert_eq!(text.trim(), "leaving after up");
        let begun = Instant::now();
        while let Some(left) = process_with(&format!("sleep\0{mark}")) {
            assert!(begun.elapsed() < Duration::from_secs(60), "process {left} is left");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

pub(crate) fn process_with(arguments: &str) -> Option<String> {
    std::fs::read_dir("/proc").expect("/proc is there").flatten().find_map(|entry| {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(arguments).then(|| entry.file_name().display().to_string())
    })
}

#[test]
fn the_example_prints_what_its_readme_says() {
    let folder = crate_root().join("examples/perry");
    let readme = std::fs::read_to_string(folder.join("README.md")).expect("the example has a README");
    let expected =
        readme.split("```text\n").nth(1).and_then(|rest| rest.split("```").next()).expect("its output");
    for compiler in compilers() {
        let program = compile(&compiler, "example", Kind::Plain, &folder, "main.ts");
        let home = Home::new(As::Ordinary);
        let text = run(&home, &program, &home.path().join("examples/perry"), "", "");
        // What comes late comes in one piece.
        let joined = |text: &str| text.trim_end().replace("stdout: ", "");
        assert!(text.contains("stdout: 1\n"), "Perry {}: {text}", compiler.version);
        assert_eq!(joined(&text), joined(expected), "Perry {}", compiler.version);
    }
}

#[test]
fn the_shim_answers_for_perrys_own_modules() {
    for compiler in compilers() {
        let program = compile(&compiler, "shim", Kind::Shim, &sources(), "shim.ts");
        let home = Home::new(As::Ordinary);
        let part = if is_reliable(&compiler) { "later" } else { "" };
        all_ok(&compiler, "shim", &run(&home, &program, home.path(), part, ""));
    }
}
