use std::fmt;

/// What happens, as it happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What it is about, in words.
    pub what: String,
    /// What happened.
    pub happened: Happened,
}

/// What happened to a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// Something else is waited for first.
    Waits,
    /// It is begun.
    Begun,
    /// It is done.
    Done,
    /// It failed, in words.
    Failed(String),
    /// Something that is not required failed, in words.
    Warned(String),
    /// It is undone.
    Undone,
}

/// Who is told what happens.
pub trait Events: Sync {
    /// Something has happened.
    fn tell(&self, event: Event);
}

pub(crate) fn tell(events: &dyn Events, what: &dyn fmt::Display, happened: Happened) {
    events.tell(Event { what: what.to_string(), happened });
}
