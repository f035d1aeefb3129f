//! What could not be read.

use crate::place::Place;

/// Longer names are not compared.
const MOST_COMPARED: usize = 64;

/// Why something could not be read; each is a rule of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnreadKind {
    /// It is not what it should be.
    Malformed,
    /// A key that is not known.
    UnknownKey,
    /// It is too large.
    OverBudget,
    /// Others can change it.
    Writable,
    /// A part is not seen.
    Gap,
    /// A part lies outside of the project, by a link.
    Outside,
    /// A part is fetched from elsewhere.
    Remote,
}

impl UnreadKind {
    /// The rule's number.
    pub(crate) const fn rule(self) -> u16 {
        match self {
            Self::Malformed => 1,
            Self::UnknownKey => 3,
            Self::OverBudget => 4,
            Self::Writable => 5,
            Self::Gap => 6,
            Self::Outside => 7,
            Self::Remote => 428,
        }
    }
}

/// Something that could not be read.
#[derive(Debug, Clone)]
pub(crate) struct Unread {
    pub(crate) kind: UnreadKind,
    pub(crate) place: Place,
    pub(crate) message: String,
    pub(crate) context: Vec<(Place, String)>,
    pub(crate) help: Option<String>,
}

impl Unread {
    pub(crate) fn new(kind: UnreadKind, place: Place, message: impl Into<String>) -> Self {
        Self { kind, place, message: message.into(), context: Vec::new(), help: None }
    }

    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// The known name that a written one is near to.
pub(crate) fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // SECURITY: the distance of two texts costs the product of their lengths, and one comes from a file.
    if written.len() > MOST_COMPARED {
        return None;
    }
    let (distance, name) = known
        .into_iter()
        .filter(|name| name.len() <= MOST_COMPARED)
        .map(|name| (strsim::damerau_levenshtein(written, name), name))
        .min()?;
    (distance <= 3 && distance.saturating_mul(3) <= name.len().max(3)).then_some(name)
}
