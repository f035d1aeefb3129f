//! `logs`: what a sandbox has written, to the streams that it meant.

use base64::Engine as _;
use perry_sandbox_pipeline::{Environment, Pipeline};
use perry_sandbox_runner::{LogChunk, LogStream};
use serde_json::json;

use super::find::find;
use crate::args::LogsArgs;
use crate::exit::Exit;
use crate::output;

/// Prints the logs.
pub(crate) fn logs(args: &LogsArgs, environment: &Environment) -> anyhow::Result<Exit> {
    let pipeline = Pipeline::open(environment.clone())?;
    let sandboxes = pipeline.sandboxes()?;
    let id = find(&sandboxes, &args.name)?;
    let mut stamps = Stamps::default();
    for chunk in sandboxes.logs(&id, args.tail, args.follow)? {
        let chunk = chunk?;
        let goes_on = if args.json {
            output::raw(false, format!("{}\n", as_json(&chunk)).as_bytes())
        } else {
            let bytes = if args.timestamps { stamps.stamped(&chunk) } else { chunk.bytes };
            output::raw(chunk.stream == LogStream::Stderr, &bytes)
        };
        if !goes_on {
            break;
        }
    }
    Ok(Exit::Done)
}

fn as_json(chunk: &LogChunk) -> serde_json::Value {
    let (field, text) = match std::str::from_utf8(&chunk.bytes) {
        Ok(text) => ("text", text.to_owned()),
        Err(_) => ("base64", base64::engine::general_purpose::STANDARD.encode(&chunk.bytes)),
    };
    json!({ "time": chunk.time.to_string(), "stream": chunk.stream, field: text })
}

/// Where each stream is in its line.
#[derive(Debug, Default)]
struct Stamps {
    /// Whether the line of standard output, and that of standard error, has begun.
    begun: [bool; 2],
}

impl Stamps {
    /// The chunk with its time before each line that begins in it.
    fn stamped(&mut self, chunk: &LogChunk) -> Vec<u8> {
        let [out, error] = &mut self.begun;
        let begun = if chunk.stream == LogStream::Stdout { out } else { error };
        let mut stamped = Vec::with_capacity(chunk.bytes.len().saturating_add(40));
        for line in chunk.bytes.split_inclusive(|byte| *byte == b'\n') {
            if !*begun {
                stamped.extend(format!("{} ", chunk.time.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")).into_bytes());
            }
            stamped.extend_from_slice(line);
            *begun = !line.ends_with(b"\n");
        }
        stamped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_stamped_once_whatever_its_chunks_are() {
        let time = jiff::Timestamp::UNIX_EPOCH;
        let mut stamps = Stamps::default();
        let mut text = String::new();
        for (stream, bytes) in [
            (LogStream::Stdout, "a\nb"),
            (LogStream::Stderr, "x\n"),
            (LogStream::Stdout, "c\n"),
            (LogStream::Stdout, "d\n"),
        ] {
            let chunk = LogChunk { time, stream, bytes: bytes.as_bytes().to_vec() };
            text.push_str(&String::from_utf8(stamps.stamped(&chunk)).unwrap());
        }
        let at = "1970-01-01T00:00:00.000000Z";
        assert_eq!(text, format!("{at} a\n{at} b{at} x\nc\n{at} d\n"));
    }
}
