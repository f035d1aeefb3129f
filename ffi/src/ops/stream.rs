//! `open`, `next`, `write`: a program whose output is read while it runs.

use std::sync::Arc;

use perry_sandbox_pipeline::Wish;
use perry_sandbox_runner::Secrets;
use serde_json::json;

use super::io::{self, Io};
use super::{result, run, secrets, target};
use crate::calls::{Call, Responder};
use crate::engine::Engine;
use crate::envelope::{Fields, json};
use crate::fault::Fault;
use crate::streams::Stream;

/// Bytes of an event, if the caller names no number.
const USUAL: u64 = 64 << 10;
/// At least one whole character, at most what is sensible to copy at once.
const SIZES: std::ops::RangeInclusive<u64> = 4..=1 << 20;

/// A run whose output is read while it runs.
#[derive(Debug)]
pub(crate) struct Open {
    wish: Wish,
    secrets: Secrets,
    io: Io,
}

/// A question for the next event.
#[derive(Debug)]
pub(crate) struct Next {
    stream: String,
    most: usize,
}

/// Bytes for the program, or the end of its input.
#[derive(Debug)]
pub(crate) struct Write {
    stream: String,
    bytes: Vec<u8>,
    last: bool,
}

impl Next {
    /// `{stream, max?}`.
    pub(super) fn read(mut fields: Fields) -> Result<Self, Fault> {
        let stream = fields.required_text("stream")?;
        let most = fields.whole("max")?.unwrap_or(USUAL);
        if !SIZES.contains(&most) {
            return Err(fields.refuse("max", "is expected to be between 4 and 1048576 bytes"));
        }
        fields.finish()?;
        Ok(Self { stream, most: usize::try_from(most).unwrap_or(usize::MAX) })
    }

    pub(super) fn run(self, engine: &Engine, responder: Responder) {
        engine.streams.next(&self.stream, self.most, responder);
    }
}

impl Write {
    /// `{stream, data | dataBase64}`, `{stream, end: true}`, or both.
    pub(super) fn read(mut fields: Fields) -> Result<Self, Fault> {
        let stream = fields.required_text("stream")?;
        let bytes = io::bytes(&mut fields, "data", "dataBase64")?;
        let last = fields.flag("end")?;
        fields.finish()?;
        if bytes.is_none() && !last {
            return Err(fields.missing("data"));
        }
        Ok(Self { stream, bytes: bytes.unwrap_or_default(), last })
    }

    pub(super) fn run(self, engine: &Engine, responder: Responder) {
        engine.streams.write(&self.stream, self.bytes, self.last, responder);
    }
}

impl Open {
    /// `{capability | spec, secrets?, secretsBase64?, stdin?, stdinBase64?, stdinStream?, encoding?}`.
    pub(super) fn read(mut fields: Fields) -> Result<Self, Fault> {
        let mut wish = target::either(&mut fields)?;
        let secrets = secrets::wanted(&mut fields, &mut wish)?;
        let io = io::streamed(&mut fields)?;
        fields.finish()?;
        Ok(Self { wish, secrets, io })
    }

    /// Runs it to its end; answers as soon as everything is ready to start, with the stream to read from.
    pub(crate) fn run(self, engine: &Engine, call: &Call, responder: Responder) {
        let mut responder = Some(responder);
        let Io { stdin, encoding } = self.io;
        let value = run::admitted(
            engine,
            self.wish,
            || call.check(),
            |admitted| {
                let _active = engine.calls.enter()?;
                let ready = run::prepare(engine, admitted)?;
                let (remote, commands) = run::channel()?;
                let (stream, streams) = engine.streams.open(encoding, stdin)?;
                let mut open = Opened { engine, stream, announced: false };
                open.stream.attach(remote)?;
                call.finish(Ok(()))?;
                if let Some(responder) = responder.take() {
                    open.announced = true;
                    responder.answer(json(&json!({ "stream": open.stream.id() })));
                }
                let outcome = run::launch(&ready, admitted, (streams, &self.secrets), &commands);
                let evidence = admitted.decided.evidence();
                let result = outcome.map(|outcome| result::plain(&outcome, Some(evidence)).to_string());
                engine.streams.finish(&open.stream, result);
                Ok(())
            },
        );
        if let (Some(responder), Err(fault)) = (responder, value) {
            responder.answer(call.finish(Err(fault)));
        }
    }
}

/// A stream that ends whatever happens, a panic too.
struct Opened<'a> {
    engine: &'a Engine,
    stream: Arc<Stream>,
    /// Whether somebody may read from it.
    announced: bool,
}

impl Drop for Opened<'_> {
    fn drop(&mut self) {
        if self.announced {
            // One that has ended already stays as it is.
            self.engine.streams.finish(&self.stream, Err(Fault::internal()));
        } else {
            self.engine.streams.forget(&self.stream);
        }
    }
}
