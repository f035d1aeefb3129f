use super::Reason;
use crate::node::Span;

/// Longer names are not compared.
const MOST_COMPARED: usize = 64;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where; nothing if it is in no file (a name on the command line, a file that is not there).
    pub span: Option<Span>,
    /// Its kind.
    pub reason: Reason,
    /// What was found, and what was expected.
    pub message: String,
    /// Other places that matter, and what can be done.
    pub notes: Vec<Note>,
}

/// What a [`Problem`] adds to its message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Note {
    /// Another place, with a label.
    Place(Span, String),
    /// What the author can do.
    Help(String),
}

impl Problem {
    /// A problem at a place.
    pub fn new(reason: Reason, span: Span, message: impl Into<String>) -> Self {
        Self { span: Some(span), reason, message: message.into(), notes: Vec::new() }
    }

    /// A problem that is in no file.
    pub fn nowhere(reason: Reason, message: impl Into<String>) -> Self {
        Self { span: None, reason, message: message.into(), notes: Vec::new() }
    }

    /// Adds another place.
    #[must_use]
    pub fn place(mut self, span: Span, label: impl Into<String>) -> Self {
        self.notes.push(Note::Place(span, label.into()));
        self
    }

    /// Adds what the author can do.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.notes.push(Note::Help(text.into()));
        self
    }

    /// Adds `did you mean …`, if one of the names is near to what was written.
    #[must_use]
    pub fn did_you_mean<'a>(self, written: &str, valid: impl IntoIterator<Item = &'a str>) -> Self {
        // SECURITY: the distance of two texts costs the product of their lengths, and both may come from a file.
        if written.len() > MOST_COMPARED {
            return self;
        }
        let nearest = valid
            .into_iter()
            .filter(|name| name.len() <= MOST_COMPARED)
            .take(512)
            .map(|name| (strsim::damerau_levenshtein(written, name), name))
            .min();
        match nearest {
            // Of a short name, one wrong letter is a slip; two are another word.
            Some((distance, name)) if distance <= 3 && distance.saturating_mul(3) <= name.len().max(3) => {
                self.help(format!("did you mean `{name}`?"))
            }
            _ => self,
        }
    }
}

/// Turns a cycle so that it begins with its smallest name, and says it in words.
pub(crate) fn cycle(names: &mut [&str]) -> String {
    /// More names than these help nobody.
    const MOST: usize = 30;
    let smallest = names.iter().enumerate().min_by_key(|(_, name)| **name).map_or(0, |(at, _)| at);
    names.rotate_left(smallest);
    let word = |name: &&str| format!("`{}`", shown(name));
    let mut words: Vec<String> = names.iter().take(MOST).map(word).collect();
    if names.len() > MOST {
        words.push("…".to_owned());
    }
    words.extend(names.first().map(word));
    words.join(" → ")
}

/// Text of a file in a message: shortened, and without control characters, so that a hostile file cannot flood or
/// steer a terminal.
pub fn shown(text: &str) -> String {
    let mut short: String =
        text.chars().take(120).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(120).is_some() {
        short.push('…');
    }
    short
}
