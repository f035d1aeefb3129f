//! Just enough of HTTP/1.1: requests one after the other, and answers.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Most bytes that a test pushes at once.
const MAX_BODY: u64 = 1 << 30;

/// A request, with its body.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }
}

/// Reads one request; `None` where the other side only opened a connection.
pub(crate) fn read(stream: &TcpStream) -> io::Result<Option<Request>> {
    let mut reader = BufReader::new(stream);
    let line = read_line(&mut reader)?;
    let mut words = line.split(' ');
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
    let mut headers = BTreeMap::new();
    loop {
        let line = read_line(&mut reader)?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
    }
    if headers.get("expect").is_some_and(|it| it.eq_ignore_ascii_case("100-continue")) {
        let mut writer = stream;
        writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let chunked = headers.get("transfer-encoding").is_some_and(|it| it.contains("chunked"));
    let length = headers.get("content-length").and_then(|it| it.parse().ok()).unwrap_or(0_u64);
    let mut body = Vec::new();
    if chunked {
        read_chunks(&mut reader, &mut body)?;
    } else {
        reader.take(length.min(MAX_BODY)).read_to_end(&mut body)?;
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let pair = |pair: &str| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(key), decode(value))
    };
    let query = query.split('&').filter(|it| !it.is_empty()).map(pair).collect();
    Ok(Some(Request { method: method.to_owned(), path: decode(path), query, headers, body }))
}

fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    reader.by_ref().take(64 * 1024).read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn read_chunks(reader: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let line = read_line(reader)?;
        let size = line.split(';').next().unwrap_or("0").trim();
        let size = u64::from_str_radix(size, 16).map_err(io::Error::other)?;
        reader.by_ref().take(size.min(MAX_BODY)).read_to_end(body)?;
        read_line(reader)?;
        if size == 0 {
            return Ok(());
        }
    }
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| *first == b'%').and_then(|it| std::str::from_utf8(it).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// An answer.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Body,
}

/// What comes after the headers.
#[derive(Debug)]
pub(crate) enum Body {
    /// These bytes, with a true length.
    Bytes(Vec<u8>),
    /// A length, and these bytes, which may be fewer.
    Announced(u64, Vec<u8>),
    /// These bytes, and zeros until the other side hangs up.
    Endless(Vec<u8>),
    /// These bytes, one at a time, with a pause after each.
    Slow(Vec<u8>, Duration),
    /// What is made while it is sent, of a length that is not announced.
    Made(Pieces),
}

/// The pieces of a body.
pub(crate) struct Pieces(pub(crate) Box<dyn Iterator<Item = Vec<u8>> + Send>);

impl fmt::Debug for Pieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pieces")
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::Bytes(Vec::new())
    }
}

impl Answer {
    pub(crate) fn new(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn bytes(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = Body::Bytes(bytes.into());
        self
    }

    /// Whether the connection serves for more after this answer: where its end is known and it is true.
    pub(crate) fn keeps_connection(&self) -> bool {
        matches!(self.body, Body::Bytes(_))
    }

    /// Writes the answer, without its body if only the head was asked for.
    pub(crate) fn write(self, mut stream: impl Write, head: bool) -> io::Result<()> {
        let mut text = format!("HTTP/1.1 {} Status\r\n", self.status);
        if !self.keeps_connection() {
            text += "Connection: close\r\n";
        }
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        let has_length = self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        match &self.body {
            Body::Bytes(bytes) if !has_length => text += &format!("Content-Length: {}\r\n", bytes.len()),
            Body::Announced(length, _) => text += &format!("Content-Length: {length}\r\n"),
            Body::Slow(bytes, _) => text += &format!("Content-Length: {}\r\n", bytes.len()),
            Body::Bytes(_) | Body::Endless(_) | Body::Made(_) => {}
        }
        text += "\r\n";
        match &self.body {
            _ if head => return stream.write_all(text.as_bytes()),
            // In one piece, so that no side waits for the other to have read the head.
            Body::Bytes(bytes) => return stream.write_all(&[text.as_bytes(), bytes].concat()),
            _ => stream.write_all(text.as_bytes())?,
        }
        match self.body {
            Body::Bytes(_) => Ok(()),
            Body::Announced(_, bytes) => stream.write_all(&bytes),
            Body::Endless(start) => {
                stream.write_all(&start)?;
                loop {
                    stream.write_all(&[0; 8192])?;
                }
            }
            Body::Slow(bytes, pause) => bytes.iter().try_for_each(|byte| {
                stream.write_all(&[*byte])?;
                std::thread::sleep(pause);
                Ok(())
            }),
            Body::Made(mut pieces) => pieces.0.try_for_each(|piece| stream.write_all(&piece)),
        }
    }
}
