use std::borrow::Borrow;
use std::hash::{Hash, Hasher};

use indexmap::IndexMap;

use super::{Node, Span};

/// A key of a [`Mapping`], with its place. Two keys are equal when their texts are.
#[derive(Debug, Clone)]
pub struct Key {
    /// The text.
    pub name: String,
    /// Where it stands.
    pub span: Span,
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.name
    }
}

/// Keys and values in the order of the document; a key stands once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mapping {
    // A file decides how many keys there are: a search from the start would cost their square.
    entries: IndexMap<Key, Node>,
}

impl Mapping {
    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries.get(key)
    }

    /// The value of `key`.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.entries.get_mut(key)
    }

    /// The key as it stands in the file, with its value.
    pub fn entry(&self, key: &str) -> Option<(&Key, &Node)> {
        self.entries.get_key_value(key)
    }

    /// Whether `key` is there.
    pub fn contains(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Puts a value below `key`, in the place of the earlier one, which is given back.
    pub fn insert(&mut self, key: Key, node: Node) -> Option<Node> {
        self.entries.insert(key, node)
    }

    /// Puts a value below a key that no file wrote, at the value's own place.
    pub(crate) fn put(&mut self, key: &str, node: Node) {
        self.insert(Key { name: key.to_owned(), span: node.span }, node);
    }

    /// Takes `key` out.
    pub fn remove(&mut self, key: &str) -> Option<Node> {
        self.entries.shift_remove(key)
    }

    /// Keeps only the entries for which `keep` says so.
    pub fn retain(&mut self, mut keep: impl FnMut(&Key, &mut Node) -> bool) {
        self.entries.retain(|key, node| keep(key, node));
    }

    /// Keys and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Node)> {
        self.entries.iter()
    }

    /// Keys and values, in order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&Key, &mut Node)> {
        self.entries.iter_mut()
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl IntoIterator for Mapping {
    type Item = (Key, Node);
    type IntoIter = indexmap::map::IntoIter<Key, Node>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl FromIterator<(Key, Node)> for Mapping {
    /// A key that comes again replaces the earlier one.
    fn from_iter<I: IntoIterator<Item = (Key, Node)>>(entries: I) -> Self {
        Self { entries: entries.into_iter().collect() }
    }
}
