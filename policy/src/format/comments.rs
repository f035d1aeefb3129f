//! Comments of a TOML file, and the keys that they stand at.

use std::collections::BTreeMap;

use toml_parser::Source;
use toml_parser::lexer::TokenKind;

/// Where a key or a table header stands in the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Anchor {
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The comments of one key.
#[derive(Debug, Default)]
pub(super) struct Attached {
    /// On lines before it; an empty text stands for an empty line.
    pub(super) before: Vec<String>,
    /// Behind it.
    pub(super) behind: Option<String>,
}

/// Every comment of a file, by the first byte of the key that it stands at.
#[derive(Debug, Default)]
pub(super) struct Comments {
    attached: BTreeMap<usize, Attached>,
    /// After the last key.
    pub(super) last: Vec<String>,
}

impl Comments {
    /// Attaches every comment of `text` to one of the anchors.
    pub(super) fn read(text: &str, mut anchors: Vec<Anchor>) -> Self {
        anchors.sort_unstable();
        let breaks: Vec<usize> =
            text.bytes().zip(0..).filter(|(b, _)| *b == b'\n').map(|(_, at)| at).collect();
        let line = |at: usize| breaks.partition_point(|end| *end < at);
        let mut comments = Self::default();
        let mut previous: Option<usize> = None;
        for token in Source::new(text).lex().filter(|token| token.kind() == TokenKind::Comment) {
            let (start, end) = (token.span().start(), token.span().end());
            let comment = text.get(start..end).unwrap_or_default().trim_end().to_owned();
            let here = line(start);
            let inside =
                anchors.iter().rev().find(|anchor| anchor.start <= start && here <= line(anchor.end));
            let gap = previous.is_some_and(|before| before.saturating_add(1) < here);
            previous = Some(here);
            let target = match inside {
                Some(anchor) if here == line(anchor.end) && start >= anchor.end => {
                    comments.attached.entry(anchor.start).or_default().behind = Some(comment);
                    previous = None;
                    continue;
                }
                Some(anchor) => Some(anchor),
                None => anchors.iter().find(|anchor| anchor.start > start),
            };
            let lines = match target {
                Some(anchor) => &mut comments.attached.entry(anchor.start).or_default().before,
                None => &mut comments.last,
            };
            if gap && !lines.is_empty() {
                lines.push(String::new());
            }
            lines.push(comment);
        }
        comments
    }

    /// The comments of the key at this byte.
    pub(super) fn take(&mut self, start: usize) -> Attached {
        self.attached.remove(&start).unwrap_or_default()
    }

    /// Comments of keys that were not written by themselves.
    pub(super) fn rest(&mut self) -> Vec<String> {
        let attached = std::mem::take(&mut self.attached);
        let mut lines: Vec<String> = attached
            .into_values()
            .flat_map(|attached| attached.before.into_iter().chain(attached.behind))
            .collect();
        lines.append(&mut self.last);
        lines
    }
}
