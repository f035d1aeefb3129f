use std::collections::BTreeSet;

use perry_sandbox_engine::{Membership, Role, Seen, Work};
use perry_sandbox_runner::{SandboxInfo, Secrets};

use super::args::StoreArgs;
use super::site::{self, Site, Whose};
use crate::args::Cli;
use crate::output::Failure;
use crate::planner::Question;

/// A project that may be there already.
pub(super) struct There {
    pub(super) whose: Whose,
    /// What its files say; nothing where only its name was given.
    pub(super) question: Option<Question>,
    pub(super) site: Site,
}

impl There {
    pub(super) fn open(cli: &Cli, store: &StoreArgs) -> Result<Self, Failure> {
        let (whose, question) = Whose::read_with_files(cli)?;
        let site = Site::open(&whose.variables, store.data_dir.as_deref())?;
        Ok(Self { whose, question, site })
    }

    pub(super) fn name(&self) -> &str {
        &self.whose.name
    }

    /// The services that are meant; nothing: all.
    ///
    /// Each must be one of the project's files, or have a sandbox: a slip of the pen is not taken for nothing to do.
    pub(super) fn meant(
        &self,
        seen: &Seen,
        services: &[String],
    ) -> Result<Option<BTreeSet<String>>, Failure> {
        self.check(services, &seen.replicas.iter().map(|one| one.member.service.as_str()).collect())?;
        Ok((!services.is_empty()).then(|| services.iter().cloned().collect()))
    }

    /// The replicas of these services, or of all, in the order of their names.
    pub(super) fn members(&self, services: &[String]) -> Result<Vec<(Membership, SandboxInfo)>, Failure> {
        let mut found = site::members(&self.site, self.name())?;
        self.check(services, &found.iter().map(|(member, _)| member.service.as_str()).collect())?;
        found.retain(|(member, _)| {
            member.role == Role::Replica && (services.is_empty() || services.contains(&member.service))
        });
        found.sort_by(|(a, _), (b, _)| (&a.service, a.replica).cmp(&(&b.service, b.replica)));
        Ok(found)
    }

    /// Refuses a service that is neither in the files nor there.
    pub(super) fn check(&self, services: &[String], there: &BTreeSet<&str>) -> Result<(), Failure> {
        let in_files = |name: &String| {
            self.question.as_ref().is_some_and(|question| question.all_services.contains(name))
        };
        let known = |name: &&String| there.contains(name.as_str()) || in_files(name);
        match services.iter().find(|name| !known(name)) {
            Some(name) => Err(Failure::NoService(name.clone())),
            None => Ok(()),
        }
    }

    /// Refuses to end what could not be started again: values of secrets are only where the files say.
    pub(super) fn has_secrets_for(&self, seen: &Seen, work: &Work) -> Result<(), Failure> {
        let starts = work.starts_again();
        let given = seen.replicas.iter().filter(|one| one.member.role == Role::Replica && one.member.secrets);
        let sandboxes = self.site.pipeline.sandboxes()?;
        let values = self.secrets_there().map_err(Failure::Secret)?;
        for one in given.filter(|one| starts.contains(one.id.as_str())) {
            let service = &one.member.service;
            if self.question.is_none() {
                return Err(Failure::Secret(format!(
                    "`{service}` is given secrets, and only the project's files say where their values are: give the command in its folder"
                )));
            }
            if let Some(missing) = site::missing_secret(&sandboxes, one, &values)? {
                // Its file says more of it, where the service still has it.
                self.secrets(service).map_err(Failure::Secret)?;
                return Err(Failure::Secret(format!(
                    "`{service}` was made with the secret `{missing}`, of which the project's files have no value by now: bring it up anew"
                )));
            }
        }
        Ok(())
    }

    /// The secrets of a service, where its files are read: nobody else knows them.
    pub(super) fn secrets(&self, service: &str) -> Result<Secrets, String> {
        match &self.question {
            Some(question) => site::secrets_of(&question.stack, &self.whose.variables, service),
            None => site::no_secrets(service),
        }
    }

    /// Those of all its services that are there, where its files are read.
    pub(super) fn secrets_there(&self) -> Result<Secrets, String> {
        match &self.question {
            Some(question) => site::secrets_there(&question.all_secrets, &self.whose.variables),
            None => site::no_secrets(""),
        }
    }
}
