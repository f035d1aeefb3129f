//! The program as a process: how it ends, what goes in and out, what it may use up.

use std::io::Read as _;
use std::process::Stdio;

use perry_sandbox_reference::Digest;
use perry_sandbox_testkit::Home;
use perry_sandbox_testkit::made::{MADE, MADE_KEY, content, write_signed};
use perry_sandbox_testkit::tarball::Tarball;
use serde_json::{Value, json};

use crate::wall::{Wall, walls};
use crate::{IMAGE, KEY};

fn made(wall: Wall, top: Tarball, config: &Value) -> Home {
    let home = wall.home();
    let (content, digest) = content(&home, top, config);
    write_signed(&home, content, &digest);
    home
}

#[test]
fn every_exit_code_is_the_programs_own() {
    for wall in walls() {
        let home = wall.home();
        for code in [0, 1, 7, 125, 126, 127] {
            let ran = wall.shell(&home, &[], &format!("exit {code}"));
            assert_eq!((ran.code, ran.stderr.as_str()), (code, ""), "{wall:?} {code}: {ran:?}");
        }
    }
}

#[test]
fn what_cannot_be_started_is_told_apart_from_what_ends_badly() {
    for wall in walls() {
        let home = wall.home();
        for (program, code) in [("/bin/no-such-program", 127), ("no-such-program", 127), ("/bin", 126)] {
            let ran = wall.run(&home, &[], &[program]);
            assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{wall:?} {program}: {ran:?}");
            assert!(ran.stderr.contains(&format!("`{program}`")), "{wall:?} {program}: {ran:?}");
        }
        let top = Tarball::new().file("bin/data", b"#!/bin/busybox sh\necho ran\n");
        let home = made(wall, top, &json!({}));
        let ran = wall.ask(&home, &["run", "--key", MADE_KEY, MADE, "--", "/bin/data"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (126, ""), "{wall:?}: {ran:?}");
    }
}

#[test]
fn a_working_folder_that_the_image_lacks_is_refused_and_not_made() {
    for wall in walls() {
        let home = made(wall, Tarball::new(), &json!({ "WorkingDir": "/not/there" }));
        let ran = wall.ask(&home, &["run", "--key", MADE_KEY, MADE, "--", "/bin/busybox", "pwd"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (125, ""), "{wall:?}: {ran:?}");
        assert!(ran.stderr.contains("/not/there"), "{wall:?}: {ran:?}");
    }
}

#[test]
fn input_goes_in_and_both_outputs_come_out_apart() {
    for wall in walls() {
        let home = wall.home();
        let script = "cat; echo to-stderr >&2; exit 3";
        let args = ["run", "--backend", wall.name, "--json", "--key", KEY, IMAGE, "--"];
        let args = [&args[..], &["/bin/busybox", "sh", "-c", script]].concat();
        // Bytes that a terminal or an engine's own protocol could take for something else.
        let input = "some\u{10}\u{11}input\r\n\u{1}\0end";
        let ran = wall.feed(&home, &args, input.as_bytes());
        let outcome: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
        assert_eq!((ran.code, &outcome["exit-code"]), (3, &json!(3)), "{wall:?}: {ran:?}");
        assert_eq!(outcome["stdout"], input, "{wall:?}: {outcome}");
        assert_eq!(outcome["stderr"], "to-stderr\n", "{wall:?}: {outcome}");
        assert!(outcome["plan-digest"].as_str().is_some_and(|it| it.starts_with("sha256:")), "{outcome}");
    }
}

#[test]
fn a_lot_comes_through_whole() {
    for wall in walls() {
        let home = wall.home();
        let input: Vec<u8> = (0..3_u32 << 18).flat_map(u32::to_le_bytes).collect();
        let wanted = format!("{}  -\n", Digest::of(&input).hex());
        let args = ["run", "--backend", wall.name, "--quiet", "--key", KEY, IMAGE, "--"];
        let ran = wall.feed(&home, &[&args[..], &["/bin/busybox", "sha256sum"]].concat(), &input);
        assert_eq!((ran.code, ran.stdout.as_str()), (0, wanted.as_str()), "{wall:?}");
    }
}

#[test]
fn time_that_runs_out_is_124_and_output_over_its_limit_123() {
    for wall in walls() {
        let home = wall.home();
        // A busy machine may need the shorter time for the start.
        let late = |time| wall.shell(&home, &["--timeout", time], "echo started; sleep 60");
        let late = Some(late("2s")).filter(|ran| !ran.stdout.is_empty()).unwrap_or_else(|| late("20s"));
        assert_eq!((late.code, late.stdout.as_str()), (124, "started\n"), "{wall:?}: {late:?}");
        let loud = wall.shell(&home, &["--output-limit", "64KiB"], "yes");
        assert_eq!(loud.code, 123, "{wall:?}: {}", loud.stderr);
        assert!(loud.stdout.len() <= 64 << 10 && loud.stderr.contains("64KiB"), "{wall:?}: {}", loud.stderr);
    }
}

#[test]
fn memory_over_the_limit_ends_it() {
    for wall in walls() {
        let home = wall.home();
        // awk holds the whole string in memory.
        let script = "awk 'BEGIN { s = \"x\"; while (1) s = s s }'; echo survived $?";
        let ran = wall.shell(&home, &["--memory", "48MiB", "--timeout", "60s"], script);
        let ended = matches!(ran.code, 123 | 137) && ran.stdout.is_empty();
        // Where the kernel picks the child, the shell lives on.
        let child = ran.code == 0 && !ran.stdout.contains("survived 0");
        assert!(ended || child, "{wall:?}: {ran:?}");
    }
}

#[test]
fn a_fork_bomb_ends_at_the_limit() {
    for wall in walls() {
        let home = wall.home();
        let script = "i=0; while [ $i -lt 600 ]; do sleep 100 & i=$((i+1)); echo $i; done";
        let ran = wall.shell(&home, &["--pids-limit", "32", "--timeout", "30s"], script);
        let most = ran.stdout.lines().last().and_then(|line| line.parse::<u32>().ok());
        assert!(most.is_some_and(|most| (10..=32).contains(&most)), "{wall:?}: {most:?} {}", ran.stderr);
    }
}

#[test]
fn what_one_sandbox_has_is_not_taken_from_another() {
    let script = "i=0; while [ $i -lt 45 ]; do sleep 60 & i=$((i+1)); done; echo all; read x";
    for wall in walls() {
        let (home, other) = (wall.home(), wall.home());
        let args =
            ["run", "--backend", wall.name, "--quiet", "--pids-limit", "64", "--key", KEY, IMAGE, "--"];
        let mut first = wall.command(&home, &[&args[..], &["/bin/busybox", "sh", "-c", script]].concat());
        let mut first = first.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut word = [0; 4];
        let read = first.stdout.as_mut().expect("a pipe").read_exact(&mut word);
        let second = wall.shell(&other, &["--pids-limit", "64"], script);
        drop(first.stdin.take());
        first.wait().expect("it ends");
        assert!(read.is_ok() && &word == b"all\n", "{wall:?}: {read:?}");
        assert_eq!(second.stdout, "all\n", "{wall:?}: {second:?}");
    }
}
