//! Shapes of JSON values.

use std::collections::BTreeMap;
use std::path::Path;

/// All operations.
#[derive(Debug)]
pub struct Interface {
    /// By their names in the envelope.
    pub operations: BTreeMap<String, Operation>,
    /// Every record, by its name.
    pub records: BTreeMap<String, Record>,
    /// Every enum's words.
    pub words: BTreeMap<String, Vec<String>>,
}

/// One operation.
#[derive(Debug)]
pub struct Operation {
    /// Whether it is only called asynchronously.
    pub is_async: bool,
    /// Whether it is only called synchronously.
    pub is_sync: bool,
    /// Its arguments.
    pub args: Record,
    /// Its value: nothing where that has no fields.
    pub value: Option<Shape>,
}

/// What a value looks like.
#[derive(Debug, Clone)]
pub enum Shape {
    /// Anything.
    Document,
    /// True or false.
    Flag,
    /// Text, with the name of its kind.
    Text(String),
    /// A number that is not negative and whole, with the name of its kind.
    Whole(String),
    /// A whole number.
    Signed,
    /// Any number, with the name of its kind.
    Number(String),
    /// One of these words.
    Words(Vec<String>),
    /// An object with these fields.
    Record(Record),
    /// A list.
    List(Box<Self>),
    /// An object with names of one's own: and the shape of their values.
    Map {
        /// The name of the map itself, if it has one.
        name: String,
        /// Its values.
        value: Box<Self>,
    },
    /// A list of these.
    Tuple(Vec<Self>),
    /// One of these, told apart by its form.
    Either(Vec<Self>),
    /// The same, or null.
    Option(Box<Self>),
}

/// The fields of an object.
#[derive(Debug, Clone)]
pub struct Record {
    /// The name of the record.
    pub name: String,
    /// Its fields, those of inlined records too.
    pub fields: Vec<Field>,
    /// Which of them go together.
    pub groups: Vec<Group>,
}

/// A field.
#[derive(Debug, Clone)]
pub struct Field {
    /// The record in which it is written down.
    pub of: String,
    /// Its name.
    pub name: String,
    /// What is in it.
    pub shape: Shape,
    /// Whether it may be absent, or null.
    pub is_optional: bool,
}

/// How many of some fields there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Much {
    /// One, and not two.
    ExactlyOne,
    /// One, or none.
    AtMostOne,
    /// One, or more.
    AtLeastOne,
}

/// Fields that go together.
#[derive(Debug, Clone)]
pub struct Group {
    /// How many there are.
    pub much: Much,
    /// Their names.
    pub names: Vec<String>,
}

impl Interface {
    /// Reads the package in `perry/wit`.
    ///
    /// # Panics
    /// When it is no WIT, or has something that JSON has no form for.
    pub fn of_perry() -> Self {
        super::read::folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../perry/wit"))
    }
}

impl Record {
    /// Whether two fields exclude each other.
    pub fn exclude(&self, a: &str, b: &str) -> bool {
        let has = |group: &Group, name: &str| group.names.iter().any(|other| other == name);
        a != b
            && self
                .groups
                .iter()
                .any(|group| group.much != Much::AtLeastOne && has(group, a) && has(group, b))
    }
}
