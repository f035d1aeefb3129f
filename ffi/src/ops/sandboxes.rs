//! Sandboxes with a name, that go on when the call has been answered.

use std::collections::BTreeMap;
use std::time::Duration;

use perry_sandbox_image::Silent;
use perry_sandbox_pipeline::{Begin, Join, LongRunning, Named, PipelineError, Reply, Wish};
use perry_sandbox_policy::WallTime;
use perry_sandbox_runner::{
    End, Filter, Input, LifecycleError, Output, SandboxId, SandboxInfo, Secrets, Stop, Streams,
};
use serde_json::{Value, json};

use super::io::Io;
use super::{refused, result, run, secrets, target};
use crate::calls::Call;
use crate::engine::Engine;
use crate::envelope::{Fields, json};
use crate::fault::Fault;

/// How often a wait looks whether it was cancelled.
const LOOK: Duration = Duration::from_millis(100);
/// What a stopped program has to end by itself, where the caller does not say.
const GRACE: u64 = 10_000;

/// A sandbox to make, and perhaps to start.
#[derive(Debug)]
pub(crate) struct Make {
    wish: Wish,
    named: Named,
    /// Values for the start; nothing: it is only made.
    start: Option<Secrets>,
}

/// What is done with one that is there.
#[derive(Debug)]
pub(crate) struct OnOne {
    id: String,
    verb: Verb,
}

#[derive(Debug)]
enum Verb {
    Start(Secrets),
    Stop(Duration),
    Remove { force: bool },
    Wait,
    Inspect,
}

/// Which ones to list.
#[derive(Debug)]
pub(crate) struct List(Filter);

/// A program that joins one.
#[derive(Debug)]
pub(crate) struct Exec {
    id: String,
    join: Join,
    io: Io,
}

impl Make {
    /// `{spec | capability, name?, labels?}`, and to start it `{secrets?, secretsBase64?}`.
    pub(super) fn read(mut fields: Fields, start: bool) -> Result<Self, Fault> {
        let mut wish = target::either(&mut fields)?;
        let start = if start { Some(secrets::wanted(&mut fields, &mut wish)?) } else { None };
        let named = Named { name: fields.text("name")?, labels: labels(&mut fields)?, ..Named::default() };
        fields.finish()?;
        Ok(Self { wish, named, start })
    }

    pub(super) fn run(mut self, engine: &Engine, call: &Call) -> Result<String, Fault> {
        engine.check_hook()?;
        self.wish.backend = self.wish.backend.or_else(|| engine.use_backend());
        let pipeline = engine.pipeline()?;
        let sandboxes = pipeline.sandboxes()?;
        call.check()?;
        let reply = match &self.start {
            Some(secrets) => {
                let begin = Begin { secrets: Some(secrets), ..Begin::default() };
                sandboxes.run(&self.wish, &self.named, begin, &Silent)?
            }
            None => sandboxes.create(&self.wish, &self.named)?,
        };
        let made = allowed(reply)?;
        // From here on a cancel says that it came too late: no sandbox stays whose name nobody hears.
        if let Err(cancelled) = call.finish(Ok(())) {
            sandboxes.remove(&made.info.id, true)?;
            return Err(cancelled);
        }
        json(&json!({ "id": made.info.id, "name": made.info.name }))
    }
}

impl OnOne {
    /// `{id, secrets?, secretsBase64?}`.
    pub(super) fn start(mut fields: Fields) -> Result<Self, Fault> {
        Self::read(&mut fields, |fields| Ok(Verb::Start(secrets::secrets(fields)?)))
    }

    /// `{id, graceMs?}`.
    pub(super) fn stop(mut fields: Fields) -> Result<Self, Fault> {
        Self::read(&mut fields, |fields| {
            Ok(Verb::Stop(Duration::from_millis(fields.whole("graceMs")?.unwrap_or(GRACE))))
        })
    }

    /// `{id, force?}`.
    pub(super) fn remove(mut fields: Fields) -> Result<Self, Fault> {
        Self::read(&mut fields, |fields| Ok(Verb::Remove { force: fields.flag("force")? }))
    }

    pub(super) fn wait(mut fields: Fields) -> Result<Self, Fault> {
        Self::read(&mut fields, |_| Ok(Verb::Wait))
    }

    pub(super) fn inspect(mut fields: Fields) -> Result<Self, Fault> {
        Self::read(&mut fields, |_| Ok(Verb::Inspect))
    }

    fn read(
        fields: &mut Fields,
        verb: impl FnOnce(&mut Fields) -> Result<Verb, Fault>,
    ) -> Result<Self, Fault> {
        let one = Self { id: fields.required_text("id")?, verb: verb(fields)? };
        fields.finish()?;
        Ok(one)
    }

    pub(super) fn run(self, engine: &Engine, call: &Call) -> Result<String, Fault> {
        engine.check_hook()?;
        let pipeline = engine.pipeline()?;
        let sandboxes = pipeline.sandboxes()?;
        let id = sandboxes.find(&self.id)?;
        call.check()?;
        match self.verb {
            Verb::Start(secrets) => {
                let begin = Begin { again: true, secrets: Some(&secrets), ..Begin::default() };
                allowed(sandboxes.start(&id, begin, &Silent)?)?;
            }
            Verb::Stop(grace) => drop(sandboxes.stop(&id, &Stop { signal: None, grace })?),
            Verb::Remove { force } => sandboxes.remove(&id, force)?,
            Verb::Wait => return json(&ended(&wait(&sandboxes, &id, call)?)),
            Verb::Inspect => return json(&describe(&sandboxes.inspect(&id)?)),
        }
        Ok("{}".to_owned())
    }
}

impl List {
    /// `{all?, labels?}`.
    pub(super) fn read(mut fields: Fields) -> Result<Self, Fault> {
        let filter = Filter { labels: labels(&mut fields)?, all: fields.flag("all")? };
        fields.finish()?;
        Ok(Self(filter))
    }

    pub(super) fn run(self, engine: &Engine) -> Result<String, Fault> {
        let pipeline = engine.pipeline()?;
        let found = pipeline.sandboxes()?.list(&self.0)?;
        json(&found.iter().map(describe).collect::<Vec<_>>())
    }
}

impl Exec {
    /// `{id, command, env?, workdir?, stdin?, stdinBase64?, encoding?, timeoutMs?}`.
    pub(super) fn read(mut fields: Fields) -> Result<Self, Fault> {
        let id = fields.required_text("id")?;
        let command = fields.texts("command")?.ok_or_else(|| fields.missing("command"))?;
        let wall: Option<WallTime> = target::milliseconds(&mut fields, "timeoutMs")?;
        let env = target::variables(&mut fields)?;
        let join = Join { command, env, working_dir: fields.text("workdir")?, wall, terminal: None };
        let io = super::io::io(&mut fields)?;
        fields.finish()?;
        Ok(Self { id, join, io })
    }

    pub(super) fn run(self, engine: &Engine, call: &Call) -> Result<String, Fault> {
        engine.check_hook()?;
        let pipeline = engine.pipeline()?;
        let sandboxes = pipeline.sandboxes()?;
        let id = sandboxes.find(&self.id)?;
        let Io { stdin, encoding } = self.io;
        let stdin = stdin.unwrap_or(Input::Null);
        let streams = Streams { stdin, stdout: Output::Capture, stderr: Output::Capture };
        let (remote, commands) = run::channel()?;
        call.attach(remote)?;
        let outcome = allowed(sandboxes.exec(&id, &self.join, streams, Some(&commands))?)?;
        result::with_output(&outcome, None, encoding)
    }
}

/// What came of it, or why the policy said no.
fn allowed<T>(reply: Reply<'_, T>) -> Result<T, Fault> {
    match reply {
        Reply::Done(done) => Ok(done),
        Reply::Refused(asked) => Err(refused::fault(&asked)),
    }
}

/// Waits for the end, or for the cancel of the call.
fn wait(sandboxes: &LongRunning<'_>, id: &SandboxId, call: &Call) -> Result<SandboxInfo, Fault> {
    loop {
        call.check()?;
        match sandboxes.wait(id, Some(LOOK)) {
            Err(PipelineError::Sandbox(LifecycleError::StillRunning(_))) => {}
            other => return Ok(other?),
        }
    }
}

fn labels(fields: &mut Fields) -> Result<BTreeMap<String, String>, Fault> {
    Ok(fields.map("labels")?.unwrap_or_default())
}

fn ended(info: &SandboxInfo) -> Value {
    let end = info.finish.as_ref().and_then(|finish| finish.end);
    let (code, signal) = match end {
        Some(End::Exited(code)) => (Some(code), None),
        Some(End::Killed(signal)) => (None, Some(signal)),
        None => (None, None),
    };
    let limit = info.finish.as_ref().and_then(|finish| finish.limit);
    let failure = info.finish.as_ref().and_then(|finish| finish.failure.as_deref());
    json!({ "exitCode": code, "signal": signal, "limitHit": limit, "failure": failure })
}

pub(super) fn describe(info: &SandboxInfo) -> Value {
    let mut fields = json!({
        "id": info.id,
        "name": info.name,
        "image": info.image,
        "digest": info.manifest,
        "status": info.status,
        "created": info.created.to_string(),
        "started": info.started.map(|time| time.to_string()),
        "finished": info.finished.map(|time| time.to_string()),
        "labels": info.labels,
        "tier": info.tier,
        "planDigest": info.plan,
        "ports": [],
    });
    if let (Value::Object(fields), Value::Object(end)) = (&mut fields, ended(info)) {
        fields.extend(end);
    }
    fields
}

#[cfg(test)]
mod tests {
    use perry_sandbox_reference::Digest;
    use perry_sandbox_runner::{Finish, Labels, Limit, SandboxStatus};
    use perry_sandbox_testkit::wit::{Interface, Seen, Shape};

    use super::*;

    fn info(finish: Option<Finish>) -> SandboxInfo {
        SandboxInfo {
            id: "0123456789abcdef0123456789abcdef".parse().unwrap(),
            name: "web".parse().unwrap(),
            labels: Labels::default(),
            image: "r.example/a:1".to_owned(),
            manifest: Digest::of(b"image"),
            plan: Digest::of(b"plan"),
            tier: "isolated".to_owned(),
            status: SandboxStatus::Dead,
            created: jiff::Timestamp::UNIX_EPOCH,
            started: finish.as_ref().map(|_| jiff::Timestamp::UNIX_EPOCH),
            finished: finish.as_ref().map(|_| jiff::Timestamp::UNIX_EPOCH),
            finish,
            restarts: 0,
            health: None,
            bad_answer: None,
            published: Vec::new(),
            paused: false,
            supervisor: None,
        }
    }

    #[test]
    fn a_sandbox_is_as_described_however_it_ended() {
        let finish = |end, limit, failure: Option<&str>| {
            info(Some(Finish { end, limit, usage: None, egress: None, failure: failure.map(str::to_owned) }))
        };
        let all = [
            info(None),
            finish(Some(End::Exited(3)), None, None),
            finish(Some(End::Killed(9)), Some(Limit::Memory), Some("it could not be watched")),
        ];
        let shape = Shape::Record(Interface::of_perry().records["sandbox"].clone());
        let (mut seen, mut wrong) = (Seen::default(), Vec::new());
        for info in &all {
            shape.check(&describe(info), "sandbox", &mut seen, &mut wrong);
        }
        assert_eq!((wrong, seen.missing([shape].iter()).len()), (Vec::<String>::new(), 0));
    }
}
