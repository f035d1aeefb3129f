//! The three streams of a module on the descriptors of its process, without a buffer of our own.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use bytes::Bytes;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use tokio::io::{AsyncRead, AsyncWrite, empty};
use tokio::net::unix::pipe::{Receiver, Sender};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdinStream, StdoutStream};
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

/// The most that one read brings or one write takes.
const PIECE: usize = 64 << 10;

/// A descriptor that never blocks this thread, where it could.
#[derive(Debug)]
enum End<P> {
    /// A pipe or a socket, which is waited for.
    Waits(P),
    /// A file, which is always ready.
    Ready(File),
}

/// What the runtime does not wait for it answers so.
fn or_file<P>(waits: io::Result<P>, spare: OwnedFd) -> io::Result<End<P>> {
    match waits {
        Ok(waits) => Ok(End::Waits(waits)),
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => Ok(End::Ready(spare.into())),
        Err(error) => Err(error),
    }
}

fn never_block(descriptor: &OwnedFd) -> io::Result<()> {
    let set = fcntl(descriptor, FcntlArg::F_GETFL)?;
    fcntl(descriptor, FcntlArg::F_SETFL(OFlag::from_bits_retain(set) | OFlag::O_NONBLOCK))?;
    Ok(())
}

/// Where a module reads.
#[derive(Debug, Clone)]
pub(super) struct Inlet(Arc<End<Receiver>>);

impl Inlet {
    /// Takes a descriptor, inside the runtime that will wait for it.
    pub(super) fn new(descriptor: OwnedFd) -> io::Result<Self> {
        never_block(&descriptor)?;
        let spare = descriptor.try_clone()?;
        or_file(Receiver::from_owned_fd_unchecked(descriptor), spare).map(|end| Self(Arc::new(end)))
    }
}

impl IsTerminal for Inlet {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdinStream for Inlet {
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        // Preview 1 asks for the other one.
        Box::new(empty())
    }

    fn p2_stream(&self) -> Box<dyn InputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for Inlet {
    async fn ready(&mut self) {
        if let End::Waits(pipe) = &*self.0 {
            // What is wrong with the descriptor is said by the read that follows.
            pipe.readable().await.ok();
        }
    }
}

impl InputStream for Inlet {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let mut bytes = vec![0; size.min(PIECE)];
        if bytes.is_empty() {
            return Ok(Bytes::new());
        }
        let read = match &*self.0 {
            End::Waits(pipe) => pipe.try_read(&mut bytes),
            End::Ready(file) => (&*file).read(&mut bytes),
        };
        match read {
            Ok(0) => Err(StreamError::Closed),
            Ok(length) => {
                bytes.truncate(length);
                Ok(bytes.into())
            }
            Err(error) if is_later(&error) => Ok(Bytes::new()),
            Err(error) => Err(failed(error)),
        }
    }
}

fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

fn failed(error: io::Error) -> StreamError {
    if error.kind() == io::ErrorKind::BrokenPipe {
        StreamError::Closed
    } else {
        StreamError::LastOperationFailed(error.into())
    }
}

/// Where a module writes.
#[derive(Debug, Clone)]
pub(super) struct Outlet {
    end: Arc<End<Sender>>,
    /// What the pipe did not take yet.
    rest: Bytes,
}

impl Outlet {
    /// Takes a descriptor, inside the runtime that will wait for it.
    pub(super) fn new(descriptor: OwnedFd) -> io::Result<Self> {
        never_block(&descriptor)?;
        let spare = descriptor.try_clone()?;
        let end = or_file(Sender::from_owned_fd_unchecked(descriptor), spare)?;
        Ok(Self { end: Arc::new(end), rest: Bytes::new() })
    }

    fn push(&mut self) -> StreamResult<()> {
        while !self.rest.is_empty() {
            let written = match &*self.end {
                End::Waits(pipe) => pipe.try_write(&self.rest),
                End::Ready(file) => (&*file).write(&self.rest),
            };
            match written {
                Ok(length) => drop(self.rest.split_to(length.min(self.rest.len()))),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_later(&error) => return Ok(()),
                Err(error) => {
                    self.rest.clear();
                    return Err(failed(error));
                }
            }
        }
        Ok(())
    }
}

impl IsTerminal for Outlet {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Outlet {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Preview 1 asks for the other one.
        Box::new(empty())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for Outlet {
    async fn ready(&mut self) {
        while self.push().is_ok() && !self.rest.is_empty() {
            if let End::Waits(pipe) = &*self.end {
                // What is wrong with the descriptor is said by the write that follows.
                pipe.writable().await.ok();
            }
        }
    }
}

impl OutputStream for Outlet {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if !self.rest.is_empty() || bytes.len() > PIECE {
            return Err(StreamError::trap("more was written than the stream takes"));
        }
        self.rest = bytes;
        self.push()
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.push()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.push()?;
        Ok(if self.rest.is_empty() { PIECE } else { 0 })
    }
}
