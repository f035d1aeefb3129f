//! Programs that stand for an engine's client.

use std::io::Write as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use perry_sandbox_reference::Platform;
use perry_sandbox_testkit::write_program;
use serde_json::Value;
use tempfile::TempDir;

use super::super::docker::kernel;
use super::super::host::HostTools;
use super::super::order::System;

/// The program: its calls must come in the order in which they are expected, word for word.
const PROGRAM: &str = r#"#!/bin/sh
at="$0.calls"
number=$(cat "$at/count")
echo $((number + 1)) > "$at/count"
printf '%s\n' "$@" | cmp -s - "$at/$number.argv" || { echo "call $number is not expected: $*" >&2; exit 99; }
if [ -e "$at/$number.reads" ]; then cat > "$at/$number.read"; fi
cat "$at/$number.out"
cat "$at/$number.err" >&2
exit "$(cat "$at/$number.code")"
"#;

/// One expected call, and what is answered.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    argv: Vec<String>,
    out: Vec<u8>,
    err: Vec<u8>,
    code: i32,
    reads: bool,
}

impl Expected {
    pub(super) fn call(argv: &[&str], out: impl Into<Vec<u8>>) -> Self {
        let argv = argv.iter().map(|word| (*word).to_owned()).collect();
        Self { argv, out: out.into(), err: Vec::new(), code: 0, reads: false }
    }

    pub(super) fn failing(argv: &[&str], err: &str) -> Self {
        Self { err: err.as_bytes().to_vec(), code: 1, ..Self::call(argv, "") }
    }

    pub(super) fn reading(self) -> Self {
        Self { reads: true, ..self }
    }
}

/// A home of its own with programs in it.
pub(super) struct Stage {
    home: TempDir,
}

impl Stage {
    pub(super) fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    pub(super) fn home(&self) -> &Path {
        self.home.path()
    }

    /// A program in the user's path.
    pub(super) fn program(&self, name: &str, calls: &[Expected]) -> PathBuf {
        let path = self.home().join(name);
        let at = self.home().join(format!("{name}.calls"));
        std::fs::create_dir(&at).unwrap();
        std::fs::write(at.join("count"), "0\n").unwrap();
        for (number, call) in calls.iter().enumerate() {
            let file = |kind: &str| at.join(format!("{number}.{kind}"));
            std::fs::write(file("argv"), call.argv.join("\n") + "\n").unwrap();
            std::fs::write(file("out"), &call.out).unwrap();
            std::fs::write(file("err"), &call.err).unwrap();
            std::fs::write(file("code"), call.code.to_string()).unwrap();
            if call.reads {
                std::fs::write(file("reads"), "").unwrap();
            }
        }
        write_program(&path, PROGRAM);
        path
    }

    /// A program of this text.
    pub(super) fn text(&self, name: &str, text: &str) {
        write_program(&self.home().join(name), text);
    }

    /// How many calls a program has had.
    pub(super) fn calls(&self, name: &str) -> usize {
        let count = std::fs::read_to_string(self.home().join(format!("{name}.calls/count"))).unwrap();
        count.trim().parse().unwrap()
    }

    /// What a call has read.
    pub(super) fn read(&self, name: &str, number: usize) -> Vec<u8> {
        std::fs::read(self.home().join(format!("{name}.calls/{number}.read"))).unwrap()
    }

    pub(super) fn tools(&self, system: System) -> HostTools {
        let home = self.home().display().to_string();
        let read = |name: &str| match name {
            "HOME" => Some(home.clone()),
            "PATH" => Some(format!("{home}:/usr/bin:/bin")),
            _ => None,
        };
        HostTools::read(&read).on(system)
    }

    /// A Docker engine that answers one question, at a path below the home.
    pub(super) fn engine(&self, path: &str, answer: String) -> PathBuf {
        let socket = self.home().join(path);
        std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
        let listener = UnixListener::bind(&socket).unwrap();
        std::thread::spawn(move || {
            use std::io::{BufRead as _, BufReader};
            let (mut stream, _) = listener.accept().unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            assert_eq!(head[0], "GET /v1.40/info HTTP/1.1");
            let length = answer.len();
            let reply = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{answer}");
            // One that has heard enough goes.
            drop(stream.write_all(reply.as_bytes()));
        });
        socket
    }
}

/// What a Docker engine of this host's architecture says.
pub(super) fn docker_info() -> String {
    of_this_host(include_bytes!("../recorded/docker-20.10.24-info.json"))
}

/// What nerdctl says of a containerd of this host's architecture.
pub(super) fn nerdctl_info() -> String {
    of_this_host(include_bytes!("../recorded/nerdctl-info.json"))
}

fn of_this_host(recorded: &[u8]) -> String {
    let mut info: Value = serde_json::from_slice(recorded).unwrap();
    let name = if Platform::host().architecture() == "amd64" { "x86_64" } else { "aarch64" };
    info["Architecture"] = name.into();
    info["KernelVersion"] = kernel().into();
    info.to_string()
}
