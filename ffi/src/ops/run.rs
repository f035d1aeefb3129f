//! `runCapability` and `run`: to the end, output and all.

use std::sync::Arc;

use perry_sandbox_image::Rootfs;
use perry_sandbox_pipeline::{Admitted, Live, Silent, Wish};
use perry_sandbox_runner::{Commands, Input, Launcher, Outcome, Output, Remote, Secrets, Streams, remote};

use super::io::{self, Io};
use super::{refused, result, secrets, target};
use crate::calls::Call;
use crate::code::Code;
use crate::engine::Engine;
use crate::envelope::Fields;
use crate::fault::Fault;

/// A run whose output is in the reply.
#[derive(Debug)]
pub(crate) struct Run {
    wish: Wish,
    secrets: Secrets,
    io: Io,
}

impl Run {
    /// `{name, …}`.
    pub(super) fn capability(mut fields: Fields) -> Result<Self, Fault> {
        let wish = target::capability(&mut fields)?;
        Self::read(wish, fields)
    }

    /// `{spec: {…}, …}`.
    pub(super) fn spec(mut fields: Fields) -> Result<Self, Fault> {
        let wish = target::required_spec(&mut fields)?;
        Self::read(wish, fields)
    }

    /// `{…, secrets?, secretsBase64?, stdin?, …}`.
    fn read(mut wish: Wish, mut fields: Fields) -> Result<Self, Fault> {
        let secrets = secrets::wanted(&mut fields, &mut wish)?;
        let io = io::io(&mut fields)?;
        fields.finish()?;
        Ok(Self { wish, secrets, io })
    }

    /// Runs it.
    pub(super) fn run(self, engine: &Engine, call: &Call) -> Result<String, Fault> {
        let Io { stdin, encoding } = self.io;
        let stdin = stdin.unwrap_or(Input::Null);
        let streams = Streams { stdin, stdout: Output::Capture, stderr: Output::Capture };
        admitted(
            engine,
            self.wish,
            || call.check(),
            |admitted| {
                let ready = prepare(engine, admitted)?;
                let (remote, commands) = channel()?;
                call.attach(remote)?;
                let outcome = launch(&ready, admitted, (streams, &self.secrets), &commands)?;
                result::with_output(&outcome, Some(admitted.decided.evidence()), encoding)
            },
        )
    }
}

/// Takes a wish past all desks and hands what may start to `start`; `check` stops it on the way.
pub(super) fn admitted<T>(
    engine: &Engine,
    mut wish: Wish,
    check: impl Fn() -> Result<(), Fault>,
    start: impl FnOnce(&Admitted<'_>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    check()?;
    wish.backend = wish.backend.or_else(|| engine.use_backend());
    let pipeline = engine.pipeline()?;
    let asked = pipeline.ask(&wish, None)?;
    // What the desks have said is in the request and the plan; values of variables are not kept longer.
    drop(wish);
    check()?;
    match pipeline.admit(&asked)? {
        Some(admitted) => start(&admitted),
        None => Err(refused::fault(&asked)),
    }
}

/// A way to kill a sandbox, made before it is started.
pub(super) fn channel() -> Result<(Remote, Commands), Fault> {
    remote().map_err(|error| Fault::new(Code::Io, format!("cannot make a channel to the sandbox: {error}")))
}

/// Everything that a start needs beside the plan.
pub(super) struct Ready {
    rootfs: Rootfs,
    launcher: Arc<Launcher>,
}

/// Fetches and unpacks what the sandbox will see, and has a launcher process ready.
pub(super) fn prepare(engine: &Engine, admitted: &Admitted<'_>) -> Result<Ready, Fault> {
    Ok(Ready { rootfs: admitted.rootfs(&Silent)?, launcher: engine.launcher()? })
}

/// Starts it and stays until it has ended.
pub(super) fn launch(
    ready: &Ready,
    admitted: &Admitted<'_>,
    (streams, secrets): (Streams, &Secrets),
    commands: &Commands,
) -> Result<Outcome, Fault> {
    let live = Live { commands: Some(commands), secrets: Some(secrets), ..Live::default() };
    Ok(admitted.launch_by(&ready.launcher, &ready.rootfs, streams, &live)?)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::{Duration, Instant};

    use serde_json::{Value, json};

    use super::*;

    /// Waits until so many sandboxes are ready.
    fn await_ready(engine: &Engine, count: usize) {
        let begin = Instant::now();
        while engine.launcher().unwrap().ready() != count {
            assert!(begin.elapsed() < Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    #[test]
    fn a_capability_that_is_kept_ready_answers_as_any_other() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().to_owned();
        let engine = Engine::new(move |name| (name == "HOME").then(|| folder.clone().into_os_string()));
        let engine = engine.with_data_dir(&home.path().join("data"));
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
        let run = |name: &str| -> Value {
            let args = json!({
                "name": name, "policy": examples.join("perry/policy.toml"),
                "image": format!("oci:{}", examples.join("hello/image").display()),
            });
            let request = json!({ "v": 1, "id": "1", "op": "runCapability", "args": args });
            serde_json::from_str(&engine.call_sync(request.to_string().as_bytes())).unwrap()
        };
        let quick = run("quick");
        assert_eq!(
            (&quick["value"]["exitCode"], engine.launcher().unwrap().ready()),
            (&json!(0), 0),
            "{quick}"
        );
        for _ in 0..3 {
            let reply = run("ready");
            assert_eq!(reply["value"]["exitCode"], 0, "{reply}");
            assert_eq!(reply["value"]["evidence"], quick["value"]["evidence"]);
            await_ready(&engine, 2);
        }
    }
}
