//! What is wanted of a compose project, held against what the service's entry grants of it.

use std::fmt::Display;

use crate::denial::{DenyCode, DenyReason, Reasons};
use crate::pattern::{Pattern, PatternSet, PublishAddress, PublishOn};
use crate::project::{Attachment, Publication, WantedProject};
use crate::request::Request;
use crate::require::Entry;
use crate::source::Span;

use super::grants::listed;

/// What is wanted, and where the first grant of each kind stands.
pub(crate) struct Project<'a> {
    pub(crate) wanted: &'a WantedProject,
    pub(crate) networks: Option<Span>,
    pub(crate) publish: Option<Span>,
    pub(crate) volumes: Option<Span>,
}

/// The wanted things with a reason for each that the entry does not grant. Whoever is no service is granted none.
pub(crate) fn of_project<'a>(request: &'a Request, entry: &Entry<'_>, reasons: &mut Reasons) -> Project<'a> {
    let none = crate::grants::ProjectGrants::default();
    let granted = entry.project.unwrap_or(&none);
    let wanted = &request.project;
    let mut asker = Asker { entry: entry.span, reasons };
    let networks = wanted.networks.iter().map(|one| &one.network);
    asker.inside(networks, &granted.networks, DenyCode::Networks, "networks");
    asker.shared(request);
    asker.publish(&wanted.publish, &granted.publish);
    asker.inside(
        wanted.volumes.iter().map(|one| &one.volume),
        &granted.volumes,
        DenyCode::Volumes,
        "volumes",
    );
    Project {
        wanted,
        networks: place(&granted.networks),
        publish: place(&granted.publish),
        volumes: place(&granted.volumes),
    }
}

fn place<T: Pattern>(set: &PatternSet<T>) -> Option<Span> {
    set.iter().find_map(|(_, span)| span)
}

struct Asker<'a> {
    entry: Option<Span>,
    reasons: &'a mut Reasons,
}

impl Asker<'_> {
    fn inside<'a, T: Pattern + Display + 'a>(
        &mut self,
        wanted: impl Iterator<Item = &'a T>,
        granted: &PatternSet<T>,
        code: DenyCode,
        row: &'static str,
    ) {
        for item in wanted.filter(|item| !granted.includes(item)) {
            self.refuse(code, row, item, (listed(granted), place(granted)));
        }
    }

    /// Who has the network of another service has nothing of its own beside it: that would be the other's as well.
    fn shared(&mut self, request: &Request) {
        let wanted = &request.project;
        let Some(shared) = wanted.networks.iter().find(|one| one.network.shared().is_some()) else { return };
        let plain = Attachment::to(shared.network.clone());
        let own = [
            (wanted.networks.len() > 1, "another network"),
            (*shared != plain, "a name or address in it"),
            (!wanted.publish.is_empty(), "a published port"),
            (!request.grants.egress.is_empty(), "egress"),
        ];
        for (_, what) in own.iter().filter(|(is_wanted, _)| *is_wanted) {
            let found = format!("{what} is wanted beside it");
            let reason = DenyReason::new(
                DenyCode::Networks,
                "networks",
                shared.network.to_string(),
                found,
                [self.entry],
            );
            self.reasons.add(reason.remedy("let the service whose network it is have that".to_owned()));
        }
    }

    /// Of a range every port must be granted: nobody knows which of them is free.
    fn publish(&mut self, wanted: &[Publication], granted: &PatternSet<PublishAddress>) {
        for one in wanted.iter().filter(|one| !one.on.each().all(|on| granted.includes(&on))) {
            let ranges = PublishOn::ranges(granted.iter().map(|(on, _)| *on));
            let words = if ranges.is_empty() { "none".to_owned() } else { in_words(&ranges) };
            self.refuse(DenyCode::Publish, "publish", &one.on, (words, place(granted)));
        }
    }

    fn refuse(
        &mut self,
        code: DenyCode,
        row: &'static str,
        item: &impl Display,
        (granted, at): (String, Option<Span>),
    ) {
        let found = format!("the service's entry grants {granted}");
        let reason = DenyReason::new(code, row, item.to_string(), found, [at.or(self.entry)]);
        self.reasons.add(reason.remedy(format!("leave it out, or list it in the entry's `{row}`")));
    }
}

/// Things one after another, for people.
pub(crate) fn in_words<'a, T: Display + 'a>(items: impl IntoIterator<Item = &'a T>) -> String {
    items.into_iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
