use perry_sandbox_compose::{Node, Span};

use crate::model::{Service, Stack};

use super::table::ATTRIBUTES;
use super::{Demand, Fate, RefusedField, Refusing, extension};

/// Goes over the attributes of a service.
pub(super) struct Asker<'a> {
    pub(super) stack: &'a Stack,
    pub(super) service: &'a Service,
    pub(super) demand: Demand,
}

/// What one service asks for.
pub(super) fn ask(stack: &Stack, service: &Service) -> Demand {
    let mut asker = Asker { stack, service, demand: Demand::nothing(service.span) };
    match format!("{}/{}", stack.name, service.name).parse() {
        Ok(name) => asker.demand.service = Some(name),
        Err(error) => {
            let why = format!("{error}");
            asker.refuse(service.span, "name", Refusing::Never, &why, "give it another name");
        }
    }
    if service.container.image.is_none() && !service.attributes.contains_key("build") {
        let instead = "name a signed image";
        asker.refuse(service.span, "image", Refusing::Never, "there is none", instead);
    }
    for (attribute, (span, node)) in &service.attributes {
        asker.attribute(attribute, *span, node);
    }
    asker.demand.probe = service.health.as_ref().and_then(|health| health.value.command());
    extension::ask(&mut asker);
    asker.demand.refused.sort_by_key(|refused| refused.span);
    asker.demand
}

impl Asker<'_> {
    fn attribute(&mut self, attribute: &str, span: Span, node: &Node) {
        let Some(row) = ATTRIBUTES.iter().find(|row| row.attribute == attribute) else {
            let why = "it is not known here";
            return self.refuse(span, attribute, Refusing::NotYet, why, "leave it out");
        };
        match (row.fate, row.reading) {
            (Fate::Honoured(_) | Fate::Asked(_), Some(reading)) => reading(self, span, node),
            (Fate::Honoured(_) | Fate::Asked(_), None) => {}
            (Fate::NotYet(instead), _) => self.not_yet(span, attribute, instead),
            (Fate::Never(why, instead), _) => self.refuse(span, attribute, Refusing::Never, why, instead),
        }
    }

    /// Refuses something that is not done here yet.
    pub(super) fn not_yet(&mut self, span: Span, attribute: &str, instead: &str) {
        self.refuse(span, attribute, Refusing::NotYet, "it is not done here yet", instead);
    }

    /// Refuses something for ever.
    pub(super) fn never(&mut self, span: Span, attribute: &str, why: &str, instead: &str) {
        self.refuse(span, attribute, Refusing::Never, why, instead);
    }

    fn refuse(&mut self, span: Span, attribute: &str, refusing: Refusing, why: &str, instead: &str) {
        self.demand.refused.push(RefusedField {
            span,
            subject: format!("service `{}`", self.service.name),
            attribute: perry_sandbox_compose::shown(attribute),
            refusing,
            why: why.to_owned(),
            instead: instead.to_owned(),
        });
    }

    pub(super) fn note(&mut self, note: impl Into<String>) {
        self.demand.notes.push(note.into());
    }
}
