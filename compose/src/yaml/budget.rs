/// How much a file may hold. A file that needs more is refused before it costs anyone time or memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Bytes of text.
    pub bytes: usize,
    /// Scalars, lists and mappings, those that aliases repeat included.
    pub nodes: usize,
    /// Bytes of scalars that aliases repeat.
    pub repeated_bytes: usize,
    /// Lists and mappings inside each other.
    pub depth: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { bytes: 4 << 20, nodes: 150_000, repeated_bytes: 16 << 20, depth: 100 }
    }
}

/// What is left of a budget.
#[derive(Debug)]
pub(super) struct Meter {
    nodes: usize,
    repeated_bytes: usize,
}

impl Meter {
    pub(super) fn new(budget: &Budget) -> Self {
        Self { nodes: budget.nodes, repeated_bytes: budget.repeated_bytes }
    }

    /// Gives back what was not used.
    pub(super) fn settle(&self, budget: &mut Budget) {
        budget.nodes = self.nodes;
        budget.repeated_bytes = self.repeated_bytes;
    }

    /// Takes a part that stands in the text itself; `false` if there is nothing left.
    pub(super) fn take_node(&mut self) -> bool {
        self.take(Size { nodes: 1, bytes: 0 })
    }

    /// Takes a copy; `false` if there is nothing left.
    pub(super) fn take(&mut self, size: Size) -> bool {
        let (Some(nodes), Some(bytes)) =
            (self.nodes.checked_sub(size.nodes), self.repeated_bytes.checked_sub(size.bytes))
        else {
            return false;
        };
        (self.nodes, self.repeated_bytes) = (nodes, bytes);
        true
    }
}

/// What a copy of a tree costs.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Size {
    pub(super) nodes: usize,
    pub(super) bytes: usize,
}

impl Size {
    pub(super) fn add(&mut self, other: Self) {
        self.nodes = self.nodes.saturating_add(other.nodes);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}
