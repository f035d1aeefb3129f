//! One request: version, id, operation, and its arguments.

use serde::Deserialize;

use super::{Fields, Tree};
use crate::code::Code;
use crate::fault::Fault;

/// The longest request, in bytes.
const MAX_REQUEST: usize = 16 << 20;
/// The version of the envelope.
const VERSION: u64 = 1;
/// The longest id.
const MAX_ID: usize = 64;

/// A request whose envelope is sound; its arguments are not looked at yet.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) id: String,
    pub(crate) op: String,
    pub(crate) args: Fields,
}

/// Reads an envelope. A refusal comes with the id, where that can be told, so that the caller can match it.
pub(crate) fn read(bytes: &[u8]) -> Result<Request, (String, Fault)> {
    if bytes.len() > MAX_REQUEST {
        let message = format!("a request has at most {MAX_REQUEST} bytes, this one has {}", bytes.len());
        return Err((String::new(), Fault::new(Code::TooLarge, message)));
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Err((String::new(), Fault::new(Code::BadEncoding, "the request is not UTF-8 text")));
    };
    let tree = Tree::read(text).map_err(|error| (lenient_id(text), refuse(&error)))?;
    let mut id = String::new();
    strict(tree, &mut id).map_err(|fault| (id, fault))
}

fn refuse(error: &serde_json::Error) -> Fault {
    let message = error.to_string();
    // What serde_json calls the escapes of half a pair.
    let code = if message.contains("surrogate") || message.contains("unexpected end of hex escape") {
        Code::BadEncoding
    } else {
        Code::BadRequest
    };
    Fault::new(code, format!("the request is not usable JSON: {message}"))
}

/// The id of a request that is refused for something else.
fn lenient_id(text: &str) -> String {
    #[derive(Deserialize)]
    struct OnlyId {
        id: String,
    }
    serde_json::from_str::<OnlyId>(text).map(|it| it.id).ok().filter(|id| is_id(id)).unwrap_or_default()
}

fn is_id(id: &str) -> bool {
    (1..=MAX_ID).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

fn strict(tree: Tree, found: &mut String) -> Result<Request, Fault> {
    let mut fields = Fields::of(tree, "the request")?;
    let id = fields.required_text("id")?;
    if !is_id(&id) {
        return Err(Fault::bad_request(format!(
            "`id` is 1 to {MAX_ID} characters of A-Z, a-z, 0-9, `.`, `_` and `-`"
        )));
    }
    found.clone_from(&id);
    let version = fields.whole("v")?;
    if version != Some(VERSION) {
        return Err(Fault::bad_request(format!("`v` is the version of the envelope, {VERSION}")));
    }
    let op = fields.required_text("op")?;
    let args = fields.object("args")?.unwrap_or_else(|| Fields::empty("args"));
    fields.finish()?;
    Ok(Request { id, op, args })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> (String, Code) {
        let (id, fault) = read(text.as_bytes()).unwrap_err();
        (id, fault.code)
    }

    #[test]
    fn a_sound_envelope_is_read() {
        let request = read(br#"{"v":1,"id":"a-1._Z","op":"version","args":null}"#).unwrap();
        assert_eq!((request.id.as_str(), request.op.as_str()), ("a-1._Z", "version"));
        assert!(request.args.finish().is_ok());
    }

    #[test]
    fn everything_else_is_refused_with_the_id_where_it_has_one() {
        for (text, id) in [
            (r#"{"v":2,"id":"7","op":"version"}"#, "7"),
            (r#"{"id":"7","op":"version"}"#, "7"),
            (r#"{"v":1,"id":"7"}"#, "7"),
            (r#"{"v":1,"id":"7","op":"x","args":[]}"#, "7"),
            (r#"{"v":1,"id":"7","op":"x","args":{"a":1,"a":1}}"#, "7"),
            (r#"{"v":1,"id":"7","op":"x","extra":1}"#, "7"),
            (r#"{"v":1,"id":7,"op":"x"}"#, ""),
            (r#"{"v":1,"id":"","op":"x"}"#, ""),
            (r#"{"v":1,"id":"a b","op":"x"}"#, ""),
            (r#"{"v":1,"id":"7","id":"8","op":"x"}"#, ""),
            ("", ""),
            ("null", ""),
            ("[1]", ""),
            ("{", ""),
        ] {
            assert_eq!(refused(text), (id.to_owned(), Code::BadRequest), "{text}");
        }
        assert_eq!(read(b"\xff\xfe").unwrap_err().1.code, Code::BadEncoding);
        assert_eq!(refused(r#"{"v":1,"id":"7","op":"\ud800x"}"#).1, Code::BadEncoding);
        assert_eq!(read(&vec![b' '; MAX_REQUEST + 1]).unwrap_err().1.code, Code::TooLarge);
    }
}
