//! What one sandbox of an engine has on the host beside the engine's own: a folder with its files and with what removes it.
//!
//! The folder's lock is held by the runner. The kernel drops it when the runner dies, however it dies; so a folder whose lock
//! can be had belongs to nobody, and whoever finds it ends and removes the sandbox: the guard at once, else the next start.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use perry_sandbox_policy::FileSource;

use super::project::Names;
use super::script::{GIVEN, Script};
use super::tool::ToolError;
use crate::native::check_owner;
use crate::secret::Secrets;

/// What ends the name of such a folder.
const SUFFIX: &str = "run";
/// What ends it while it is being made.
const EARLY: &str = "run-early";
/// How long that may take, until it was left by somebody who is dead.
const MAKING: Duration = Duration::from_secs(600);
const SCRIPT: &str = "script.json";
/// How long a start waits for what others left.
const SWEEPING: Duration = Duration::from_millis(500);
const LOCK: &str = "lock";
/// Is there once somebody removes what a dead runner left, who has the lock meanwhile.
const GOING: &str = "going";
/// How long others are waited for who are removing something.
const OTHERS: Duration = Duration::from_secs(6);
/// How long an engine may go on making what its client has asked for and not waited for.
pub const LATENESS: Duration = Duration::from_secs(2);
/// The longest script that is read back.
const LONGEST: u64 = 8 << 20;
/// How long an engine may take to remove a sandbox.
pub(super) const REMOVAL: Duration = Duration::from_secs(30);

/// The folder of one sandbox. Removed, with the sandbox, when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    folder: PathBuf,
    /// Held as long as this is.
    #[cfg_attr(not(test), expect(dead_code, reason = "an open file that nobody reads"))]
    lock: File,
    script: Script,
    /// Whether the engine has nothing of it any more.
    gone: bool,
}

/// Where the folder of a sandbox with this name is.
pub(super) fn folder(runtime: &Path, name: &str) -> PathBuf {
    runtime.join(format!("{name}.{SUFFIX}"))
}

fn private(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let flags = libc::O_NOFOLLOW;
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).custom_flags(flags).open(path)?;
    file.write_all(bytes)
}

impl Place {
    /// Makes it. What removes the sandbox is there before anything else.
    pub(super) fn make(script: &Script, runtime: &Path, secrets: Option<&Secrets>) -> io::Result<Self> {
        DirBuilder::new().mode(0o700).recursive(true).create(runtime)?;
        check_owner(runtime)?;
        // Under another name first: nobody may find it before it is locked.
        let early = script.folder.with_extension(EARLY);
        private(&early)?;
        let made = Self::fill(&early, script, secrets).and_then(|lock| {
            fs::rename(&early, &script.folder)?;
            Ok(lock)
        });
        match made {
            Ok(lock) => Ok(Self { folder: script.folder.clone(), lock, script: script.clone(), gone: true }),
            Err(error) => {
                drop(fs::remove_dir_all(&early));
                Err(error)
            }
        }
    }

    /// Locks it, and writes all that is in it.
    fn fill(folder: &Path, script: &Script, secrets: Option<&Secrets>) -> io::Result<File> {
        let lock = OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.join(LOCK))?;
        lock.try_lock().map_err(io::Error::other)?;
        write(&folder.join(SCRIPT), &serde_json::to_vec(script)?)?;
        for (name, text) in &script.files {
            write(&folder.join(name), text.as_bytes())?;
        }
        if script.names.is_some() {
            Names::begin(folder)?;
        }
        write_given(folder, script, secrets)?;
        Ok(lock)
    }

    /// From here on the engine may have something of it.
    pub(super) fn used(&mut self) {
        self.gone = false;
    }

    /// The engine has removed it by itself.
    pub(super) fn is_gone(&mut self) {
        self.gone = true;
    }

    /// Removes what the engine has of it.
    pub(super) fn clear(&mut self) -> Result<(), ToolError> {
        if !self.gone {
            self.script.discard(REMOVAL)?;
            self.gone = true;
        }
        Ok(())
    }
}

/// The files that are given. What is in there is nobody's of the host: the folder is for its owner alone, and engines show the
/// files one by one.
fn write_given(folder: &Path, script: &Script, secrets: Option<&Secrets>) -> io::Result<()> {
    if script.given.is_empty() {
        return Ok(());
    }
    let folder = folder.join(GIVEN);
    private(&folder)?;
    for (number, given) in script.given.iter().enumerate() {
        let path = folder.join(number.to_string());
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(&path)?;
        match &given.source {
            FileSource::Secret(name) => {
                let value = secrets.and_then(|secrets| secrets.descriptor(name));
                let value = value.ok_or(io::ErrorKind::NotFound)?;
                let value = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&value));
                io::copy(&mut File::open(value)?, &mut file)?;
            }
            FileSource::Config { content, .. } => file.write_all(content.bytes())?,
        }
        if let Some((uid, gid)) = given.owner {
            fchown(&file, Some(uid), Some(gid))?;
        }
        // Whatever the caller's umask is.
        file.set_permissions(fs::Permissions::from_mode(given.mode.bits()))?;
    }
    Ok(())
}

impl Drop for Place {
    fn drop(&mut self) {
        // What cannot be removed is tried again by the next start, which finds the folder.
        if self.clear().is_ok() {
            drop(erase(&self.folder));
        }
    }
}

/// Ends and removes what dead runners left, and waits a moment for that: an engine that does not answer keeps no other waiting.
pub(super) fn sweep_for_a_while(runtime: &Path) {
    let (done, all) = std::sync::mpsc::channel();
    let runtime = runtime.to_owned();
    let begun = std::thread::Builder::new().spawn(move || {
        sweep(&runtime);
        // Nobody may wait any more.
        let _sent = done.send(());
    });
    // Without a thread it is left to the next.
    drop(begun);
    let _done = all.recv_timeout(SWEEPING);
}

/// Ends and removes what dead runners left, and waits for others who do; how much that was. What cannot be removed stays, for
/// the next start.
pub(super) fn sweep(runtime: &Path) -> usize {
    let (mut swept, mut going): (usize, Vec<PathBuf>) = (0, Vec::new());
    if check_owner(runtime).is_err() {
        return swept;
    }
    for entry in fs::read_dir(runtime).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == SUFFIX) {
            match abandoned(&path) {
                Ok(true) => swept = swept.saturating_add(1),
                Ok(false) if path.join(GOING).exists() => going.push(path),
                Ok(false) | Err(_) => {}
            }
        } else if path.extension().is_some_and(|extension| extension == EARLY) && is_older(&path, MAKING) {
            // Nothing of it was ever started.
            drop(fs::remove_dir_all(&path));
        }
    }
    swept.saturating_add(await_others(going))
}

/// Waits for those whom somebody else is removing; how many have gone.
fn await_others(mut going: Vec<PathBuf>) -> usize {
    let (all, begun) = (going.len(), Instant::now());
    while !going.is_empty() && begun.elapsed() < OTHERS {
        std::thread::sleep(Duration::from_millis(20));
        // One who has failed gives the lock back.
        going.retain(|folder| folder.exists() && !abandoned(folder).is_ok_and(|done| done));
    }
    all.saturating_sub(going.len())
}

/// Removes a folder: secrets first, and last the lock, by which it is found.
fn erase(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder.join(GIVEN)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    for entry in fs::read_dir(folder)?.flatten().filter(|entry| entry.file_name() != LOCK) {
        let path = entry.path();
        if entry.file_type()?.is_dir() { fs::remove_dir_all(path)? } else { fs::remove_file(path)? }
    }
    fs::remove_dir_all(folder)
}

fn is_older(path: &Path, time: Duration) -> bool {
    let changed = fs::symlink_metadata(path).and_then(|found| found.modified());
    changed.is_ok_and(|changed| changed.elapsed().is_ok_and(|age| age > time))
}

/// Ends and removes a sandbox whose runner is dead; answers whether it was one.
///
/// SECURITY: what is done stands in the folder. It is done only where nobody else could have written it.
pub(super) fn abandoned(folder: &Path) -> io::Result<bool> {
    check_owner(folder)?;
    let lock = match OpenOptions::new().write(true).custom_flags(libc::O_NOFOLLOW).open(folder.join(LOCK)) {
        Ok(lock) => lock,
        // Its runner died in the middle of making it, or is removing it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // Of one that was being removed nothing is left but this.
            return fs::remove_dir(folder).map(|()| true).or(Ok(false));
        }
        Err(error) => return Err(error),
    };
    if lock.try_lock().is_err() {
        return Ok(false);
    }
    // Where it cannot be written, nobody waits.
    drop(write(&folder.join(GOING), b""));
    let mut text = Vec::new();
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW).open(folder.join(SCRIPT));
    if let Ok(file) = file {
        file.take(LONGEST).read_to_end(&mut text)?;
        let script: Script = serde_json::from_slice(&text)?;
        script.discard(REMOVAL).map_err(io::Error::other)?;
        if script.create.is_some() && !is_older(folder, REMOVAL) {
            // Its engine may still have been making it when it was asked.
            std::thread::sleep(LATENESS);
            script.discard(REMOVAL).map_err(io::Error::other)?;
        }
        // Its address may be another's soon.
        script.names.iter().for_each(|names| drop(names.tell(&script)));
    }
    erase(folder)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::super::client::Client;
    use super::super::script::Action;
    use super::super::script::Backend;
    use super::super::tool::Call;
    use super::*;

    /// A script that removes its sandbox by writing a file.
    fn script(runtime: &Path, name: &str) -> Script {
        let call = |words: &[&str]| Call::new(Path::new("/bin/sh"), words.iter().copied());
        let mark = format!("echo gone >{}", runtime.join("mark").display());
        Script {
            backend: Backend::Podman,
            name: name.to_owned(),
            folder: folder(runtime, name),
            files: [("file".to_owned(), "text".to_owned())].into(),
            given: Vec::new(),
            required: Vec::new(),
            names: None,
            connect: Vec::new(),
            terminal: false,
            create: None,
            confirm: None,
            caught: None,
            run: Client::Call(call(&["-c", "true"])),
            signal: Action::Call(call(&["-c", "true"])),
            state: None,
            end: None,
            remove: Action::Call(call(&["-c", &mark])),
        }
    }

    #[test]
    fn one_whose_runner_lives_is_left_alone_and_one_whose_runner_is_dead_is_removed() {
        let scratch = tempfile::tempdir().unwrap();
        let runtime = scratch.path().join("live");
        let script = script(&runtime, "name");
        let mut place = Place::make(&script, &runtime, None).unwrap();
        place.used();
        sweep(&runtime);
        assert!(script.folder.join("file").exists() && !runtime.join("mark").exists());
        // As a runner that is killed: its lock goes, and nothing else.
        place.lock.unlock().unwrap();
        sweep(&runtime);
        assert!(!script.folder.exists() && runtime.join("mark").exists());
        place.is_gone();
    }

    #[test]
    fn what_is_being_made_is_found_by_nobody() {
        let scratch = tempfile::tempdir().unwrap();
        let runtime = scratch.path().join("live");
        private(&runtime).unwrap();
        let early = runtime.join("name").with_extension(EARLY);
        private(&early).unwrap();
        File::create(early.join(LOCK)).unwrap();
        sweep(&runtime);
        assert!(early.exists());
    }

    #[test]
    fn a_folder_that_others_can_write_to_names_nothing_that_is_done() {
        let scratch = tempfile::tempdir().unwrap();
        let runtime = scratch.path().join("live");
        let script = script(&runtime, "name");
        let mut place = Place::make(&script, &runtime, None).unwrap();
        place.lock.unlock().unwrap();
        fs::set_permissions(&script.folder, fs::Permissions::from_mode(0o777)).unwrap();
        sweep(&runtime);
        assert!(!runtime.join("mark").exists());
        place.is_gone();
    }
}
