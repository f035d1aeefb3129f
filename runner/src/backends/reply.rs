//! What an engine answers, in the form of HTTP/1.1: read with bounds on all of it.

use std::io::{self, BufRead, BufReader, Read};

use thiserror::Error;

/// The most that is read of an answer.
pub(super) const MOST: u64 = 4 << 20;
/// The longest line of an answer's head, and the most lines.
const LONGEST_LINE: u64 = 16 << 10;
const MOST_LINES: usize = 100;

/// What an engine answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// What stands before an answer's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: u16,
    length: Option<u64>,
    is_chunked: bool,
}

/// Why an answer is none.
#[derive(Debug, Error)]
pub(super) enum HttpError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("it is not HTTP: {0}")]
    Form(&'static str),
    #[error("it is longer than {MOST} bytes")]
    TooLong,
}

/// Reads an answer of a bounded size.
pub(super) fn read_reply(source: impl Read) -> Result<Reply, HttpError> {
    let mut source = BufReader::new(source.take(MOST));
    let head = read_head(&mut source)?;
    let body = head.read_body(&mut source)?;
    if source.get_ref().limit() == 0 {
        return Err(HttpError::TooLong);
    }
    Ok(Reply { status: head.status, body })
}

/// Everything before an answer's body, and nothing of what follows.
pub(super) fn read_head(source: &mut impl BufRead) -> Result<Head, HttpError> {
    let status = line(source)?;
    let status = status.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)?.parse().ok());
    let status = status.ok_or(HttpError::Form("its first line"))?;
    let mut head = Head { status, length: None, is_chunked: false };
    for _ in 0..MOST_LINES {
        let header = line(source)?;
        if header.is_empty() {
            return Ok(head);
        }
        let (name, value) = header.split_once(':').ok_or(HttpError::Form("a header"))?;
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            head.length = Some(value.parse().map_err(|_| HttpError::Form("its length"))?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            head.is_chunked = value.eq_ignore_ascii_case("chunked");
        }
    }
    Err(HttpError::Form("too many headers"))
}

impl Head {
    /// Reads what follows it, as long as it says that this is.
    pub(super) fn read_body(&self, source: &mut impl BufRead) -> Result<Vec<u8>, HttpError> {
        let mut body = Vec::new();
        match self.length {
            _ if self.is_chunked => read_chunks(source, &mut body)?,
            Some(length) => {
                source.take(length).read_to_end(&mut body)?;
                if u64::try_from(body.len()) != Ok(length) {
                    return Err(HttpError::Form("its body ends early, or is too long"));
                }
            }
            None => drop(source.read_to_end(&mut body)?),
        }
        Ok(body)
    }
}

fn read_chunks(source: &mut impl BufRead, body: &mut Vec<u8>) -> Result<(), HttpError> {
    loop {
        let size = line(source)?;
        let size = size.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16).map_err(|_| HttpError::Form("the size of a chunk"))?;
        let before = body.len();
        source.by_ref().take(size).read_to_end(body)?;
        if u64::try_from(body.len().saturating_sub(before)) != Ok(size) {
            return Err(HttpError::Form("a chunk ends early, or is too long"));
        }
        if !line(source)?.is_empty() {
            return Err(HttpError::Form("the end of a chunk"));
        }
        if size == 0 {
            return Ok(());
        }
    }
}

fn line(source: &mut impl BufRead) -> Result<String, HttpError> {
    let mut line = Vec::new();
    source.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        return Err(HttpError::Form("a line that does not end"));
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    String::from_utf8(line).map_err(|_| HttpError::Form("a line that is not text"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reply(text: &str) -> Result<Reply, HttpError> {
        read_reply(text.as_bytes())
    }

    #[test]
    fn bodies_of_all_forms_are_read() {
        let plain = reply("HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nabc").unwrap();
        assert_eq!(plain, Reply { status: 404, body: b"abc".to_vec() });
        let chunked =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
        assert_eq!(reply(chunked).unwrap().body, b"abcde");
        assert_eq!(reply("HTTP/1.0 204 No Content\r\n\r\n").unwrap().status, 204);
    }

    #[test]
    fn half_an_answer_is_none() {
        for text in [
            "",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
            "SSH-2.0-x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            "HTTP/1.1 x OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        ] {
            assert!(reply(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_flood_is_refused() {
        let head = b"HTTP/1.1 200 OK\r\n\r\n".as_slice();
        assert!(matches!(read_reply(head.chain(io::repeat(b'x'))), Err(HttpError::TooLong)));
        assert!(read_reply(io::repeat(b'x')).is_err(), "a line without end");
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            drop(read_reply(bytes.as_slice()));
            let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".as_slice();
            drop(read_reply(head.chain(bytes.as_slice())));
        }
    }
}
