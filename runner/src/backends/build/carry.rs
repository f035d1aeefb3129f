//! A build carried out: what the builder says is passed on, and it is ended when its time is over or its user says so.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use perry_sandbox_policy::BuildNetwork;

use super::super::tool::{Call, ToolError, end_group, plain};
use super::order::{BuildOrder, Building, Files};
use super::{BuildError, Builder, BuilderKind, steps, words};

/// How long a build may take.
const WITHIN: Duration = Duration::from_secs(3600);
/// How long an image may take to be written, and to be forgotten.
const SAVING: Duration = Duration::from_secs(600);
/// How often it is looked whether it has ended.
const TICK: Duration = Duration::from_millis(20);
/// The longest line that is passed on as one.
const LONGEST_LINE: u64 = 64 * 1024;
/// Lines that an error has.
const LAST_WORDS: usize = 4;

impl Builder {
    /// Builds, and writes the image into `folder`, which is the caller's own and empty, as a docker archive.
    ///
    /// # Errors
    /// The builder fails, takes too long or is interrupted; nothing of the image stays then under its name.
    pub fn build(
        &self,
        order: &BuildOrder,
        folder: &Path,
        building: &Building<'_>,
    ) -> Result<std::path::PathBuf, BuildError> {
        if order.network == BuildNetwork::None {
            steps::check(&order.dockerfile)?;
        }
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| BuildError::Files { path, source }
        };
        let (dockerfile, archive) = (folder.join("Dockerfile"), folder.join("image.tar"));
        fs::write(&dockerfile, &order.dockerfile).map_err(io(&dockerfile))?;
        self.furnish().map_err(io(folder))?;
        let files = Files { dockerfile: &dockerfile, archive: &archive };
        let name = name(folder)?;
        let mut call = self.building(&words::build(self.kind, order, files, &name));
        if self.kind == BuilderKind::Docker {
            let settings = folder.join("settings");
            fs::create_dir(&settings).map_err(io(&settings))?;
            plain_docker(&mut call, &settings);
        }
        check_context(&order.context)?;
        self.run(&call, building)?;
        let saved = self.call(&words::save(self.kind, files, &name)).answer(SAVING);
        let forgotten = self.call(&words::forget(self.kind, &name)).answer(SAVING);
        saved?;
        forgotten?;
        Ok(archive)
    }

    fn run(&self, call: &Call, building: &Building<'_>) -> Result<(), BuildError> {
        let mut command = call.command();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn();
        let mut child = child.map_err(|source| ToolError::Start { program: call.program.clone(), source })?;
        let last = Mutex::new(VecDeque::new());
        let tell = |line: &str| {
            (building.tell)(line);
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            last.push_back(line.to_owned());
            if last.len() > LAST_WORDS {
                last.pop_front();
            }
        };
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let ended = thread::scope(|scope| {
            scope.spawn(|| pass_on(out, &tell));
            scope.spawn(|| pass_on(err, &tell));
            self.wait(&mut child, building)
        })?;
        if ended.success() {
            return Ok(());
        }
        let last = last.into_inner().unwrap_or_else(PoisonError::into_inner);
        let words = plain(Vec::from(last).join(" / ").as_bytes());
        let status =
            ended.code().map_or_else(|| "by a signal".to_owned(), |code| format!("exit code {code}"));
        Err(BuildError::Failed { builder: self.kind.as_str(), status, words })
    }

    fn wait(
        &self,
        child: &mut Child,
        building: &Building<'_>,
    ) -> Result<std::process::ExitStatus, BuildError> {
        let begun = Instant::now();
        let failed = loop {
            match child.try_wait() {
                Ok(Some(status)) => {
                    // What it has started and left would keep its pipes open.
                    end_group(child);
                    return Ok(status);
                }
                Ok(None) if !(building.go_on)() => break BuildError::Interrupted,
                Ok(None) if begun.elapsed() >= WITHIN => {
                    break BuildError::Hangs { builder: self.kind.as_str(), within: WITHIN };
                }
                Ok(None) => thread::sleep(TICK),
                Err(source) => {
                    let program = self.kind.as_str().into();
                    break ToolError::Start { program, source }.into();
                }
            }
        };
        end_group(child);
        Err(failed)
    }
}

/// SECURITY: of the user's configuration the client would give each build the proxies as arguments, with their passwords, and
/// run whatever it names as a builder or a helper. Its newer builder would fetch programs for a build by itself.
fn plain_docker(call: &mut Call, settings: &Path) {
    call.env.remove("DOCKER_CONTEXT");
    call.env.insert("DOCKER_CONFIG".to_owned(), settings.display().to_string());
    call.env.insert("DOCKER_BUILDKIT".to_owned(), "0".to_owned());
}

/// SECURITY: a builder takes a path, follows its links and cannot be given a folder that is open. So the path is looked at as
/// late as can be: what is between this and the builder's own look is what whoever may rename the context's folders has.
fn check_context(context: &Path) -> Result<(), BuildError> {
    let real = fs::canonicalize(context);
    let real = real.map_err(|source| BuildError::Files { path: context.to_owned(), source })?;
    if real == context { Ok(()) } else { Err(BuildError::Moved(context.to_owned())) }
}

fn pass_on(stream: Option<impl Read>, tell: &dyn Fn(&str)) {
    let Some(stream) = stream else { return };
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        match reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                let text = String::from_utf8_lossy(&line);
                let text = text.trim_end();
                if !text.is_empty() {
                    tell(text);
                }
            }
        }
    }
}

/// A name that no other build has.
fn name(folder: &Path) -> Result<String, BuildError> {
    let mut bytes = [0_u8; 8];
    File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|source| BuildError::Files { path: folder.to_owned(), source })?;
    Ok(format!("localhost/perry-sandbox/build:{:016x}", u64::from_ne_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::super::{BuildCache, BuildPull};
    use super::*;

    #[test]
    fn a_context_that_became_a_link_is_not_built() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().canonicalize().unwrap();
        let (context, other) = (home.join("context"), home.join("other"));
        fs::create_dir(&other).unwrap();
        fs::create_dir(&context).unwrap();
        let order = BuildOrder {
            context: context.clone(),
            dockerfile: "FROM scratch".to_owned(),
            args: [].into(),
            target: None,
            labels: [].into(),
            platform: None,
            network: BuildNetwork::Builder,
            cache: BuildCache::Use,
            pull: BuildPull::Missing,
        };
        let builder = Builder::of_program("/bin/false");
        let building = Building { tell: &|_| (), go_on: &|| true };
        let built = || builder.build(&order, &home, &building).unwrap_err();
        assert!(matches!(built(), BuildError::Failed { .. }));
        fs::remove_dir(&context).unwrap();
        symlink(&other, &context).unwrap();
        assert!(matches!(built(), BuildError::Moved(_)));
    }

    #[test]
    fn nothing_of_the_users_docker_settings_gets_into_a_build() {
        let env =
            ["DOCKER_CONFIG", "DOCKER_CONTEXT", "HOME"].map(|name| (name.to_owned(), "/home/me".to_owned()));
        let mut call = Call::new(Path::new("/usr/bin/docker"), ["build"]).with_env(&env.into());
        plain_docker(&mut call, Path::new("/t/settings"));
        assert_eq!(
            call.line(),
            "DOCKER_BUILDKIT=0 DOCKER_CONFIG=/t/settings HOME=/home/me /usr/bin/docker build"
        );
    }
}
