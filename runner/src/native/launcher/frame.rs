//! One request: the spec as JSON, and the descriptors of its sandbox.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::native::message::{self, MOST_DESCRIPTORS, broken};
use crate::native::spec::Spec;
use crate::native::start::{Given, StartError, this_process};
use crate::native::steps::Slot;

/// What is in a request beside its descriptors, which come in the order of these fields after report and root.
#[derive(Debug, Serialize, Deserialize)]
struct Body {
    spec: Spec,
    /// The folder of live sandboxes.
    live: PathBuf,
    streams: bool,
    cgroup: bool,
    joins: usize,
    others: Vec<Slot>,
}

/// Sends a request.
pub(crate) fn send(control: &UnixStream, spec: &Spec, given: &Given, live: &Path) -> io::Result<()> {
    let body = Body {
        spec: spec.clone(),
        live: live.to_owned(),
        streams: given.streams.is_some(),
        cgroup: given.cgroup.is_some(),
        joins: given.joins.len(),
        others: given.others.iter().map(|(slot, _)| *slot).collect(),
    };
    let descriptors: Vec<_> = [&given.report, &given.root]
        .into_iter()
        .chain(given.streams.iter().flatten())
        .chain(&given.cgroup)
        .chain(&given.joins)
        .chain(given.others.iter().map(|(_, other)| other))
        .map(OwnedFd::as_fd)
        .collect();
    message::send(control, &serde_json::to_vec(&body)?, &descriptors)
}

/// Says that nothing more is asked for, by a program that lives on.
pub(crate) fn leave(control: &UnixStream) -> io::Result<()> {
    message::send(control, b"", &[])
}

/// What the program says.
pub(super) enum Word {
    /// A sandbox is to be started, and recorded in this folder of live ones.
    Start(Box<(Spec, Given, PathBuf)>),
    /// Nothing more is asked for.
    Leave,
}

/// Reads a word; nothing when the other end is closed.
pub(super) fn receive(control: &UnixStream) -> io::Result<Option<Word>> {
    let Some((bytes, descriptors)) = message::receive(control)? else { return Ok(None) };
    if bytes.is_empty() {
        return Ok(Some(Word::Leave));
    }
    let body: Body = serde_json::from_slice(&bytes)?;
    Ok(Some(Word::Start(Box::new(unpack(body, descriptors)?))))
}

fn unpack(body: Body, descriptors: Vec<OwnedFd>) -> io::Result<(Spec, Given, PathBuf)> {
    let mut rest = descriptors.into_iter();
    let mut next = || rest.next().ok_or_else(|| broken("a request lacks descriptors"));
    let (report, root) = (next()?, next()?);
    let streams = if body.streams { Some([next()?, next()?, next()?]) } else { None };
    let cgroup = if body.cgroup { Some(next()?) } else { None };
    let most = |count: usize| count.min(MOST_DESCRIPTORS);
    let joins = (0..most(body.joins)).map(|_| next()).collect::<io::Result<_>>()?;
    let others = body.others.into_iter().take(MOST_DESCRIPTORS);
    let others = others.map(|slot| Ok((slot, next()?))).collect::<io::Result<_>>()?;
    let owner = this_process().map_err(|error: StartError| io::Error::other(error))?;
    Ok((body.spec, Given { streams, report, root, others, owner, cgroup, joins }, body.live))
}
