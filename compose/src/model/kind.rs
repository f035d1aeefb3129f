/// Where a part keeps its `x-` keys.
pub(crate) const EXTENSIONS: &str = "#extensions";

/// What a value is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Text.
    Text,
    /// A boolean.
    Bool,
    /// A whole number.
    Integer,
    /// A whole number that is not negative, of so many bits.
    Unsigned(u32),
    /// A fraction with the exactness of 32 bits.
    Float,
    /// The same; where it is written as a text, of 64 bits at first.
    Cpus,
    /// A size: `1g`; printed as a text of bytes.
    Bytes,
    /// A time: `1m30s`.
    Duration,
    /// A number of devices, or `all`.
    Count,
    /// A file's mode in octal.
    Mode,
    /// A list of texts; a whole number becomes one.
    Texts,
    /// The same; one text alone will do.
    TextOrTexts,
    /// The same, and any scalar becomes a text.
    Scalars,
    /// A command line, split as a shell would, or its words.
    Command,
    /// A health check's command.
    Test,
    /// Names with values, in either form; a name without value has an empty one.
    Labels,
    /// Names with values, in either form; a name without value has none.
    Variables,
    /// Names with values as a mapping; no value is an empty one.
    Options,
    /// Names with values as a mapping, of texts and whole numbers.
    TextMap,
    /// Names with lists of values.
    ManyOptions,
    /// Hosts with addresses.
    Hosts,
    /// Keys for a build.
    Ssh,
    /// A limit: a number, or a soft and a hard one.
    Ulimit,
    /// An attribute list of its own.
    Part(&'static Shape),
    /// A list of such.
    Parts(&'static Shape),
    /// Names with such; a name with nothing has an empty one.
    NamedParts(&'static Shape),
    /// Names with such; a name may have nothing.
    NamedPartsOrNothing(&'static Shape),
    /// Names with ulimits.
    Ulimits,
}

/// When an attribute is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// If it is neither empty nor zero.
    Full,
    /// If it is there at all, zero too.
    Given,
    /// Always.
    Always,
    /// Always in JSON; in YAML as [`Keep::Given`].
    NullInJson,
    /// Always in JSON, empty as it may be; in YAML as [`Keep::Full`].
    EmptyInJson,
}

/// An attribute.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    /// Its key.
    pub(crate) name: &'static str,
    /// Its key in JSON, where it is another.
    pub(crate) json: Option<&'static str>,
    /// What its value is.
    pub(crate) kind: Kind,
    /// When it is printed.
    pub(crate) keep: Keep,
}

/// The attributes of a part of the model, in the order in which they are printed.
#[derive(Debug)]
pub(crate) struct Shape {
    /// The attributes.
    pub(crate) fields: &'static [Field],
    /// Whether `x-` keys are kept. YAML prints them; JSON does so at the top only.
    pub(crate) extensions: bool,
}

impl Shape {
    /// A part that keeps `x-` keys.
    pub(crate) const fn new(fields: &'static [Field]) -> Self {
        Self { fields, extensions: true }
    }

    /// A part that drops them.
    pub(crate) const fn plain(fields: &'static [Field]) -> Self {
        Self { fields, extensions: false }
    }
}

/// Printed if neither empty nor zero.
pub(super) const fn full(name: &'static str, kind: Kind) -> Field {
    Field { name, json: None, kind, keep: Keep::Full }
}

/// Printed if there.
pub(super) const fn given(name: &'static str, kind: Kind) -> Field {
    Field { name, json: None, kind, keep: Keep::Given }
}

/// An attribute with a rule of its own.
pub(super) const fn kept(name: &'static str, kind: Kind, keep: Keep) -> Field {
    Field { name, json: None, kind, keep }
}

/// Printed always, under another key in JSON.
pub(super) const fn renamed(name: &'static str, json: &'static str, kind: Kind) -> Field {
    Field { name, json: Some(json), kind, keep: Keep::Always }
}
