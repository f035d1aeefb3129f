//! One question to an engine's socket, and its answer: HTTP/1.1 over a Unix socket, as much of it as the Docker Engine API needs.
//!
//! A library for this API brings an async runtime into the launch path; what is asked here is six questions with answers of
//! known size, on a connection that is closed after each.

use std::fmt;
use std::fs;
use std::io::{self, BufReader, Read, Write};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, socket};
use serde::{Deserialize, Serialize};

use super::reply::{HttpError, MOST, Reply, read_head, read_reply};
use super::tool::{Feed, ToolError, is_trusted, plain};

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

    pub(super) fn short(&self) -> String {
        let path = self.target.split('?').next().unwrap_or_default();
        plain(format!("{} {path}", self.method).as_bytes())
    }

    /// Asks for a stream in both directions: what follows the answer's head is no HTTP any more.
    pub(super) fn open(&self, within: Duration) -> Result<UnixStream, ToolError> {
        let deadline = (Instant::now(), within);
        let stream = self.connect(within)?;
        let head = self.head("Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n");
        let refused =
            upgrade(&stream, head.as_bytes(), deadline).map_err(|error| self.error(&error, within))?;
        if let Some(reply) = refused {
            return Err(self.failed(&reply));
        }
        let forever = stream.set_read_timeout(None).and_then(|()| stream.set_write_timeout(None));
        forever.map_err(|error| self.unusable(error.to_string()))?;
        Ok(stream)
    }

    fn send(&self, within: Duration, headers: &str, body: Feed<'_>) -> Result<Reply, ToolError> {
        let deadline = (Instant::now(), within);
        let stream = self.connect(within)?;
        let head = self.head(&format!("Connection: close\r\n{headers}"));
        exchange(&stream, head.as_bytes(), body, deadline).map_err(|error| self.error(&error, within))
    }

    fn head(&self, headers: &str) -> String {
        format!("{} {} HTTP/1.1\r\nHost: engine\r\n{headers}\r\n", self.method, self.target)
    }

    fn connect(&self, within: Duration) -> Result<UnixStream, ToolError> {
        connect(&self.socket, within).map_err(|source| {
            if source.kind() == io::ErrorKind::TimedOut {
                ToolError::Hangs { call: self.short(), within }
            } else {
                ToolError::Start { program: self.socket.clone(), source }
            }
        })
    }

    fn error(&self, error: &HttpError, within: Duration) -> ToolError {
        match error {
            HttpError::Io(error) if is_late(error) => ToolError::Hangs { call: self.short(), within },
            HttpError::Io(_) | HttpError::Form(_) | HttpError::TooLong => self.unusable(error.to_string()),
        }
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

/// Asks for a stream; the answer of an engine that gives none.
fn upgrade(
    stream: &UnixStream,
    head: &[u8],
    deadline: (Instant, Duration),
) -> Result<Option<Reply>, HttpError> {
    let mut to = stream;
    to.write_all(head)?;
    // Byte by byte: what the program says stands right behind the head.
    let mut source = BufReader::with_capacity(1, Patient { stream, deadline }.take(MOST));
    let head = read_head(&mut source)?;
    if matches!(head.status, 101 | 200) {
        return Ok(None);
    }
    Ok(Some(Reply { status: head.status, body: head.read_body(&mut source)? }))
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

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
