//! A policy as rules look at it: what it means, and where each part of it stands.

use perry_sandbox_compose::{Budget, FileId as TreeFile, Key, Mapping, Mark, Node, Span, Value, parse_yaml};
use perry_sandbox_policy::{Format, Policy, PolicySource, Refusal, RefusalCode, SourceName, load};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::host::Host;
use super::read::first_line;
use crate::finding::{Target, TargetKind};
use crate::launch::Reader;
use crate::place::{FileId, Place, Placed, Texts};

/// A policy that was read.
#[derive(Debug)]
pub struct PolicyFile {
    /// Its file.
    pub file: FileId,
    /// The policy.
    pub policy: Policy,
    /// The file as it is written.
    pub tree: Node,
    /// The day of the audit.
    pub today: jiff::civil::Date,
}

/// What the policy's reader refuses, and what it is about.
#[derive(Debug, Clone)]
pub struct Refused {
    /// The refusal.
    pub refusal: Refusal,
    /// Where.
    pub place: Place,
    /// Another place that matters.
    pub related: Option<Place>,
    /// The keys from the top of the file down to it; an item of a list is `[]`.
    pub path: Vec<String>,
    /// The text there, without quotes.
    pub text: String,
}

impl Refused {
    /// Whether it is of one of these kinds.
    pub fn is(&self, codes: &[RefusalCode]) -> bool {
        codes.contains(&self.refusal.code)
    }

    /// Whether it is at these keys, or below them; `*` is any key.
    pub fn is_at(&self, keys: &[&str]) -> bool {
        keys.len() <= self.path.len()
            && keys.iter().zip(&self.path).all(|(key, part)| *key == "*" || key == part)
    }

    /// Whether a part of its path is this key.
    pub fn has(&self, key: &str) -> bool {
        self.path.iter().any(|part| part == key)
    }
}

/// The tables whose entries grant something, with what their entries are.
const GRANTING: [(&str, TargetKind); 2] =
    [("capability", TargetKind::Capability), ("service", TargetKind::Service)];

impl PolicyFile {
    /// Where a part stands.
    pub fn place(&self, node: &Node) -> Place {
        self.at(node.span)
    }

    /// Where a span is.
    pub fn at(&self, span: Span) -> Place {
        let whole = Place { file: self.file, start: 0, end: 0 };
        Reader { files: &[self.file] }.place(span).unwrap_or(whole)
    }

    /// The entries of a table such as `signer`, with their names.
    pub fn entries<'a>(&'a self, table: &str) -> impl Iterator<Item = (&'a Key, &'a Node)> + use<'a> {
        self.tree.get(table).and_then(Node::mapping).into_iter().flat_map(Mapping::iter)
    }

    /// Every entry that grants something: capabilities and services.
    pub fn granting(&self) -> impl Iterator<Item = (Target, &Node)> {
        GRANTING.into_iter().flat_map(|(table, kind)| {
            self.entries(table).map(move |(key, node)| (Target::new(kind, key.name.clone()), node))
        })
    }

    /// What entries grant of a kind, item by item: `["egress"]`, `["mounts", "write"]`.
    pub fn grants(&self, path: &[&str]) -> Vec<(Target, Placed<String>)> {
        let entries = self.granting().filter_map(|(target, node)| Some((target, node.get("grants")?)));
        self.items(entries, path)
    }

    /// What tiers allow of a kind, item by item.
    pub fn ceilings(&self, path: &[&str]) -> Vec<(Target, Placed<String>)> {
        let tiers =
            self.entries("tier").map(|(key, node)| (Target::new(TargetKind::Tier, key.name.clone()), node));
        self.items(tiers, path)
    }

    fn items<'a>(
        &self,
        entries: impl Iterator<Item = (Target, &'a Node)>,
        path: &[&str],
    ) -> Vec<(Target, Placed<String>)> {
        let mut items = Vec::new();
        for (target, node) in entries {
            let list = path.iter().try_fold(node, |node, key| node.get(key));
            for item in list.and_then(Node::sequence).unwrap_or_default() {
                let text = item.text().or_else(|| item.get("name")?.text());
                if let Some(text) = text {
                    items.push((target.clone(), Placed::new(text.to_owned(), self.place(item))));
                }
            }
        }
        items
    }

    /// What stands at a key of an entry.
    pub fn text(&self, node: &Node, key: &str) -> Option<Placed<String>> {
        let value = node.get(key)?;
        Some(Placed::new(value.text()?.to_owned(), self.place(value)))
    }
}

/// Reads a policy: rules get it, or what is refused of it.
pub(super) fn read_policy(
    (name, path, text): (&str, Option<&str>, &str),
    host: &dyn Host,
    today: jiff::civil::Date,
    texts: &mut Texts,
) -> Result<PolicyFile, (FileId, Vec<Refused>)> {
    let file = texts.add(name, path.map(str::to_owned), text);
    let source_name = SourceName::from(path.unwrap_or(name));
    let format = if text.trim_start().starts_with('{') { Format::Json } else { Format::Toml };
    let source = PolicySource { name: source_name, format, bytes: text.as_bytes().to_vec() };
    match load(&[source], host.policy_files()) {
        Ok(policy) => {
            let start = Span { file: TreeFile(0), start: mark(0), end: mark(0) };
            let tree = tree(text, format).unwrap_or_else(|| Node::new(start, Value::Null));
            Ok(PolicyFile { file, policy, tree, today })
        }
        Err(error) => {
            let unread = [
                RefusalCode::TooLarge,
                RefusalCode::NotText,
                RefusalCode::Syntax,
                RefusalCode::TooComplex,
                RefusalCode::RepeatedKey,
            ];
            // SECURITY: a tree that the policy's reader did not measure is not built.
            let is_read = error.refusals().iter().all(|refusal| !unread.contains(&refusal.code));
            let tree = if is_read { tree(text, format) } else { None };
            let mut parts = Vec::new();
            if let Some(tree) = &tree {
                flatten(tree, &mut Vec::new(), &mut parts);
            }
            Err((
                file,
                error.refusals().iter().map(|refusal| refused(refusal, file, &parts, texts)).collect(),
            ))
        }
    }
}

fn refused(refusal: &Refusal, file: FileId, parts: &[(Bytes, Vec<String>)], texts: &Texts) -> Refused {
    let place = |span| policy_place(file, span);
    let at = place(refusal.span);
    let path = at.and_then(|at| {
        let around = parts.iter().filter(|((start, end), _)| *start <= at.start && at.end <= *end);
        around.min_by_key(|((start, end), _)| end.saturating_sub(*start)).map(|(_, path)| path.clone())
    });
    let text = at.map(|at| texts.at(at).trim_matches(['"', '\'']).to_owned());
    Refused {
        refusal: refusal.clone(),
        place: at.unwrap_or_else(|| first_line(file, texts)),
        related: refusal.related.as_ref().and_then(|(span, _)| place(*span)),
        path: path.unwrap_or_default(),
        text: text.unwrap_or_default(),
    }
}

/// The built-in tiers are a policy's first source, its one file the next.
fn policy_place(file: FileId, span: perry_sandbox_policy::Span) -> Option<Place> {
    let offset = |offset: u32| usize::try_from(offset).ok();
    (span.source == 1).then_some(Place { file, start: offset(span.start)?, end: offset(span.end)? })
}

/// The first byte, and the one behind the last.
type Bytes = (usize, usize);

/// All parts of a tree with the keys that lead to them; a key has the path of its value.
fn flatten(node: &Node, path: &mut Vec<String>, parts: &mut Vec<(Bytes, Vec<String>)>) {
    let bytes = |span: Span| {
        let offset = |mark: Mark| usize::try_from(mark.offset).unwrap_or(usize::MAX);
        (offset(span.start), offset(span.end))
    };
    parts.push((bytes(node.span), path.clone()));
    match &node.value {
        Value::Mapping(entries) => {
            for (key, value) in entries.iter() {
                path.push(key.name.clone());
                parts.push((bytes(key.span), path.clone()));
                flatten(value, path, parts);
                path.pop();
            }
        }
        Value::Sequence(items) => {
            path.push("[]".to_owned());
            for item in items {
                flatten(item, path, parts);
            }
            path.pop();
        }
        _ => {}
    }
}

/// Both spellings as one kind of tree.
fn tree(text: &str, format: Format) -> Option<Node> {
    match format {
        Format::Json => parse_yaml(text, TreeFile(0), &Budget::default()).ok()?.into_iter().next(),
        Format::Toml => {
            let table = DeTable::parse(text).ok()?;
            Some(Node::new(span(&table), table_value(table.get_ref())))
        }
    }
}

/// Lines and columns are counted from the text where they are needed.
const fn mark(offset: u32) -> Mark {
    Mark { offset, line: 1, column: 1 }
}

fn span<T>(spanned: &Spanned<T>) -> Span {
    let offset = |at: usize| mark(u32::try_from(at).unwrap_or(u32::MAX));
    Span { file: TreeFile(0), start: offset(spanned.span().start), end: offset(spanned.span().end) }
}

fn table_value(table: &DeTable<'_>) -> Value {
    let entries = table.iter().map(|(key, value)| {
        let key = Key { name: key.get_ref().to_string(), span: span(key) };
        (key, node(value))
    });
    Value::Mapping(entries.collect())
}

fn node(spanned: &Spanned<DeValue<'_>>) -> Node {
    let value = match spanned.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => number.to_string().parse().map_or(Value::Null, Value::Integer),
        DeValue::Float(number) => number.to_string().parse().map_or(Value::Null, Value::Float),
        DeValue::Boolean(truth) => Value::Bool(*truth),
        DeValue::Datetime(date) => Value::Timestamp(date.to_string()),
        DeValue::Array(items) => Value::Sequence(items.iter().map(node).collect()),
        DeValue::Table(table) => table_value(table),
    };
    Node::new(span(spanned), value)
}
