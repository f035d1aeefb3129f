use super::{Node, Span};

/// A key of a [`Mapping`], with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The text.
    pub name: String,
    /// Where it stands.
    pub span: Span,
}

/// Keys and values in the order of the document; a key stands once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mapping {
    entries: Vec<(Key, Node)>,
}

impl Mapping {
    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries.iter().find(|(known, _)| known.name == key).map(|(_, node)| node)
    }

    /// The value of `key`.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.entries.iter_mut().find(|(known, _)| known.name == key).map(|(_, node)| node)
    }

    /// Puts a value below `key`, in the place of the earlier one, which is given back.
    pub fn insert(&mut self, key: Key, node: Node) -> Option<Node> {
        if let Some(known) = self.get_mut(&key.name) {
            return Some(std::mem::replace(known, node));
        }
        self.entries.push((key, node));
        None
    }

    /// Takes `key` out.
    pub fn remove(&mut self, key: &str) -> Option<Node> {
        let place = self.entries.iter().position(|(known, _)| known.name == key)?;
        Some(self.entries.remove(place).1)
    }

    /// Keys and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Node)> {
        self.entries.iter().map(|(key, node)| (key, node))
    }

    /// Keys and values, in order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&Key, &mut Node)> {
        self.entries.iter_mut().map(|(key, node)| (&*key, node))
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
    type IntoIter = std::vec::IntoIter<(Key, Node)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl FromIterator<(Key, Node)> for Mapping {
    /// A key that comes again replaces the earlier one.
    fn from_iter<I: IntoIterator<Item = (Key, Node)>>(entries: I) -> Self {
        let mut mapping = Self::default();
        for (key, node) in entries {
            mapping.insert(key, node);
        }
        mapping
    }
}
