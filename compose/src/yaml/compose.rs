use std::borrow::Cow;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;

use libyaml_safer::{Event, EventData, Parser, ScalarStyle};

use super::Budget;
use super::budget::{Meter, Size};
use super::end::{ended, without_end};
use super::merge_key::MergeKey;
use super::scalar::Written;
use super::tag::before_comma;
use crate::error::{Problem, Reason, shown};
use crate::node::{Directive, FileId, Key, Mapping, Mark, Node, Span, Value};

/// Reads a file's documents. Aliases and merge keys are resolved; `!reset` and `!override` are directives of nodes.
///
/// # Errors
/// Everything that is wrong, as far as reading could go on.
pub fn parse(text: &str, file: FileId, budget: &Budget) -> Result<Vec<Node>, Vec<Problem>> {
    parse_within(text, file, &mut budget.clone())
}

/// As [`parse`], and takes what the file holds off the budget: the next file has what is left.
pub(crate) fn parse_within(text: &str, file: FileId, budget: &mut Budget) -> Result<Vec<Node>, Vec<Problem>> {
    let start = Mark { offset: 0, line: 1, column: 1 };
    let nowhere = Span { file, start, end: start };
    if text.len() > budget.bytes {
        let message = format!("file of {} bytes, at most {} are read", text.len(), budget.bytes);
        return Err(vec![Problem::new(Reason::Limit, nowhere, message)]);
    }
    let ended = before_comma(text, budget.depth).map_or_else(|| ended(text), Cow::Owned);
    let mut bytes = ended.as_bytes();
    let mut parser = Parser::new();
    parser.set_input_string(&mut bytes);
    let mut composer = Composer {
        parser,
        file,
        text,
        meter: Meter::new(budget),
        depth: budget.depth,
        anchors: HashMap::new(),
        problems: Vec::new(),
        last: nowhere,
    };
    let documents = composer.documents();
    composer.meter.settle(budget);
    budget.bytes = budget.bytes.saturating_sub(text.len());
    let mut problems = composer.problems;
    match documents {
        Ok(documents) if problems.is_empty() => Ok(documents),
        Ok(_) => Err(problems),
        Err(problem) => {
            problems.push(*problem);
            Err(problems)
        }
    }
}

/// A problem after which reading cannot go on.
type Fatal = Box<Problem>;

struct Composer<'r, 'b> {
    parser: Parser<&'r mut &'b [u8]>,
    file: FileId,
    text: &'b str,
    meter: Meter,
    depth: usize,
    anchors: HashMap<String, Anchor>,
    problems: Vec<Problem>,
    last: Span,
}

enum Anchor {
    /// Its value is still being read.
    Open,
    /// A copy of its value, and what another one costs.
    Ready(Node, Size),
}

impl Composer<'_, '_> {
    fn documents(&mut self) -> Result<Vec<Node>, Fatal> {
        let mut documents = Vec::new();
        loop {
            let event = self.next()?;
            if event.data == EventData::StreamEnd {
                return Ok(documents);
            }
            if matches!(event.data, EventData::DocumentStart { .. }) {
                let event = self.next()?;
                documents.push(self.node(event, 0)?.0);
            }
        }
    }

    fn next(&mut self) -> Result<Event, Fatal> {
        // SECURITY: the parser has places where it gives up by a panic; the one that is known is kept from it (`before_comma`).
        // The file is refused then; the parser is not used any further.
        let event = std::panic::catch_unwind(AssertUnwindSafe(|| self.parser.parse()));
        let Ok(event) = event else {
            let problem =
                Problem::new(Reason::YamlSyntax, self.last, "not YAML: it cannot be read behind this");
            return Err(Box::new(problem));
        };
        match event {
            Ok(event) => {
                self.last = self.span(&event);
                Ok(event)
            }
            Err(error) => {
                let at = error.problem_mark().map_or(self.last.end, mark);
                let span = Span { file: self.file, start: at, end: at };
                let context = error.context().map(|text| format!(" {text}")).unwrap_or_default();
                let problem =
                    Problem::new(Reason::YamlSyntax, span, format!("not YAML: {}{context}", error.problem()));
                let other = error.context_mark().map(mark).filter(|other| other.line != at.line);
                Err(Box::new(match other {
                    Some(start) => problem.place(Span { file: self.file, start, end: start }, "begins here"),
                    None => problem,
                }))
            }
        }
    }

    fn span(&self, event: &Event) -> Span {
        Span { file: self.file, start: mark(event.start_mark), end: mark(event.end_mark) }
    }

    /// The tree that begins with `event`, and what a copy of it costs.
    fn node(&mut self, event: Event, depth: usize) -> Result<(Node, Size), Fatal> {
        let span = self.span(&event);
        if depth > self.depth {
            let message = format!("more than {} lists and mappings inside each other", self.depth);
            return Err(Box::new(Problem::new(Reason::Limit, span, message)));
        }
        if !self.meter.take_node() {
            return Err(too_large(span));
        }
        match event.data {
            EventData::Alias { anchor } => self.alias(&anchor, span),
            EventData::Scalar { anchor, tag, mut value, style, .. } => {
                let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                if block && usize::try_from(event.end_mark.index).is_ok_and(|end| end > self.text.len()) {
                    without_end(&mut value, self.text);
                }
                let directive = directive(tag.as_deref());
                let written =
                    Written { tag: tag.as_deref(), text: &value, plain: style == ScalarStyle::Plain };
                let read = written.value().unwrap_or_else(|mismatch| {
                    let message = format!("`{}` is no `!!{}`", shown(&value), shown(&mismatch.tag));
                    self.problems.push(Problem::new(Reason::YamlSyntax, span, message));
                    Value::Null
                });
                let size = Size { nodes: 1, bytes: value.len() };
                self.anchored(anchor, Node { span, directive, value: read }, size)
            }
            EventData::SequenceStart { anchor, tag, .. } => {
                self.open(anchor.as_deref());
                let (mut node, size) = self.sequence(span, depth)?;
                node.directive = directive(tag.as_deref());
                self.anchored(anchor, node, size)
            }
            EventData::MappingStart { anchor, tag, .. } => {
                self.open(anchor.as_deref());
                let (mut node, size) = self.mapping(span, depth)?;
                node.directive = directive(tag.as_deref());
                self.anchored(anchor, node, size)
            }
            EventData::StreamStart { .. }
            | EventData::StreamEnd
            | EventData::DocumentStart { .. }
            | EventData::DocumentEnd { .. }
            | EventData::SequenceEnd
            | EventData::MappingEnd => {
                Err(Box::new(Problem::new(Reason::YamlSyntax, span, "not YAML: a value was expected")))
            }
        }
    }

    fn sequence(&mut self, mut span: Span, depth: usize) -> Result<(Node, Size), Fatal> {
        let mut items = Vec::new();
        let mut last = None;
        let mut size = Size { nodes: 1, bytes: 0 };
        loop {
            let event = self.next()?;
            if event.data == EventData::SequenceEnd {
                span.end = end(span, &event, last);
                return Ok((Node::new(span, Value::Sequence(items)), size));
            }
            let (item, cost) = self.node(event, depth.saturating_add(1))?;
            last = Some(item.span.end);
            size.add(cost);
            // An item cannot speak of an earlier one: it has no path that both would share.
            if item.directive != Some(Directive::Reset) {
                items.push(item);
            }
        }
    }

    fn mapping(&mut self, mut span: Span, depth: usize) -> Result<(Node, Size), Fatal> {
        let mut entries = Mapping::default();
        let mut merge: Option<MergeKey> = None;
        let mut size = Size { nodes: 1, bytes: 0 };
        let mut last = None;
        loop {
            let event = self.next()?;
            if event.data == EventData::MappingEnd {
                span.end = end(span, &event, last);
                break;
            }
            let key = self.key(event)?;
            let event = self.next()?;
            let (value, cost) = self.node(event, depth.saturating_add(1))?;
            last = Some(value.span.end.max(key.key.span.end));
            size.add(cost);
            size.add(Size { nodes: 0, bytes: key.key.name.len() });
            self.keep(&mut entries, &mut merge, key, value);
        }
        if let Some(merge) = merge {
            let at = merge.span;
            if let Err(other) = merge.apply(&mut entries) {
                let other = if other.start < at.start { at } else { other };
                let message = "`<<` takes a mapping or a list of mappings";
                self.problems.push(Problem::new(Reason::YamlSyntax, other, message));
            }
        }
        Ok((Node::new(span, Value::Mapping(entries)), size))
    }

    /// Puts an entry where it belongs; one that is there already is a problem with both places.
    fn keep(&mut self, entries: &mut Mapping, merge: &mut Option<MergeKey>, read: ReadKey, value: Node) {
        let ReadKey { key, is_merge } = read;
        let earlier = if is_merge { merge.as_ref().map(|known| known.span) } else { None };
        let earlier = earlier.or_else(|| entries.entry(&key.name).map(|(known, _)| known.span));
        if let Some(earlier) = earlier {
            let message = format!("mapping key `{}` is already defined", shown(&key.name));
            let problem = Problem::new(Reason::DuplicateKey, key.span, message);
            self.problems.push(problem.place(earlier, "first defined here"));
        } else if is_merge {
            *merge = Some(MergeKey { span: key.span, value });
        } else {
            entries.insert(key, value);
        }
    }

    fn key(&mut self, event: Event) -> Result<ReadKey, Fatal> {
        let span = self.span(&event);
        if !self.meter.take_node() {
            return Err(too_large(span));
        }
        let (value, name, is_merge, anchor) = if let EventData::Scalar { anchor, tag, value, style, .. } =
            event.data
        {
            let written = Written { tag: tag.as_deref(), text: &value, plain: style == ScalarStyle::Plain };
            let is_merge = written.is_merge_key();
            (written.value().unwrap_or(Value::Null), value, is_merge, anchor)
        } else if let EventData::Alias { anchor } = event.data {
            let node = self.alias(&anchor, span)?.0;
            let name = node.text().unwrap_or_default().to_owned();
            (node.value, name, false, None)
        } else {
            let problem = Problem::new(Reason::YamlSyntax, span, "a list or a mapping cannot be a key");
            return Err(Box::new(problem));
        };
        if !matches!(value, Value::Text(_)) {
            let message = format!("key `{}` is not text", shown(&name));
            let problem = Problem::new(Reason::YamlSyntax, span, message);
            self.problems.push(problem.help("put it in quotes"));
        }
        let size = Size { nodes: 1, bytes: name.len() };
        self.anchored(anchor, Node::new(span, value), size)?;
        Ok(ReadKey { key: Key { name, span }, is_merge })
    }

    fn open(&mut self, anchor: Option<&str>) {
        if let Some(name) = anchor {
            self.anchors.insert(name.to_owned(), Anchor::Open);
        }
    }

    /// Keeps a copy for the aliases to come.
    fn anchored(&mut self, anchor: Option<String>, node: Node, size: Size) -> Result<(Node, Size), Fatal> {
        if let Some(name) = anchor {
            if !self.meter.take(size) {
                return Err(too_large(node.span));
            }
            let mut copy = node.clone();
            drop_resets(&mut copy);
            self.anchors.insert(name, Anchor::Ready(copy, size));
        }
        Ok((node, size))
    }

    fn alias(&mut self, name: &str, span: Span) -> Result<(Node, Size), Fatal> {
        if let Some(Anchor::Ready(node, size)) = self.anchors.get(name) {
            return if self.meter.take(*size) { Ok((node.clone(), *size)) } else { Err(too_large(span)) };
        }
        let (reason, message) = if self.anchors.contains_key(name) {
            (Reason::Cycle, format!("cycle: the value of anchor `{}` contains itself", shown(name)))
        } else {
            (Reason::YamlSyntax, format!("not YAML: unknown anchor `{}`", shown(name)))
        };
        Err(Box::new(Problem::new(reason, span, message)))
    }
}

#[expect(clippy::unnecessary_box_returns, reason = "the error type of everything that reads")]
fn too_large(span: Span) -> Fatal {
    let message = "more keys and values than a file may have, those that aliases repeat included";
    Box::new(Problem::new(Reason::Limit, span, message))
}

struct ReadKey {
    key: Key,
    is_merge: bool,
}

fn directive(tag: Option<&str>) -> Option<Directive> {
    match tag {
        Some("!reset") => Some(Directive::Reset),
        Some("!override") => Some(Directive::Override),
        _ => None,
    }
}

/// `!reset` speaks of the path where it is written, not of those where an alias repeats what is around it.
fn drop_resets(node: &mut Node) {
    if let Value::Mapping(entries) = &mut node.value {
        entries.retain(|_, value| value.directive != Some(Directive::Reset));
        entries.iter_mut().for_each(|(_, value)| drop_resets(value));
    } else if let Value::Sequence(items) = &mut node.value {
        items.iter_mut().for_each(drop_resets);
    }
}

/// Where a list ends: a block one has no last character of its own, so its last item's end.
fn end(span: Span, event: &Event, last: Option<Mark>) -> Mark {
    if event.start_mark == event.end_mark {
        last.map_or(span.end, |last| last.max(span.start))
    } else {
        mark(event.end_mark)
    }
}

fn mark(mark: libyaml_safer::Mark) -> Mark {
    let number = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    Mark {
        offset: number(mark.index),
        line: number(mark.line.saturating_add(1)),
        column: number(mark.column.saturating_add(1)),
    }
}
