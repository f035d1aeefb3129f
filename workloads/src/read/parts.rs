//! Ports, volumes, limits, health: the parts of a node that have a form of their own.

use std::num::{NonZeroU16, NonZeroU32};

use perry_sandbox_pipeline::{Probe, Upkeep};
use perry_sandbox_policy::{
    ByteSize, MilliCpu, Protocol, PublishOn, VolumeAccess, VolumeMount, WallTime, WantedLimits,
};
use perry_sandbox_runner::{HealthCheck, Restart};
use serde_json::Value;

use super::object::{Found, Object, quoted, text_of};
use crate::model::Port;

/// Failures in a row where nobody says.
const RETRIES: NonZeroU32 = NonZeroU32::MIN.saturating_add(2);

/// `ports`: numbers, `"80"`, `"8080:80"`, `"127.0.0.1:8080:80"`, each with `/udp` behind it where it is that.
pub(super) fn ports(object: &mut Object<'_>, found: &mut Found) -> Vec<Port> {
    let mut ports = Vec::new();
    for (at, item) in object.list("ports", found) {
        let text = if let Value::Number(number) = item {
            number.to_string()
        } else {
            text_of(item, &at, found).unwrap_or_default().to_owned()
        };
        match port(&text) {
            Some(port) => ports.push(port),
            None if text.is_empty() => {}
            None => {
                let expected = "expected a port as `80`, `8080:80` or `127.0.0.1:8080:80`, with `/udp` behind it if it is that";
                found.add(&at, format_args!("`{}` is no port: {expected}", quoted(&text)));
            }
        }
    }
    ports
}

fn port(text: &str) -> Option<Port> {
    let (text, protocol) = match text.rsplit_once('/') {
        None => (text, Protocol::Tcp),
        Some((text, "tcp")) => (text, Protocol::Tcp),
        Some((text, "udp")) => (text, Protocol::Udp),
        Some(_) => return None,
    };
    let (published, inside) = match text.rsplit_once(':') {
        None => (None, text),
        Some((published, inside)) => {
            // A node has one port of the host, which its caller knows.
            let on = published.parse::<PublishOn>().ok()?.only().filter(|on| on.socket().port() != 0);
            (Some(on?), inside)
        }
    };
    let inside: NonZeroU16 = inside.parse().ok()?;
    Some(Port { inside, protocol, published })
}

/// `"NAME:/place"`, with `:ro` behind it where it is only read.
pub(super) fn volume(text: &str, at: &str, found: &mut Found) -> Option<VolumeMount> {
    let mut parts = text.split(':');
    let (name, path, mode) = (parts.next()?, parts.next(), parts.next());
    let access = match (path, mode, parts.next()) {
        (Some(_), None | Some("rw"), None) => VolumeAccess::Write,
        (Some(_), Some("ro"), None) => VolumeAccess::Read,
        _ => {
            found.add(
                at,
                format_args!("`{}` is no volume: expected `NAME:/place` or `NAME:/place:ro`", quoted(text)),
            );
            return None;
        }
    };
    if name.starts_with('/') {
        found.add(
            at,
            "is a folder of the host: a node has volumes of the graph only; run it by `run` with a grant",
        );
        return None;
    }
    let mut refuse = |error: &dyn std::fmt::Display| found.add(at, error);
    let volume = name.parse().map_err(|error| refuse(&error)).ok();
    let path = path.unwrap_or_default().parse().map_err(|error| refuse(&error)).ok();
    Some(VolumeMount { volume: volume?, path: path?, access })
}

/// `resources`: `{memory, cpus, pids, disk, openFiles, output, wallMs}`, each tighter than the policy's.
pub(super) fn limits(object: &mut Object<'_>, found: &mut Found) -> WantedLimits {
    let Some(mut inner) = object.object("resources", found) else { return WantedLimits::default() };
    let limits = WantedLimits {
        memory: size(&mut inner, "memory", found),
        cpu: cores(&mut inner, found),
        pids: small(&mut inner, "pids", found),
        wall: inner.count("wallMs", found).and_then(WallTime::from_millis),
        output: size(&mut inner, "output", found),
        disk: size(&mut inner, "disk", found),
        open_files: small(&mut inner, "openFiles", found),
    };
    inner.finish(found);
    limits
}

/// A number of bytes, or text such as `64MiB`.
fn size(inner: &mut Object<'_>, name: &'static str, found: &mut Found) -> Option<ByteSize> {
    let value = inner.take(name)?;
    let size = match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.as_u64().and_then(ByteSize::from_bytes),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    if size.is_none() {
        found.add(&inner.place(name), "is expected to be bytes above 0, or text such as `64MiB`");
    }
    size
}

/// The number is read as it was written, so that 0.1 is exactly 100 thousandths.
fn cores(inner: &mut Object<'_>, found: &mut Found) -> Option<MilliCpu> {
    let value = inner.take("cpus")?;
    let cores = if value.is_number() { value.to_string().parse().ok() } else { None };
    if cores.is_none() {
        found.add(&inner.place("cpus"), "is expected to be a number of cores, as 0.5");
    }
    cores
}

fn small(inner: &mut Object<'_>, name: &'static str, found: &mut Found) -> Option<NonZeroU32> {
    let number = inner.count(name, found)?;
    let small = u32::try_from(number).ok().and_then(NonZeroU32::new);
    if small.is_none() {
        found.add(&inner.place(name), "is too large");
    }
    small
}

/// `restart` and `health`.
pub(super) fn upkeep(object: &mut Object<'_>, found: &mut Found) -> Upkeep {
    let words =
        [("no", Restart::No), ("on-failure", Restart::OnFailure { most: None }), ("always", Restart::Always)];
    let restart = object.word("restart", &words, found).unwrap_or_default();
    let health = object.object("health", found).and_then(|mut inner| {
        let probe = probe(&mut inner, found);
        inner.finish(found);
        probe
    });
    Upkeep { restart, health, ..Upkeep::default() }
}

/// `{command, intervalMs?, timeoutMs?, startPeriodMs?, retries?}`.
fn probe(inner: &mut Object<'_>, found: &mut Found) -> Option<Probe> {
    let command = inner.texts("command", found);
    if command.is_empty() {
        found.add(&inner.place("command"), "is missing: the program that says whether the node is well");
    }
    let mut time = |name| inner.count(name, found).and_then(WallTime::from_millis);
    let check = HealthCheck {
        interval: time("intervalMs").unwrap_or(WallTime::HEALTH_CHECK),
        timeout: time("timeoutMs").unwrap_or(WallTime::HEALTH_CHECK),
        start_period: time("startPeriodMs"),
        retries: small(inner, "retries", found).unwrap_or(RETRIES),
    };
    (!command.is_empty()).then_some(Probe { command, check })
}
