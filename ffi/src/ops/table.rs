//! The one table of operations: each name, and who reads its arguments.

use super::audit::Audit;
use super::backends::Select;
use super::build::Build;
use super::compose::{Config, Up as RaiseStack};
use super::explain::Explain;
use super::graph::{Described, Named as NamedGraph, Raise};
use super::images::{Pull, Remove};
use super::logs::{OpenLogs, ReadLogs};
use super::operation::{AtOnce, Opening, Operation, Wait, Work};
use super::policy::CheckPolicy;
use super::project::OnProject;
use super::run::Run;
use super::sandboxes::{Exec, List, Make, OnOne};
use super::stream::{Next, Open, Write};
use super::verify::Verify;
use crate::envelope::Fields;
use crate::fault::Fault;

/// Reads the arguments of one operation.
type Reader = fn(Fields) -> Result<Operation, Fault>;

/// Every operation, once. `perry/wit/` describes the same, and a test holds the two together.
pub(super) const READERS: &[(&str, Reader)] = &[
    ("version", |fields| at_once(none(&fields, AtOnce::Version))),
    ("close", |fields| at_once(none(&fields, AtOnce::Close))),
    ("cancel", |fields| at_once(cancel(fields))),
    ("open", |fields| Ok(Operation::Open(Opening::Run(Box::new(Open::read(fields)?))))),
    ("openLogs", |fields| Ok(Operation::Open(Opening::Logs(OpenLogs::read(fields)?)))),
    ("next", |fields| Ok(Operation::Wait(Wait::Next(Next::read(fields)?)))),
    ("write", |fields| Ok(Operation::Wait(Wait::Write(Write::read(fields)?)))),
    ("runCapability", |fields| work(Run::capability(fields), |run| Work::Run(Box::new(run)))),
    ("run", |fields| work(Run::spec(fields), |run| Work::Run(Box::new(run)))),
    ("explain", |fields| work(Explain::read(fields), |explain| Work::Explain(Box::new(explain)))),
    ("verify", |fields| work(Verify::read(fields), |verify| Work::Verify(Box::new(verify)))),
    ("checkPolicy", |fields| work(CheckPolicy::read(fields), |check| Work::CheckPolicy(Box::new(check)))),
    ("audit", |fields| work(Audit::read(fields), |audit| Work::Audit(Box::new(audit)))),
    ("pullImage", |fields| work(Pull::read(fields), |pull| Work::PullImage(Box::new(pull)))),
    ("listImages", |fields| work(none(&fields, Work::ListImages), |it| it)),
    ("removeImage", |fields| work(Remove::read(fields), |remove| Work::RemoveImage(Box::new(remove)))),
    ("getBackend", |fields| work(none(&fields, Work::CurrentBackend), |it| it)),
    ("getBackendPriority", |fields| at_once(none(&fields, AtOnce::BackendPriority))),
    ("getAvailableBackends", |fields| work(none(&fields, Work::AvailableBackends), |it| it)),
    ("detectBackend", |fields| work(none(&fields, Work::DetectBackend), |it| it)),
    ("setBackend", |fields| work(one_name(fields), |name| Work::PinBackend(vec![name]))),
    ("setBackends", |fields| work(several_names(fields), Work::PinBackend)),
    ("selectBackendFor", |fields| work(Select::read(fields), |select| Work::SelectBackend(Box::new(select)))),
    ("sandboxRun", |fields| work(Make::read(fields, true), |make| Work::MakeSandbox(Box::new(make)))),
    ("sandboxCreate", |fields| work(Make::read(fields, false), |make| Work::MakeSandbox(Box::new(make)))),
    ("sandboxStart", |fields| work(OnOne::start(fields), Work::OnSandbox)),
    ("sandboxStop", |fields| work(OnOne::stop(fields), Work::OnSandbox)),
    ("sandboxRemove", |fields| work(OnOne::remove(fields), Work::OnSandbox)),
    ("sandboxWait", |fields| work(OnOne::wait(fields), Work::OnSandbox)),
    ("sandboxInspect", |fields| work(OnOne::inspect(fields), Work::OnSandbox)),
    ("sandboxList", |fields| work(List::read(fields), Work::ListSandboxes)),
    ("sandboxLogs", |fields| work(ReadLogs::read(fields), Work::ReadLogs)),
    ("sandboxExec", |fields| work(Exec::read(fields), |exec| Work::Exec(Box::new(exec)))),
    ("composeBuild", |fields| work(Build::read(fields), |build| Work::BuildStack(Box::new(build)))),
    ("composeUp", |fields| work(RaiseStack::read(fields), |up| Work::RaiseStack(Box::new(up)))),
    ("composeConfig", |fields| work(Config::read(fields), |config| Work::ReadStack(Box::new(config)))),
    ("graphUp", |fields| work(Raise::read(fields), |raise| Work::RaiseGraph(Box::new(raise)))),
    ("graphCheck", |fields| work(Described::read(fields), |graph| Work::CheckGraph(Box::new(graph)))),
    ("graphResume", |fields| work(NamedGraph::resume(fields), Work::OnGraph)),
    ("graphStatus", |fields| work(NamedGraph::status(fields), Work::OnGraph)),
    ("graphRead", |fields| work(NamedGraph::describe(fields), Work::OnGraph)),
    ("projectDown", |fields| work(OnProject::down(fields), Work::OnProject)),
    ("projectDownAll", |fields| work(OnProject::down_all(fields), Work::OnProject)),
    ("projectStop", |fields| work(OnProject::stop(fields), Work::OnProject)),
    ("projectStart", |fields| work(OnProject::start(fields), Work::OnProject)),
    ("projectRestart", |fields| work(OnProject::restart(fields), Work::OnProject)),
    ("projectRecover", |fields| work(OnProject::recover(fields), Work::OnProject)),
    ("projectPs", |fields| work(OnProject::ps(fields), Work::OnProject)),
    ("projectFind", |fields| work(OnProject::find(fields), Work::OnProject)),
    ("projectNames", |fields| work(OnProject::names(fields), Work::OnProject)),
];

/// The names of all operations.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    READERS.iter().map(|(name, _)| *name)
}

fn at_once(read: Result<AtOnce, Fault>) -> Result<Operation, Fault> {
    read.map(Operation::AtOnce)
}

fn work<T>(read: Result<T, Fault>, kind: impl FnOnce(T) -> Work) -> Result<Operation, Fault> {
    read.map(|read| Operation::Work(kind(read)))
}

/// An operation without arguments.
fn none<T>(fields: &Fields, operation: T) -> Result<T, Fault> {
    fields.finish().map(|()| operation)
}

/// `{id}` of a call, or `{stream}`.
fn cancel(mut fields: Fields) -> Result<AtOnce, Fault> {
    let (id, stream) = (fields.text("id")?, fields.text("stream")?);
    fields.finish()?;
    match (id, stream) {
        (Some(id), None) => Ok(AtOnce::CancelCall(id)),
        (None, Some(stream)) => Ok(AtOnce::CancelStream(stream)),
        (Some(_), Some(_)) => Err(fields.refuse("stream", "is there beside `id`: give one of the two")),
        (None, None) => Err(fields.missing("id")),
    }
}

/// `{name}`.
fn one_name(mut fields: Fields) -> Result<String, Fault> {
    let name = fields.required_text("name")?;
    fields.finish()?;
    Ok(name)
}

/// `{names}`.
fn several_names(mut fields: Fields) -> Result<Vec<String>, Fault> {
    let names = fields.texts("names")?.ok_or_else(|| fields.missing("names"))?;
    fields.finish()?;
    if names.is_empty() { Err(fields.refuse("names", "names no backend")) } else { Ok(names) }
}
