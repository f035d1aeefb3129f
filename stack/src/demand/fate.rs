use perry_sandbox_compose::{Node, Span};

use super::asker::Asker;

/// What becomes of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is done, in this way. A value of it that cannot be done is refused.
    Honoured(&'static str),
    /// The policy is asked for this grant.
    Asked(&'static str),
    /// It is not done here yet; this helps meanwhile.
    NotYet(&'static str),
    /// It is never done, because of this; this helps.
    Never(&'static str, &'static str),
}

/// Looks at a value of an attribute.
pub(super) type Reading = fn(&mut Asker<'_>, Span, &Node);

/// An attribute of services with its fate.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The attribute.
    pub attribute: &'static str,
    /// Its fate.
    pub fate: Fate,
    pub(super) reading: Option<Reading>,
}

/// Done by what reads the typed model, or already done by the loader.
pub(super) const fn done(attribute: &'static str, how: &'static str) -> Row {
    Row { attribute, fate: Fate::Honoured(how), reading: None }
}

/// Done by this reading.
pub(super) const fn honoured(attribute: &'static str, how: &'static str, reading: Reading) -> Row {
    Row { attribute, fate: Fate::Honoured(how), reading: Some(reading) }
}

pub(super) const fn asked(attribute: &'static str, grant: &'static str, reading: Reading) -> Row {
    Row { attribute, fate: Fate::Asked(grant), reading: Some(reading) }
}

pub(super) const fn not_yet(attribute: &'static str, instead: &'static str) -> Row {
    Row { attribute, fate: Fate::NotYet(instead), reading: None }
}

pub(super) const fn never(attribute: &'static str, why: &'static str, instead: &'static str) -> Row {
    Row { attribute, fate: Fate::Never(why, instead), reading: None }
}
