//! What is wanted of a compose project, held against what the service's entry grants of it.

use std::fmt::Display;

use crate::denial::{DenyCode, DenyReason, Reasons};
use crate::grants::{Grants, ProjectGrants};
use crate::pattern::{Pattern, PatternSet, PublishAddress, PublishOn};
use crate::policy::Policy;
use crate::project::{Attachment, Publication, ServiceName, WantedProject};
use crate::request::{Request, Target};
use crate::require::Entry;
use crate::source::Span;
use crate::sysctl::Sysctl;

use super::grants::listed;

/// What is wanted, and where the first grant of each kind stands.
pub(crate) struct Project<'a> {
    pub(crate) wanted: &'a WantedProject,
    pub(crate) networks: Option<Span>,
    pub(crate) publish: Option<Span>,
    pub(crate) volumes: Option<Span>,
}

/// The wanted things with a reason for each that the entry does not grant. Whoever is no service is granted none. `grants` is
/// what it gets besides, and `most` what its tiers let it reach.
pub(crate) fn of_project<'a>(
    (policy, request): (&Policy, &'a Request),
    entry: &Entry<'_>,
    (grants, most): (&Grants, &Grants),
    reasons: &mut Reasons,
) -> Project<'a> {
    let none = ProjectGrants::default();
    let granted = entry.project.unwrap_or(&none);
    let wanted = &request.project;
    let mut asker = Asker { entry: entry.span, reasons };
    let networks = wanted.networks.iter().map(|one| &one.network);
    asker.inside(networks, &granted.networks, DenyCode::Networks, "networks");
    if let Some(shared) = wanted.networks.iter().find(|one| one.network.shared().is_some()) {
        asker.shared(shared, wanted, grants);
        asker.reached(policy, request, shared, most);
    }
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
    fn shared(&mut self, shared: &Attachment, wanted: &WantedProject, grants: &Grants) {
        let plain = Attachment::to(shared.network.clone());
        let is_networks = |one: &Sysctl| one.name().starts_with("net.");
        let own = [
            (wanted.networks.len() > 1, "another network"),
            (*shared != plain, "a name or address in it"),
            (!wanted.publish.is_empty(), "a published port"),
            (!grants.egress.is_empty(), "egress"),
            (!wanted.system.hosts.is_empty(), "a known host"),
            (wanted.system.sysctls.iter().any(is_networks), "a setting of the network"),
        ];
        for (_, what) in own.iter().filter(|(is_had, _)| *is_had) {
            let found = format!("it has {what} beside it, which would be the other's");
            self.share(shared, found, "let the service whose network it is have that");
        }
    }

    /// What the other service reaches, this one reaches too: at most what each of its tiers allows, for its caller may ask for
    /// that as well.
    fn reached(&mut self, policy: &Policy, request: &Request, shared: &Attachment, most: &Grants) {
        let (Target::Service(service), Some(name)) = (&request.target, shared.network.shared()) else {
            return;
        };
        let other = format!("{}/{name}", service.project()).parse::<ServiceName>().ok();
        let entry = other.and_then(|other| policy.service_entry(&other));
        let baseline = policy.baseline().filter(|_| entry.is_none());
        let tiers = entry.into_iter().flat_map(|entry| &entry.value.tiers.value).chain(baseline);
        let reach: Vec<_> =
            tiers.filter_map(|name| policy.tier(name)).map(|tier| &tier.ceiling.grants.egress).collect();
        if !reach.iter().any(|egress| most.egress.includes_all(egress)) {
            let widest =
                reach.first().map_or_else(|| "what nobody knows".to_owned(), |egress| listed(egress));
            let found = format!(
                "what its tier lets it reach is more than this service's tier allows: {widest}, and not {}",
                listed(&most.egress)
            );
            self.share(shared, found, "give both services tiers that allow the same egress");
        }
    }

    fn share(&mut self, shared: &Attachment, found: String, remedy: &str) {
        let name = shared.network.to_string();
        let reason = DenyReason::new(DenyCode::Networks, "networks", name, found, [self.entry]);
        self.reasons.add(reason.remedy(remedy));
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
