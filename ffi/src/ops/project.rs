//! Operations on what runs of a project, Compose file or graph: found by its name alone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use perry_sandbox_engine::{Again, Anew, Down, Membership, Role, Site};
use perry_sandbox_pipeline::LongRunning;
use perry_sandbox_runner::{SandboxInfo, SandboxStatus, Secrets};
use serde_json::{Value, json};

use super::raising::{Untold, heeding, left_of};
use super::target;
use super::{sandboxes, secrets};
use crate::calls::Call;
use crate::code::Code;
use crate::engine::Engine;
use crate::envelope::{Fields, json};
use crate::fault::Fault;

/// Something that is done with a project.
#[derive(Debug)]
pub(crate) struct OnProject {
    /// Which; nothing: all.
    project: Option<String>,
    services: Option<BTreeSet<String>>,
    verb: Verb,
}

#[derive(Debug)]
enum Verb {
    Down { volumes: bool, grace: Option<Duration> },
    Stop(Option<Duration>),
    Start(Secrets),
    Restart(Option<Duration>, Secrets),
    Recover(Secrets),
    Ps,
    Find,
    Names,
}

/// What an operation is about.
#[derive(Debug, Clone, Copy)]
enum Whose {
    Everything,
    Project,
    /// A project, or some of its services.
    Services,
    /// One service of a project.
    Service,
}

impl OnProject {
    /// `{project, services?, volumes?, graceMs?}`.
    pub(super) fn down(fields: Fields) -> Result<Self, Fault> {
        Self::read(fields, Whose::Services, ended)
    }

    /// `{volumes?, graceMs?}`.
    pub(super) fn down_all(fields: Fields) -> Result<Self, Fault> {
        Self::read(fields, Whose::Everything, ended)
    }

    /// `{project, services?, graceMs?}`.
    pub(super) fn stop(fields: Fields) -> Result<Self, Fault> {
        Self::read(fields, Whose::Services, |fields| Ok(Verb::Stop(grace(fields)?)))
    }

    /// `{project, services?, secrets?, secretsBase64?}`.
    pub(super) fn start(fields: Fields) -> Result<Self, Fault> {
        Self::read(fields, Whose::Services, |fields| Ok(Verb::Start(secrets::secrets(fields)?)))
    }

    /// `{project, services?, graceMs?, secrets?, secretsBase64?}`.
    pub(super) fn restart(fields: Fields) -> Result<Self, Fault> {
        let verb = |fields: &mut Fields| Ok(Verb::Restart(grace(fields)?, secrets::secrets(fields)?));
        Self::read(fields, Whose::Services, verb)
    }

    /// `{project, secrets?, secretsBase64?}`.
    pub(super) fn recover(fields: Fields) -> Result<Self, Fault> {
        Self::read(fields, Whose::Project, |fields| Ok(Verb::Recover(secrets::secrets(fields)?)))
    }

    /// `{project, services?}`.
    pub(super) fn ps(fields: Fields) -> Result<Self, Fault> {
        Self::read(fields, Whose::Services, |_| Ok(Verb::Ps))
    }

    /// `{project, service}`.
    pub(super) fn find(fields: Fields) -> Result<Self, Fault> {
        Self::read(fields, Whose::Service, |_| Ok(Verb::Find))
    }

    /// Nothing.
    pub(super) fn names(fields: Fields) -> Result<Self, Fault> {
        Self::read(fields, Whose::Everything, |_| Ok(Verb::Names))
    }

    fn read(
        mut fields: Fields,
        whose: Whose,
        verb: impl FnOnce(&mut Fields) -> Result<Verb, Fault>,
    ) -> Result<Self, Fault> {
        let verb = verb(&mut fields)?;
        let project = match whose {
            Whose::Everything => None,
            Whose::Project | Whose::Services | Whose::Service => Some(fields.required_text("project")?),
        };
        let services = match whose {
            Whose::Everything | Whose::Project => None,
            Whose::Services => target::services(&mut fields)?.map(BTreeSet::from_iter),
            Whose::Service => Some(BTreeSet::from([fields.required_text("service")?])),
        };
        fields.finish()?;
        Ok(Self { project, services, verb })
    }

    /// Whether it takes as long as a program takes to start or end.
    pub(super) const fn is_long(&self) -> bool {
        !matches!(self.verb, Verb::Ps | Verb::Find | Verb::Names)
    }

    pub(super) fn run(self, engine: &Engine, call: &Call) -> Result<String, Fault> {
        let pipeline = engine.pipeline()?;
        let site = Site::new(&pipeline);
        let project = self.project.clone().unwrap_or_default();
        match &self.verb {
            Verb::Down { volumes, grace } => self.take_down(&site, (*volumes, *grace)),
            Verb::Stop(grace) => {
                self.known(&site, &project)?;
                let ended = site.stop(&project, self.services.as_ref(), *grace, &Untold)?;
                if ended.left.is_empty() {
                    Ok("{}".to_owned())
                } else {
                    Err(still_there(&left_of(&ended.left)))
                }
            }
            Verb::Start(given) => self.again(engine, call, &site, (Anew::Ended, given)),
            Verb::Restart(grace, given) => self.again(engine, call, &site, (Anew::All(*grace), given)),
            Verb::Recover(given) => heeding(engine, call, |interrupt| {
                // What is started again picks its own, which an older sandbox of the same service may have others of.
                let secrets = |_: &str| given.picked(given.names()).map_err(|error| error.to_string());
                let left = site.recover(&project, (&secrets, interrupt), &Untold)?;
                json(&json!({ "undone": left.is_some(), "left": left_of(&left.unwrap_or_default()) }))
            }),
            Verb::Ps => json(&self.known(&site, &project)?.iter().map(describe).collect::<Vec<_>>()),
            Verb::Find => {
                let members = self.known(&site, &project)?;
                let by_age = |(_, info): &&(Membership, SandboxInfo)| {
                    (info.status == SandboxStatus::Running, info.created)
                };
                let newest = members.iter().max_by_key(by_age);
                json(&newest.map(describe))
            }
            Verb::Names => json(&site.names()?),
        }
    }

    /// The sandboxes that are meant. A slip of the pen is not taken for nothing to do.
    fn known(&self, site: &Site<'_>, project: &str) -> Result<Vec<(Membership, SandboxInfo)>, Fault> {
        let mut members = site.members(project)?;
        members.retain(|(member, _)| member.role == Role::Replica);
        members.sort_by(|(a, _), (b, _)| (&a.service, a.replica).cmp(&(&b.service, b.replica)));
        for name in self.services.iter().flatten() {
            if !members.iter().any(|(member, _)| member.service == *name) {
                let message = format!("the project `{project}` has no service `{name}` that was started");
                return Err(Fault::new(Code::NotFound, message));
            }
        }
        members
            .retain(|(member, _)| self.services.as_ref().is_none_or(|named| named.contains(&member.service)));
        Ok(members)
    }

    fn take_down(
        &self,
        site: &Site<'_>,
        (volumes, grace): (bool, Option<Duration>),
    ) -> Result<String, Fault> {
        let how = Down { services: self.services.clone(), known: None, orphans: true, volumes, grace };
        let projects = match &self.project {
            Some(project) => BTreeSet::from([project.clone()]),
            None => site.names()?,
        };
        let (mut counts, mut left, mut errors) = ([0_usize; 3], Vec::new(), Vec::new());
        for project in projects {
            match site.down(&project, None, &how, &Untold) {
                Ok(ended) => {
                    for (sum, count) in counts.iter_mut().zip(ended.counts) {
                        *sum = sum.saturating_add(count);
                    }
                    left.extend(ended.left);
                }
                // Of all of them one keeps no other; of one it is the answer.
                Err(error) if self.project.is_none() => errors.push(format!("{project}: {error}")),
                Err(error) => return Err(error.into()),
            }
        }
        errors.extend(left.iter().map(|left| format!("{}: {}", left.what, left.why)));
        let [sandboxes, networks, volumes] = counts;
        let report = json!({
            "containersRemoved": sandboxes, "networksRemoved": networks, "volumesRemoved": volumes, "errors": errors,
        });
        if errors.is_empty() { json(&report) } else { Err(still_there(&report)) }
    }

    fn again(
        &self,
        engine: &Engine,
        call: &Call,
        site: &Site<'_>,
        (anew, given): (Anew, &Secrets),
    ) -> Result<String, Fault> {
        let project = self.project.clone().unwrap_or_default();
        self.known(site, &project)?;
        // Also of those that are not named: whoever shares a network starts again with the one whose it is.
        let mut members = site.members(&project)?;
        members.retain(|(member, _)| member.role == Role::Replica);
        let sandboxes = site.pipeline().sandboxes()?;
        let secrets = |service: &str| wanted(&sandboxes, &members, service, given);
        heeding(engine, call, |interrupt| {
            let again = Again { services: self.services.clone(), waits: BTreeMap::new() };
            site.start_again(&project, (&again, anew), (&secrets, interrupt), &Untold)?;
            Ok("{}".to_owned())
        })
    }
}

/// The values of a service's secrets: of those that its sandboxes were made to be given, and of no others.
fn wanted(
    sandboxes: &LongRunning<'_>,
    members: &[(Membership, SandboxInfo)],
    service: &str,
    given: &Secrets,
) -> Result<Secrets, String> {
    let mut names = BTreeSet::new();
    for (_, info) in members.iter().filter(|(member, _)| member.service == service && member.secrets) {
        names.extend(sandboxes.secrets(&info.id).map_err(|error| error.to_string())?);
    }
    if !names.is_empty() && given.names().next().is_none() {
        return Err(format!(
            "`{service}` is given secrets, which are stored nowhere: give their values in `secrets`"
        ));
    }
    given.picked(&names).map_err(|error| format!("`{service}`: {error}"))
}

fn still_there(details: &Value) -> Fault {
    Fault::new(Code::Io, "not all of it could be ended: `details` says what is still there").with(details)
}

fn describe((member, info): &(Membership, SandboxInfo)) -> Value {
    let mut fields = sandboxes::describe(info);
    if let Value::Object(fields) = &mut fields {
        fields.insert("service".to_owned(), member.service.clone().into());
        fields.insert("replica".to_owned(), member.replica.into());
        fields.insert("health".to_owned(), json!(info.health));
    }
    fields
}

fn ended(fields: &mut Fields) -> Result<Verb, Fault> {
    Ok(Verb::Down { volumes: fields.flag("volumes")?, grace: grace(fields)? })
}

fn grace(fields: &mut Fields) -> Result<Option<Duration>, Fault> {
    Ok(fields.whole("graceMs")?.map(Duration::from_millis))
}
