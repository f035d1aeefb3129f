//! What goes in and comes out of a run, in the caller's words.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use perry_sandbox_runner::Input;

use crate::envelope::Fields;
use crate::fault::Fault;
use crate::streams::Encoding;

/// Standard input and the encoding of output.
#[derive(Debug)]
pub(super) struct Io {
    /// Nothing: it is written to while the program runs.
    pub(super) stdin: Option<Input>,
    pub(super) encoding: Encoding,
}

/// `stdin` or `stdinBase64`, and `encoding`.
pub(super) fn io(fields: &mut Fields) -> Result<Io, Fault> {
    let stdin = bytes(fields, "stdin", "stdinBase64")?.map_or(Input::Null, Input::Bytes);
    Ok(Io { stdin: Some(stdin), encoding: encoding(fields)? })
}

/// As [`io`], or `stdinStream`: input that is written while the program runs.
pub(super) fn streamed(fields: &mut Fields) -> Result<Io, Fault> {
    let stdin = bytes(fields, "stdin", "stdinBase64")?;
    let later = fields.flag("stdinStream")?;
    if later && stdin.is_some() {
        return Err(fields.refuse("stdinStream", "is there beside `stdin`: give one of the two"));
    }
    let stdin = if later { None } else { Some(stdin.map_or(Input::Null, Input::Bytes)) };
    Ok(Io { stdin, encoding: encoding(fields)? })
}

/// `encoding`.
pub(super) fn encoding(fields: &mut Fields) -> Result<Encoding, Fault> {
    let words = [("utf8", Encoding::Utf8), ("base64", Encoding::Base64)];
    Ok(fields.word("encoding", &words)?.unwrap_or_default())
}

/// Bytes as text, or as base64 under another name.
pub(super) fn bytes(
    fields: &mut Fields,
    plain: &'static str,
    coded: &'static str,
) -> Result<Option<Vec<u8>>, Fault> {
    match (fields.any_text(plain)?, fields.any_text(coded)?) {
        (Some(_), Some(_)) => {
            Err(fields.refuse(coded, format_args!("is there beside `{plain}`: give one of the two")))
        }
        (Some(text), None) => Ok(Some(text.into_bytes())),
        (None, Some(text)) => {
            let bytes = STANDARD.decode(text);
            bytes.map(Some).map_err(|_| fields.refuse(coded, "is not base64 (with padding)"))
        }
        (None, None) => Ok(None),
    }
}
