//! Programs of the host that are asked for something: found once, called without a shell, and never waited for without end.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, geteuid};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::native::NoBrokenPipeSignal;

/// The most that is read of what a program says; a list of a thousand images is far below it.
const MOST: u64 = 1 << 20;
/// The most of it that is shown to people.
const SHOWN: usize = 400;

/// Why a program of the host did not do what it was asked for. Its words are shown without control characters, and cut.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ToolError {
    /// It could not be started.
    #[error("cannot start {}: {source}", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It did not answer in time, and was killed.
    #[error("`{call}` did not answer within {:.1}s and was killed: see whether its daemon is alive", within.as_secs_f32())]
    Hangs {
        /// What was called.
        call: String,
        /// How long it had.
        within: Duration,
    },
    /// It said that it failed.
    #[error("`{call}` failed ({status}): {words}")]
    Failed {
        /// What was called.
        call: String,
        /// Its exit code, or the signal that ended it.
        status: String,
        /// Its own words.
        words: String,
    },
    /// It answered something else than it should.
    #[error("`{call}` gave an answer that cannot be used: {why}")]
    Answer {
        /// What was called.
        call: String,
        /// What is wrong with it.
        why: String,
    },
    /// Files that it needs could not be prepared.
    #[error("cannot prepare {what}: {source}")]
    Prepare {
        /// What.
        what: String,
        /// What the system said.
        source: io::Error,
    },
}

/// One call of a program of the host: every word of it, and its whole environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Call {
    /// Its absolute path.
    pub(crate) program: PathBuf,
    /// Its arguments.
    pub(crate) args: Vec<String>,
    /// Its environment; nothing else of ours gets there.
    pub(crate) env: BTreeMap<String, String>,
    /// How many arguments only lead to the program that is meant, as one inside a machine.
    #[serde(default)]
    pub(crate) lead: usize,
}

/// What a program said, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

impl Call {
    /// A call of this program.
    pub(crate) fn new<'a>(program: &Path, args: impl IntoIterator<Item = &'a str>) -> Self {
        let args = args.into_iter().map(str::to_owned).collect();
        Self { program: program.to_owned(), args, env: BTreeMap::new(), lead: 0 }
    }

    /// In this environment.
    #[must_use]
    pub(crate) fn with_env(mut self, env: &BTreeMap<String, String>) -> Self {
        self.env.clone_from(env);
        self
    }

    /// Calls it and takes what it says; success is what its exit code says.
    pub(crate) fn answer(&self, within: Duration) -> Result<Said, ToolError> {
        let said = self.run(within, None)?;
        if said.code == Some(0) { Ok(said) } else { Err(self.failed(&said)) }
    }

    /// The error that its own words make.
    pub(crate) fn failed(&self, said: &Said) -> ToolError {
        let status = said.code.map_or_else(|| "by a signal".to_owned(), |code| format!("exit code {code}"));
        let words = if said.stderr.is_empty() { &said.stdout } else { &said.stderr };
        ToolError::Failed { call: self.short(), status, words: plain(words) }
    }

    /// As the error about an answer.
    pub(crate) fn unusable(&self, why: impl Into<String>) -> ToolError {
        ToolError::Answer { call: self.short(), why: why.into() }
    }

    /// Calls it, with what `input` writes as its standard input, and takes what it says.
    pub(crate) fn run(&self, within: Duration, input: Option<Feed<'_>>) -> Result<Said, ToolError> {
        let mut child = self.start(if input.is_some() { Stdio::piped() } else { Stdio::null() })?;
        let listening = listen(child.stdout.take()).and_then(|out| Ok((out, listen(child.stderr.take())?)));
        let (out, err) = match listening {
            Ok(both) => both,
            Err(source) => {
                end_group(&mut child);
                return Err(ToolError::Start { program: self.program.clone(), source });
            }
        };
        let stdin = child.stdin.take();
        let (fed, ended) = std::thread::scope(|scope| {
            let feeding = input.zip(stdin).map(|(feed, mut stdin)| {
                std::thread::Builder::new().spawn_scoped(scope, move || {
                    let _held_back = NoBrokenPipeSignal::new();
                    feed(&mut stdin)
                })
            });
            let ended = self.wait(&mut child, within, (&out, &err));
            if ended.is_err() {
                // Whoever feeds it hears that nobody reads any more.
                end_group(&mut child);
            }
            let failed = || Err(io::Error::other("its writer failed"));
            let fed = match feeding {
                None => Ok(()),
                Some(Ok(thread)) => thread.join().unwrap_or_else(|_| failed()),
                Some(Err(error)) => Err(error),
            };
            (fed, ended)
        });
        let (stdout, stderr) = (heard(out), heard(err));
        let said = Said { code: ended?, stdout, stderr };
        match fed {
            // One that does not read to the end says why, or fails.
            Err(source) if said.code == Some(0) => {
                Err(ToolError::Prepare { what: format!("the input of `{}`", self.short()), source })
            }
            _ => Ok(said),
        }
    }

    fn start(&self, stdin: Stdio) -> Result<Child, ToolError> {
        let mut command = self.command();
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().map_err(|source| ToolError::Start { program: self.program.clone(), source })
    }

    /// The command, in a process group of its own: what is typed at our terminal is for us to act on.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).env_clear().envs(&self.env).current_dir("/").process_group(0);
        command
    }

    /// Waits for its end and the end of what it says, which something that it started may keep open.
    fn wait(
        &self,
        child: &mut Child,
        within: Duration,
        (out, err): (&Listening, &Listening),
    ) -> Result<Option<i32>, ToolError> {
        let begun = Instant::now();
        let silent = |listening: &Listening| listening.as_ref().is_none_or(JoinHandle::is_finished);
        let mut pause = Duration::from_micros(200);
        loop {
            let status = child.try_wait();
            let status =
                status.map_err(|source| ToolError::Start { program: self.program.clone(), source })?;
            if let Some(status) = status.filter(|_| silent(out) && silent(err)) {
                return Ok(status.code());
            }
            if begun.elapsed() >= within {
                return Err(ToolError::Hangs { call: self.short(), within });
            }
            std::thread::sleep(pause);
            pause = pause.saturating_mul(2).min(Duration::from_millis(10));
        }
    }

    /// Program and first words, for errors: never all of them, which may be long.
    pub(crate) fn short(&self) -> String {
        let name = self.program.file_name().unwrap_or_default().to_string_lossy();
        let meant = self.args.iter().skip(self.lead);
        let plainest = meant.filter(|arg| !arg.starts_with('-')).take(2).map(String::as_str);
        let words: Vec<&str> = std::iter::once(name.as_ref()).chain(plainest).collect();
        plain(words.join(" ").as_bytes())
    }

    /// All of it as a line that a shell would read back.
    pub(crate) fn line(&self) -> String {
        let env = self.env.iter().map(|(name, value)| format!("{name}={}", quoted(value)));
        let words =
            std::iter::once(self.program.to_string_lossy().into_owned()).chain(self.args.iter().cloned());
        let all: Vec<String> = env.chain(words.map(|word| quoted(&word))).collect();
        all.join(" ")
    }
}

/// Writes a program's input.
pub(crate) type Feed<'a> = &'a mut (dyn FnMut(&mut dyn Write) -> io::Result<()> + Send);
/// Reads what a program says, up to more than is used.
type Listening = Option<JoinHandle<Vec<u8>>>;

fn listen(stream: Option<impl Read + Send + 'static>) -> io::Result<Listening> {
    let Some(stream) = stream else { return Ok(None) };
    let listening = std::thread::Builder::new().spawn(move || {
        let mut said = Vec::new();
        // What was read before an error is what was said. Beyond the most, the program finds its pipe closed.
        let _read = stream.take(MOST.saturating_add(1)).read_to_end(&mut said);
        said
    });
    listening.map(Some)
}

/// What was said; nothing of a program that was killed, whose children may still hold the pipe.
fn heard(listening: Listening) -> Vec<u8> {
    let finished = listening.filter(JoinHandle::is_finished);
    finished.and_then(|thread| thread.join().ok()).unwrap_or_default()
}

/// Kills a program and what it started in its group.
pub(crate) fn end_group(child: &mut Child) {
    if let Ok(group) = i32::try_from(child.id()) {
        // Gone already is what we want.
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    }
    let (_killed, _collected) = (child.kill(), child.wait());
}

/// What a program said, as one line for people: no control characters, and not all of it.
pub(crate) fn plain(bytes: &[u8]) -> String {
    let line: String = one_line(bytes).chars().take(SHOWN).collect();
    let line = line.trim();
    if line.is_empty() { "it said nothing".to_owned() } else { line.to_owned() }
}

/// What a program said, as one line without control characters.
pub(crate) fn one_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect()
}

pub(crate) fn quoted(word: &str) -> String {
    let harmless = |char: char| char.is_ascii_alphanumeric() || "-_=/.:,@+%".contains(char);
    if !word.is_empty() && word.chars().all(harmless) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// Finds a program in these folders, as the first that can be executed.
///
/// SECURITY: one that somebody else can change would run with our rights, and decide what a sandbox is. Only files of root
/// and of our own user count, and none that others may write.
pub(crate) fn find(name: &str, folders: &[PathBuf]) -> Result<PathBuf, NotFound> {
    let mut refused = None;
    for folder in folders.iter().filter(|folder| folder.is_absolute()) {
        let path = folder.join(name);
        let Ok(found) = fs::metadata(&path) else { continue };
        if !found.is_file() || found.permissions().mode() & 0o111 == 0 {
            continue;
        }
        // Where others may put files, what is there now need not be what is called.
        let open = fs::metadata(folder).is_ok_and(|it| it.mode() & 0o002 != 0);
        if is_trusted(found.uid(), found.mode()) && found.mode() & 0o020 == 0 && !open {
            return Ok(path);
        }
        refused.get_or_insert(path);
    }
    Err(refused.map_or(NotFound::Nowhere, NotFound::NotOurs))
}

/// Whether a file or socket with this owner and mode is root's or our own, and nobody else's to change.
pub(crate) fn is_trusted(owner: u32, mode: u32) -> bool {
    (owner == 0 || owner == geteuid().as_raw()) && mode & 0o002 == 0
}

/// Why there is no such program.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum NotFound {
    /// Nowhere.
    #[error("it is not installed")]
    Nowhere,
    /// One that does not count.
    #[error("`{}` belongs to somebody else, or others can change it", .0.display())]
    NotOurs(PathBuf),
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    fn sh(script: &str) -> Call {
        Call::new(Path::new("/bin/sh"), ["-c", script])
    }

    #[test]
    fn words_and_exit_code_are_heard_apart() {
        let said = sh("echo out; echo err >&2; exit 3").run(SOON, None).unwrap();
        assert_eq!((said.code, &said.stdout[..], &said.stderr[..]), (Some(3), &b"out\n"[..], &b"err\n"[..]));
        let error = sh("echo why >&2; exit 3").answer(SOON).unwrap_err().to_string();
        assert!(error.contains("exit code 3") && error.ends_with("why"), "{error}");
    }

    #[test]
    fn one_that_hangs_is_killed_with_what_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("late");
        let script = format!("(sleep 5; touch {}) & sleep 60", file.display());
        let begun = Instant::now();
        let error = sh(&script).run(Duration::from_millis(200), None).unwrap_err();
        assert!(matches!(error, ToolError::Hangs { .. }) && begun.elapsed() < SOON, "{error}");
        std::thread::sleep(Duration::from_millis(5500));
        assert!(!file.exists(), "its child lived on");
    }

    #[test]
    fn one_that_goes_but_leaves_its_pipe_to_a_child_is_not_waited_for() {
        let error = sh("sleep 60 & exit 0").run(Duration::from_millis(300), None).unwrap_err();
        assert!(matches!(error, ToolError::Hangs { .. }), "{error}");
    }

    #[test]
    fn a_flood_is_neither_kept_nor_waited_for() {
        let error = sh("exec cat /dev/zero")
            .run(SOON, None)
            .and_then(|said| if said.code == Some(0) { Ok(said) } else { Err(sh("").failed(&said)) });
        assert!(error.is_err());
    }

    #[test]
    fn input_is_given_and_one_that_does_not_read_it_says_why() {
        let mut text = |to: &mut dyn Write| to.write_all(b"given");
        let said = Call::new(Path::new("/bin/cat"), []).run(SOON, Some(&mut text)).unwrap();
        assert_eq!(said.stdout, b"given");
        let mut much = |to: &mut dyn Write| io::copy(&mut io::repeat(0).take(1 << 24), to).map(drop);
        let said = sh("echo no >&2; exit 1").run(SOON, Some(&mut much)).unwrap();
        assert_eq!((said.code, &said.stderr[..]), (Some(1), &b"no\n"[..]));
    }

    #[test]
    fn nothing_of_our_environment_gets_there() {
        let env = [("ONLY".to_owned(), "this".to_owned())].into();
        let said = Call::new(Path::new("/usr/bin/env"), []).with_env(&env).answer(SOON).unwrap();
        assert_eq!(said.stdout, b"ONLY=this\n");
    }

    #[test]
    fn control_characters_and_floods_are_not_shown() {
        assert_eq!(plain(b"\x1b[31mred\n\n  two\x07"), "\u{fffd}[31mred two\u{fffd}");
        assert_eq!(plain(&vec![b'x'; 100_000]).len(), SHOWN);
        assert_eq!(plain(b"\n"), "it said nothing");
    }

    #[test]
    fn a_program_that_others_can_change_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("podman");
        fs::write(&path, "#!/bin/sh\n").unwrap();
        let folders = [PathBuf::from("relative"), folder.path().to_owned()];
        assert_eq!(find("podman", &folders), Err(NotFound::Nowhere), "not executable");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o757)).unwrap();
        assert_eq!(find("podman", &folders), Err(NotFound::NotOurs(path.clone())));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(find("podman", &folders), Ok(path));
    }

    #[test]
    fn what_leads_to_a_program_is_not_what_is_said_of_it() {
        let mut call =
            Call::new(Path::new("/bin/limactl"), ["shell", "default", "nerdctl", "-n=x", "rm", "y"]);
        assert_eq!(call.short(), "limactl shell default");
        call.lead = 3;
        assert_eq!(call.short(), "limactl rm y");
        assert_eq!(call.line(), "/bin/limactl shell default nerdctl -n=x rm y");
        call.lead = 100;
        assert_eq!(call.short(), "limactl");
    }

    #[test]
    fn a_line_can_be_read_back_by_a_shell() {
        let call = Call::new(Path::new("/bin/x"), ["a b", "it's", "", "--f=1"]);
        assert_eq!(call.line(), "/bin/x 'a b' 'it'\\''s' '' --f=1");
    }
}
