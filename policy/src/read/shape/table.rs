//! What a table of keys is made of.

/// A table of a policy.
#[derive(Debug)]
pub(crate) struct Shape {
    /// What the table is called in messages.
    pub(crate) called: &'static str,
    /// Its keys, in canonical order.
    pub(crate) keys: &'static [Key],
}

/// One key of a table.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) required: bool,
    /// What it means, for the schema.
    pub(crate) about: &'static str,
}

/// What a key holds.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Text of a grammar.
    Text(Grammar),
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number from 1.
    Whole,
    /// A whole number from 0.
    Count,
    /// A decimal number above 0.
    Decimal,
    /// A calendar date.
    Date,
    /// A calendar date, or a time with its offset.
    Moment,
    /// A list of such items.
    List(&'static Kind),
    /// A table with known keys.
    Table(&'static Shape),
    /// Tables by names that the author chooses.
    Named(Grammar, &'static Kind),
}

/// The grammar of some text; the patterns are for the JSON Schema, the reader's own parsers are stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grammar {
    Free,
    Schema,
    Name,
    ServicePattern,
    Duration,
    Size,
    Sha256,
    Serial,
    Pointer,
    Repository,
    Egress,
    Path,
    Env,
    LinuxCap,
    Publish,
}

impl Grammar {
    /// A regular expression (ECMA-262) for the schema; nothing where any text will do.
    pub(crate) const fn pattern(self) -> Option<&'static str> {
        match self {
            Self::Free => None,
            Self::Schema => Some("^perry-sandbox/policy/v1$"),
            Self::Name => Some("^[a-z0-9][a-z0-9._-]{0,63}$"),
            Self::ServicePattern => Some("^[a-z0-9][a-z0-9._-]*/(\\*|[a-z0-9][a-z0-9._-]*)$"),
            Self::Duration => Some("^[0-9]+(ms|s|m|h|d)$"),
            Self::Size => Some("^[0-9]+(B|KiB|MiB|GiB|TiB)$"),
            Self::Sha256 => Some("^[0-9a-f]{64}$"),
            Self::Serial => Some("^(0x)?[0-9A-Fa-f:]+$"),
            Self::Pointer => Some("^(/|$)"),
            Self::Repository => Some("^[^@]+$"),
            Self::Egress => Some("^[^A-Z/]+:(\\*|[1-9][0-9]*)$"),
            Self::Path => Some("^/"),
            Self::Env => Some("^[A-Za-z_][A-Za-z0-9_]*\\*?$"),
            Self::LinuxCap => Some("^[A-Z_]+$"),
            Self::Publish => Some("(^|:)([0-9]+(-[0-9]+)?|free)$"),
        }
    }
}

pub(super) const fn key(name: &'static str, kind: Kind, about: &'static str) -> Key {
    Key { name, kind, required: false, about }
}

pub(super) const fn required(name: &'static str, kind: Kind, about: &'static str) -> Key {
    Key { name, kind, required: true, about }
}

/// Names, in a list.
pub(super) const NAMES: Kind = Kind::List(&Kind::Text(Grammar::Name));
