//! One backend and the user who asks it.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use perry_sandbox_testkit::{As, Home, Ran, is_root};

use crate::engines::{engines, is_present};
use crate::{IMAGE, KEY};

/// Where root's sandboxes are written down.
pub const RUNTIME: &str = "/run/perry-sandbox";
/// Starts a program that sees a folder of its own there: `$0`, so that no other test sweeps it, or knows what it has found.
const IN_ITS_OWN: &str = "/bin/mkdir -p -m 700 \"$0\" /run/perry-sandbox && \
    /bin/mount --bind \"$0\" /run/perry-sandbox && exec \"$@\"";

/// A backend, asked by a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wall {
    /// Its name.
    pub name: &'static str,
    user: As,
}

/// Every wall of this machine; one that is not there is skipped, aloud.
pub fn walls() -> Vec<Wall> {
    let mut all = vec![Wall { name: "native", user: As::Ordinary }];
    all.extend(is_root().then_some(Wall { name: "native", user: As::Me }));
    all.extend(engine_walls());
    all
}

/// Those that are programs of the host. An ordinary user has none here whose control groups hold: see `refusals`.
pub fn engine_walls() -> Vec<Wall> {
    let present = ["podman", "docker", "runsc"].into_iter().filter(|name| is_present(name));
    present.map(|name| Wall { name, user: As::Me }).collect()
}

impl Wall {
    /// This backend, whether it is here or not, asked by whoever runs the tests or by an ordinary user.
    pub const fn new(name: &'static str, user: As) -> Self {
        Self { name, user }
    }

    /// A home for its user.
    pub fn home(self) -> Home {
        Home::new(self.user)
    }

    /// The program, with the engines of these tests and records of the home's own.
    pub fn command<A: AsRef<std::ffi::OsStr>>(self, home: &Home, args: &[A]) -> Command {
        if self.user != As::Me || !is_root() {
            return self.shared_command(home, args);
        }
        let mut command = home.plain_command(Path::new("/usr/bin/unshare"));
        command.args(["--mount", "/bin/sh", "-c", IN_ITS_OWN]).arg(home.path().join("runtime"));
        command.arg(home.path().join("perry-sandbox")).arg("--data-dir").arg(home.data_dir()).args(args);
        command.envs(engines().environment());
        command
    }

    /// The program as it is started by people: its records and mounts can be seen by all.
    pub fn shared_command<A: AsRef<std::ffi::OsStr>>(self, home: &Home, args: &[A]) -> Command {
        let mut command = home.command(args);
        if self.user == As::Me && is_root() {
            command.envs(engines().environment());
        }
        command
    }

    /// Runs a command of the example image to its end, without input.
    pub fn run(self, home: &Home, flags: &[&str], command: &[&str]) -> Ran {
        let args = [&["run", "--quiet", "--key", KEY], flags, &[IMAGE, "--"], command].concat();
        self.ask(home, &args)
    }

    /// Runs a script in the example image.
    pub fn shell(self, home: &Home, flags: &[&str], script: &str) -> Ran {
        self.run(home, flags, &["/bin/busybox", "sh", "-c", script])
    }

    /// Any command of the program, with that input.
    pub fn feed(self, home: &Home, args: &[&str], input: &[u8]) -> Ran {
        let mut command = self.command(home, args);
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

    /// Any command of the program that is pinned to this backend: `run`, `explain`.
    pub fn ask(self, home: &Home, args: &[&str]) -> Ran {
        let (verb, rest) = args.split_first().expect("a command");
        let args = [&[verb, "--backend", self.name], rest].concat();
        Ran::from(self.command(home, &args).stdin(Stdio::null()).output().expect("the program starts"))
    }
}
