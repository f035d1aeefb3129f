//! `sandboxLogs` and `openLogs`: what a sandbox has written, and what it goes on to write.

use std::sync::Arc;
use std::time::Duration;

use perry_sandbox_runner::{LogChunk, LogEnd, LogStream, Logs};
use serde_json::json;

use super::io;
use crate::calls::{Call, Responder};
use crate::code::Code;
use crate::engine::Engine;
use crate::envelope::{Fields, json};
use crate::fault::Fault;
use crate::streams::{Encoding, Fed, Stream};

/// How often who follows looks whether the stream was cancelled, and who is too fast for a reader tries again.
const LOOK: Duration = Duration::from_millis(50);

/// What a sandbox has written.
#[derive(Debug)]
pub(crate) struct ReadLogs {
    id: String,
    tail: Option<usize>,
    encoding: Encoding,
}

/// The same, and what it goes on to write, as a stream.
#[derive(Debug)]
pub(crate) struct OpenLogs {
    logs: ReadLogs,
    follow: bool,
}

impl ReadLogs {
    /// `{id, tail?, encoding?}`.
    pub(super) fn read(mut fields: Fields) -> Result<Self, Fault> {
        let logs = Self::read_from(&mut fields)?;
        fields.finish()?;
        Ok(logs)
    }

    fn read_from(fields: &mut Fields) -> Result<Self, Fault> {
        let id = fields.required_text("id")?;
        let tail = fields.whole("tail")?.map(|lines| usize::try_from(lines).unwrap_or(usize::MAX));
        Ok(Self { id, tail, encoding: io::encoding(fields)? })
    }

    fn open(&self, engine: &Engine, follow: bool) -> Result<Logs, Fault> {
        let pipeline = engine.pipeline()?;
        let sandboxes = pipeline.sandboxes()?;
        Ok(sandboxes.logs(&sandboxes.find(&self.id)?, self.tail, follow)?)
    }

    pub(super) fn run(self, engine: &Engine, call: &Call) -> Result<String, Fault> {
        let mut outputs = [Vec::new(), Vec::new()];
        for chunk in self.open(engine, false)? {
            call.check()?;
            let chunk = chunk.map_err(|error| unreadable(&error))?;
            if let Some(output) = outputs.get_mut(number(&chunk)) {
                output.extend(chunk.bytes);
            }
        }
        let [out, error] = outputs.map(|bytes| self.encoding.whole(&bytes));
        json(&json!({ "stdout": out, "stderr": error }))
    }
}

impl OpenLogs {
    /// `{id, tail?, encoding?, follow?}`.
    pub(super) fn read(mut fields: Fields) -> Result<Self, Fault> {
        let open = Self { logs: ReadLogs::read_from(&mut fields)?, follow: fields.flag("follow")? };
        fields.finish()?;
        Ok(open)
    }

    /// Answers with the stream, and feeds it until the sandbox has ended or nobody reads any more.
    pub(crate) fn run(self, engine: &Engine, call: &Call, responder: Responder) {
        let opened = self.begin(engine, call);
        let (logs, open) = match opened {
            Ok(opened) => opened,
            Err(fault) => return responder.answer(call.finish(Err(fault))),
        };
        responder.answer(json(&json!({ "stream": open.stream.id() })));
        let result = open.feed(logs).map(|()| "null".to_owned());
        engine.streams.finish(&open.stream, result);
    }

    fn begin<'a>(&self, engine: &'a Engine, call: &Call) -> Result<(Logs, Feeding<'a>), Fault> {
        let logs = self.logs.open(engine, self.follow)?;
        let stream = engine.streams.open_fed(self.logs.encoding)?;
        if let Err(fault) = call.finish(Ok(())) {
            engine.streams.forget(&stream);
            return Err(fault);
        }
        Ok((logs, Feeding { engine, stream }))
    }
}

/// A stream that ends whatever happens, a panic too.
struct Feeding<'a> {
    engine: &'a Engine,
    stream: Arc<Stream>,
}

impl Feeding<'_> {
    fn feed(&self, mut logs: Logs) -> Result<(), Fault> {
        loop {
            match logs.next_within(LOOK).map_err(|error| unreadable(&error))? {
                LogEnd::End => return Ok(()),
                LogEnd::Quiet if self.offer(0, &[]) == Fed::Over => return Ok(()),
                LogEnd::Quiet => {}
                LogEnd::Chunk(chunk) => {
                    if self.offer(number(&chunk), &chunk.bytes) == Fed::Over {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Waits for a slow reader.
    fn offer(&self, output: usize, bytes: &[u8]) -> Fed {
        loop {
            let fed = self.stream.feed(output, bytes);
            if fed != Fed::Full {
                return fed;
            }
            std::thread::sleep(LOOK);
        }
    }
}

impl Drop for Feeding<'_> {
    fn drop(&mut self) {
        // One that has ended already stays as it is.
        self.engine.streams.finish(&self.stream, Err(Fault::internal()));
    }
}

/// The output's number in a stream.
fn number(chunk: &LogChunk) -> usize {
    match chunk.stream {
        LogStream::Stdout => 0,
        LogStream::Stderr => 1,
    }
}

fn unreadable(error: &std::io::Error) -> Fault {
    Fault::new(Code::Io, format!("cannot read the sandbox's log: {error}"))
}
