//! Reading mappings whose keys are all known: what is left out by a typing error is a control that is not there.

use perry_sandbox_compose::{Node, Span, Value, shown};

use crate::input::{Unread, UnreadKind, nearest};
use crate::launch::Reader;
use crate::place::{FileId, Place, Placed, Texts};

/// Reads parts of a tree, and collects what is wrong.
pub(crate) struct Shape<'a> {
    pub(crate) file: FileId,
    pub(crate) texts: &'a Texts,
    pub(crate) unread: Vec<Unread>,
}

impl Shape<'_> {
    pub(crate) fn place(&self, node: &Node) -> Place {
        self.at(node.span)
    }

    pub(crate) fn at(&self, span: Span) -> Place {
        let files = [self.file];
        Reader { files: &files }.place(span).unwrap_or_else(|| self.texts.whole(self.file))
    }

    pub(crate) fn wrong(&mut self, place: Place, message: impl Into<String>) {
        self.unread.push(Unread::new(UnreadKind::Malformed, place, message));
    }

    /// Refuses every key that is not known.
    pub(crate) fn keys(&mut self, node: &Node, known: &[&str]) {
        let Some(mapping) = node.mapping() else {
            self.wrong(self.place(node), format!("a mapping with {} stands here", known.join(", ")));
            return;
        };
        for (key, _) in mapping.iter().filter(|(key, _)| !known.contains(&key.name.as_str())) {
            let place = self.at(key.span);
            let message = format!("nothing reads `{}` here", shown(&key.name));
            let mut unread = Unread::new(UnreadKind::UnknownKey, place, message);
            if let Some(near) = nearest(&key.name, known.iter().copied()) {
                unread = unread.help(format!("did you mean `{near}`?"));
            }
            self.unread.push(unread);
        }
    }

    /// The items of a list that may be missing.
    pub(crate) fn list<'n>(&mut self, node: Option<&'n Node>) -> &'n [Node] {
        match node {
            None | Some(Node { value: Value::Null, .. }) => &[],
            Some(Node { value: Value::Sequence(items), .. }) => items,
            Some(node) => {
                self.wrong(self.place(node), "a list stands here");
                &[]
            }
        }
    }

    /// A text that must be there.
    pub(crate) fn text(&mut self, node: &Node) -> Option<Placed<String>> {
        let place = self.place(node);
        if let Some(text) = node.text() {
            return Some(Placed::new(text.to_owned(), place));
        }
        self.wrong(place, "a text stands here");
        None
    }

    /// The texts of a list that may be missing.
    pub(crate) fn texts(&mut self, node: Option<&Node>) -> Vec<Placed<String>> {
        self.list(node).iter().filter_map(|item| self.text(item)).collect()
    }

    /// A whole number, up to the largest that a register holds; the tree's numbers are smaller.
    pub(crate) fn number(&mut self, node: Option<&Node>) -> Option<u64> {
        let node = node.filter(|node| !node.is_null())?;
        let place = self.place(node);
        let text = self.texts.at(place).trim();
        let number = match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16),
            None => text.parse(),
        };
        if number.is_err() {
            self.wrong(place, "a whole number from 0 to 18446744073709551615 stands here");
        }
        number.ok()
    }
}
