//! Who starts a sandbox and stays with it, so that its streams are the sandbox's: the engine's own client, or one of ours.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Stdio};

use serde::{Deserialize, Serialize};

use super::attach::{Attach, Said};
use super::tool::{Call, ToolError};
use crate::native::{Role, receive, send, start_helper};

/// Who it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Client {
    /// A program of the host.
    Call(Call),
    /// A process of ours.
    Attach(Box<Attach>),
}

/// One that has been started.
pub(super) struct Attended {
    pub(super) child: Child,
    /// Where one of ours says whether the sandbox has started.
    pub(super) control: Option<UnixStream>,
}

impl Client {
    /// As it is named in errors.
    pub(super) fn short(&self) -> String {
        match self {
            Self::Call(call) => call.short(),
            Self::Attach(attach) => attach.start.short(),
        }
    }

    /// What is done, in order, for people.
    pub(super) fn steps(&self) -> Vec<String> {
        match self {
            Self::Call(call) => vec![call.line()],
            Self::Attach(attach) => {
                [&attach.streams, &attach.start, &attach.wait].map(ToString::to_string).to_vec()
            }
        }
    }

    /// Starts it with these streams: input, output, error.
    pub(super) fn start(&self, [stdin, stdout, stderr]: [OwnedFd; 3]) -> Result<Attended, ToolError> {
        match self {
            Self::Call(call) => {
                let mut command = call.command();
                command.stdin(Stdio::from(stdin)).stdout(Stdio::from(stdout)).stderr(Stdio::from(stderr));
                let child = command.spawn().map_err(|source| self.failed(source))?;
                Ok(Attended { child, control: None })
            }
            Self::Attach(attach) => {
                let started = || -> io::Result<Attended> {
                    let (control, theirs) = UnixStream::pair()?;
                    let child = start_helper(Path::new("/proc/self/exe"), Role::Client, theirs.into())?;
                    let order = serde_json::to_vec(attach)?;
                    send(&control, &order, &[stdin.as_fd(), stdout.as_fd(), stderr.as_fd()])?;
                    Ok(Attended { child, control: Some(control) })
                };
                started().map_err(|source| self.failed(source))
            }
        }
    }

    pub(super) fn failed(&self, source: io::Error) -> ToolError {
        let program = match self {
            Self::Call(call) => call.program.clone(),
            Self::Attach(_) => "/proc/self/exe".into(),
        };
        ToolError::Start { program, source }
    }

    /// Waits until one of ours says that the sandbox has started, or why it has not. One that ends without a word was killed, and
    /// has started nothing that anybody waits for.
    pub(super) fn hear(&self, control: &UnixStream) -> Result<bool, ToolError> {
        let said = receive(control).ok().flatten().map(|(text, _)| serde_json::from_slice(&text));
        match said {
            Some(Ok(Said::Failed(words))) => {
                let status = "the sandbox did not run".to_owned();
                Err(ToolError::Failed { call: self.short(), status, words })
            }
            Some(Ok(Said::Started)) => Ok(true),
            Some(Err(_)) | None => Ok(false),
        }
    }
}
