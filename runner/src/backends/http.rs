//! One question to an engine's socket, and its answer: HTTP/1.1 over a Unix socket, as much of it as the Docker Engine API needs.
//!
//! A library for this API brings an async runtime into the launch path; what is asked here is six questions with answers of
//! known size, on a connection that is closed after each.

use std::fmt;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, socket};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::tool::{Feed, ToolError, is_trusted, plain};

/// The most that is read of an answer.
const MOST: u64 = 4 << 20;
/// The longest line of an answer's head, and the most lines.
const LONGEST_LINE: u64 = 16 << 10;
const MOST_LINES: usize = 100;

/// A question to an engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Exchange {
    /// The engine's socket.
    pub(crate) socket: PathBuf,
    /// `GET`, `POST`, `DELETE`.
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    /// JSON, or nothing.
    pub(crate) body: Option<String>,
}

/// What an engine answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// Why an answer is none.
#[derive(Debug, Error)]
pub(crate) enum HttpError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("it is not HTTP: {0}")]
    Form(&'static str),
    #[error("it is longer than {MOST} bytes")]
    TooLong,
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} at {}", self.method, self.target, self.socket.display())?;
        self.body.iter().try_for_each(|body| write!(f, " {body}"))
    }
}

impl Exchange {
    /// A question without a body.
    pub(crate) fn new(socket: &Path, method: &str, target: impl Into<String>) -> Self {
        Self { socket: socket.to_owned(), method: method.to_owned(), target: target.into(), body: None }
    }

    /// Asks, and takes any answer.
    pub(crate) fn ask(&self, within: Duration) -> Result<Reply, ToolError> {
        let length = self.body.as_ref().map_or(0, String::len);
        let head = format!("Content-Type: application/json\r\nContent-Length: {length}\r\n");
        let mut body = |to: &mut dyn Write| to.write_all(self.body.as_deref().unwrap_or_default().as_bytes());
        self.send(within, &head, &mut body)
    }

    /// Asks, with an archive of unknown length as the body.
    pub(crate) fn upload(&self, within: Duration, archive: Feed<'_>) -> Result<Reply, ToolError> {
        let head = "Content-Type: application/x-tar\r\nTransfer-Encoding: chunked\r\n";
        self.send(within, head, &mut |to| {
            let mut chunks = Chunks(to);
            archive(&mut chunks)?;
            chunks.0.write_all(b"0\r\n\r\n")
        })
    }

    /// Asks, and takes the body of an answer that is a success.
    pub(crate) fn answer(&self, within: Duration) -> Result<Vec<u8>, ToolError> {
        let reply = self.ask(within)?;
        if (200..300).contains(&reply.status) { Ok(reply.body) } else { Err(self.failed(&reply)) }
    }

    /// The error that its own words make.
    pub(crate) fn failed(&self, reply: &Reply) -> ToolError {
        let message = serde_json::from_slice::<serde_json::Value>(&reply.body).ok();
        let message = message.as_ref().and_then(|body| body.get("message")?.as_str());
        let words = message.map_or_else(|| plain(&reply.body), |message| plain(message.as_bytes()));
        ToolError::Failed { call: self.short(), status: format!("status {}", reply.status), words }
    }

    /// As the error about an answer.
    pub(crate) fn unusable(&self, why: impl Into<String>) -> ToolError {
        ToolError::Answer { call: self.short(), why: why.into() }
    }

    fn short(&self) -> String {
        let path = self.target.split('?').next().unwrap_or_default();
        plain(format!("{} {path}", self.method).as_bytes())
    }

    fn send(&self, within: Duration, head: &str, body: Feed<'_>) -> Result<Reply, ToolError> {
        let begun = Instant::now();
        let stream = connect(&self.socket, within).map_err(|source| {
            if source.kind() == io::ErrorKind::TimedOut {
                ToolError::Hangs { call: self.short(), within }
            } else {
                ToolError::Start { program: self.socket.clone(), source }
            }
        })?;
        let (method, target) = (&self.method, &self.target);
        let head = format!("{method} {target} HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n{head}\r\n");
        let exchanged = exchange(&stream, head.as_bytes(), body, (begun, within));
        exchanged.map_err(|error| match error {
            HttpError::Io(ref error) if is_late(error) => ToolError::Hangs { call: self.short(), within },
            HttpError::Io(_) | HttpError::Form(_) | HttpError::TooLong => self.unusable(error.to_string()),
        })
    }
}

fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// SECURITY: who answers there decides what a sandbox is. A socket of somebody else is not asked.
fn connect(path: &Path, within: Duration) -> io::Result<UnixStream> {
    let found = fs::metadata(path)?;
    if !found.file_type().is_socket() || !is_trusted(found.uid(), found.mode()) {
        let why = "it is not a socket of root's or your own that others cannot write to";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    }
    let stream = connect_within(&UnixAddr::new(path)?, within)?;
    stream.set_write_timeout(Some(within))?;
    Ok(stream)
}

/// The standard library waits without end where an engine takes no more connections.
fn connect_within(address: &UnixAddr, within: Duration) -> io::Result<UnixStream> {
    let begun = Instant::now();
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let stream = UnixStream::from(socket(AddressFamily::Unix, SockType::Stream, flags, None)?);
    loop {
        match nix::sys::socket::connect(stream.as_raw_fd(), address) {
            Ok(()) => break,
            Err(Errno::EAGAIN | Errno::EINTR) if begun.elapsed() < within => {
                std::thread::sleep(Duration::from_millis(2));
            }
            Err(Errno::EAGAIN | Errno::EINTR) => return Err(io::ErrorKind::TimedOut.into()),
            Err(errno) => return Err(errno.into()),
        }
    }
    stream.set_nonblocking(false)?;
    Ok(stream)
}

fn exchange(
    stream: &UnixStream,
    head: &[u8],
    body: Feed<'_>,
    deadline: (Instant, Duration),
) -> Result<Reply, HttpError> {
    let mut to = stream;
    // An engine that refuses early says why, and reads no further.
    let sent = to.write_all(head).and_then(|()| body(&mut to)).and_then(|()| to.flush());
    let reply = read_reply(Patient { stream, deadline });
    match (reply, sent) {
        (Ok(reply), Ok(())) => Ok(reply),
        (Ok(reply), Err(_)) if reply.status >= 400 => Ok(reply),
        (_, Err(error)) => Err(error.into()),
        (Err(error), Ok(())) => Err(error),
    }
}

/// Reads until the whole exchange has taken too long, however slowly bytes come.
struct Patient<'a> {
    stream: &'a UnixStream,
    deadline: (Instant, Duration),
}

impl Read for Patient<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let (begun, within) = self.deadline;
        let left = within.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        self.stream.read(buf)
    }
}

/// Writes pieces of a body whose length nobody knows.
struct Chunks<'a>(&'a mut dyn Write);

impl Write for Chunks<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // An empty one would be the end.
        if !bytes.is_empty() {
            write!(self.0, "{:x}\r\n", bytes.len())?;
            self.0.write_all(bytes)?;
            self.0.write_all(b"\r\n")?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Reads an answer of a bounded size.
pub(crate) fn read_reply(source: impl Read) -> Result<Reply, HttpError> {
    let mut source = BufReader::new(source.take(MOST));
    let status = line(&mut source)?;
    let status = status.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)?.parse().ok());
    let status = status.ok_or(HttpError::Form("its first line"))?;
    let (mut length, mut chunked) = (None, false);
    for _ in 0..MOST_LINES {
        let header = line(&mut source)?;
        if header.is_empty() {
            let mut body = Vec::new();
            match length {
                _ if chunked => read_chunks(&mut source, &mut body)?,
                Some(length) => {
                    source.by_ref().take(length).read_to_end(&mut body)?;
                    if u64::try_from(body.len()) != Ok(length) {
                        return Err(HttpError::Form("its body ends early, or is too long"));
                    }
                }
                None => drop(source.read_to_end(&mut body)?),
            }
            if source.get_ref().limit() == 0 {
                return Err(HttpError::TooLong);
            }
            return Ok(Reply { status, body });
        }
        let (name, value) = header.split_once(':').ok_or(HttpError::Form("a header"))?;
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(value.parse().map_err(|_| HttpError::Form("its length"))?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            chunked = value.eq_ignore_ascii_case("chunked");
        }
    }
    Err(HttpError::Form("too many headers"))
}

fn read_chunks(source: &mut impl io::BufRead, body: &mut Vec<u8>) -> Result<(), HttpError> {
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

fn line(source: &mut impl io::BufRead) -> Result<String, HttpError> {
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
    use std::os::unix::net::UnixListener;

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

    fn engine(answer: &'static [u8], pause: Duration) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("engine.sock");
        let listener = UnixListener::bind(&path).unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                std::thread::sleep(pause);
                // The other side may have gone.
                drop(stream.write_all(answer));
                drop(stream.read(&mut [0; 4096]));
            }
        });
        (folder, path)
    }

    #[test]
    fn an_engine_that_says_no_is_quoted_without_control_characters() {
        let said = b"HTTP/1.1 409 Conflict\r\nContent-Length: 27\r\n\r\n{\"message\":\"no\\u001b[31m!\"}";
        let (_folder, path) = engine(said, Duration::ZERO);
        let error = Exchange::new(&path, "GET", "/x?y").answer(Duration::from_secs(2)).unwrap_err();
        assert_eq!(error.to_string(), "`GET /x` failed (status 409): no\u{fffd}[31m!");
    }

    #[test]
    fn an_engine_that_hangs_is_not_waited_for() {
        let (_folder, path) = engine(b"", Duration::from_secs(30));
        let error = Exchange::new(&path, "GET", "/x").answer(Duration::from_millis(100)).unwrap_err();
        assert!(matches!(error, ToolError::Hangs { .. }), "{error}");
    }

    #[test]
    fn an_engine_that_takes_no_more_connections_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("engine.sock");
        let _listener = UnixListener::bind(&path).unwrap();
        let mut waiting = Vec::new();
        while let Ok(one) = connect_within(&UnixAddr::new(&path).unwrap(), Duration::ZERO) {
            waiting.push(one);
        }
        let begun = Instant::now();
        let error = Exchange::new(&path, "GET", "/x").answer(Duration::from_millis(100)).unwrap_err();
        assert!(matches!(error, ToolError::Hangs { .. }), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn a_socket_that_anybody_may_write_to_is_not_asked() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_folder, path) = engine(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Duration::ZERO);
        let ask = Exchange::new(&path, "GET", "/x");
        assert!(ask.answer(Duration::from_secs(2)).is_ok());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        let error = ask.answer(Duration::from_secs(2)).unwrap_err();
        assert!(error.to_string().contains("not a socket of root's or your own"), "{error}");
    }
}
