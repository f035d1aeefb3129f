//! A terminal of its own, in every backend that has one.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use crate::wall::{Wall, walls};
use crate::{IMAGE, KEY};

/// Those that give a terminal.
fn with_terminals() -> Vec<Wall> {
    walls().into_iter().filter(|wall| ["native", "podman"].contains(&wall.name)).collect()
}

/// The words that run a script with a terminal.
fn on_a_terminal(wall: Wall, script: &str) -> Vec<&str> {
    let run = ["run", "--backend", wall.name, "--quiet", "-t", "--key", KEY, IMAGE, "--"];
    [&run[..], &["/bin/busybox", "sh", "-c", script]].concat()
}

#[test]
fn it_is_a_terminal_inside_and_what_is_typed_is_seen_once() {
    for wall in with_terminals() {
        let home = wall.home();
        let script = "tty; echo $TERM; read line; echo got=$line; echo err >&2; exit 7";
        let ran = wall.feed(&home, &on_a_terminal(wall, script), b"typed\n");
        assert_eq!(ran.code, 7, "{wall:?}: {ran:?}");
        let shown = ran.stdout.replace("\r\n", "\n");
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines.iter().any(|line| line.starts_with("/dev/")), "{wall:?}: {lines:?}");
        assert_eq!(lines.iter().filter(|line| **line == "typed").count(), 1, "{wall:?}: its echo: {lines:?}");
        for said in ["xterm", "got=typed", "err"] {
            assert!(lines.contains(&said), "{wall:?}: {said} is not in {lines:?}");
        }
        assert_eq!(ran.stderr, "", "{wall:?}: there is one screen");
    }
}

#[test]
fn no_input_is_its_end_there_as_well() {
    for wall in with_terminals() {
        let home = wall.home();
        let ran = wall.shell(&home, &["-t"], "read line || echo ended");
        assert!(ran.code == 0 && ran.stdout.contains("ended"), "{wall:?}: {ran:?}");
    }
}

/// podman drops what a program says last if the end of the input comes just then: one run in seventy where nothing waits.
#[test]
fn what_a_short_program_says_is_not_lost() {
    let _turn = crate::life::turn();
    for wall in with_terminals() {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let home = wall.home();
                    for round in 0..15 {
                        let ran = wall.shell(&home, &["-t"], "tty");
                        assert!(
                            ran.code == 0 && ran.stdout.contains("/dev/"),
                            "{wall:?}, round {round}: {ran:?}"
                        );
                    }
                });
            }
        });
    }
}

#[test]
fn no_key_leaves_a_sandbox_that_goes_on() {
    for wall in with_terminals() {
        let home = wall.home();
        let script = "stty -ixon; echo ready; read line; echo got";
        // Ctrl-P and Ctrl-Q, by which people leave containers.
        let ran = wall.feed(&home, &on_a_terminal(wall, script), b"\x10\x11\n");
        assert!(ran.code == 0 && ran.stdout.contains("got"), "{wall:?}: {ran:?}");
    }
}

#[test]
fn its_size_is_the_users_and_follows_it() {
    for wall in with_terminals() {
        let home = wall.home();
        // `script` gives a terminal to the user, whose size its shell changes.
        let script = "i=0; while [ $i -lt 600 ]; do stty size; sleep 0.1; i=$((i+1)); done";
        let program = wall.command(&home, &on_a_terminal(wall, script));
        let quoted = |word: &std::ffi::OsStr| format!("'{}'", word.to_string_lossy().replace('\'', "'\\''"));
        let line: Vec<String> =
            std::iter::once(program.get_program()).chain(program.get_args()).map(quoted).collect();
        let typescript = home.path().join("typescript");
        let until = |size: &str| {
            // Its first line is this command.
            let shown = format!("grep -q '^{size}' '{}'", typescript.display());
            format!("n=0; until {shown} || [ $n -ge 300 ]; do sleep 0.1; n=$((n+1)); done")
        };
        let (before, after) = (until("31 101"), until("43 101"));
        let line = format!(
            "stty rows 31 cols 101; ({}) & {before}; stty rows 43; {after}; kill $!; wait",
            line.join(" ")
        );
        let mut user = Command::new("script");
        user.args(["--quiet", "--flush", "--return", "--command", &line]).arg(&typescript);
        user.env_clear().envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        user.current_dir(program.get_current_dir().unwrap_or(home.path()));
        user.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut user = user.spawn().expect("script starts");
        user.stdin.take().expect("a pipe").write_all(b"").expect("it reads");
        let mut shown = String::new();
        user.stdout.take().expect("a pipe").read_to_string(&mut shown).expect("it is text");
        user.wait().expect("it ends");
        // One number: `stty` changes two by two calls, and a client that asks between them may not ask again.
        for size in ["31 101", "43 101"] {
            assert!(shown.contains(size), "{wall:?}: {size} is not in {shown}");
        }
    }
}
