//! From WIT to shapes, by the rules that `perry/wit/world.wit` tells.

use std::collections::BTreeMap;
use std::path::Path;

use wit_parser::{FunctionKind, Resolve, Type, TypeDefKind, TypeId, WorldItem};

use super::shape::{Field, Group, Interface, Much, Operation, Record, Shape};

/// How words or names are written that are not written as the others are.
#[derive(Clone, Copy)]
enum Manner {
    Kebab,
    Camel,
    Snake,
    Upper,
}

impl Manner {
    /// What a comment says, or else `usual`.
    fn of(comment: &str, what: &str, usual: Self) -> Self {
        let says = |manner: &str| comment.contains(&format!("{what} are written in {manner}"));
        match (says("camelCase"), says("snake_case"), says("UPPER_CASE")) {
            (true, ..) => Self::Camel,
            (_, true, _) => Self::Snake,
            (.., true) => Self::Upper,
            (false, false, false) => usual,
        }
    }

    fn write(self, name: &str) -> String {
        match self {
            Self::Kebab => name.to_owned(),
            Self::Snake => name.replace('-', "_"),
            Self::Upper => name.replace('-', "_").to_uppercase(),
            Self::Camel => {
                let mut words = name.split('-');
                let mut text = words.next().unwrap_or_default().to_owned();
                for word in words {
                    text.push_str(&word[..1].to_uppercase());
                    text.push_str(&word[1..]);
                }
                text
            }
        }
    }
}

pub(super) fn folder(path: &Path) -> Interface {
    let mut resolve = Resolve::default();
    let pushed = resolve.push_dir(path);
    let (package, _) = pushed.unwrap_or_else(|error| panic!("{}: {error:?}", path.display()));
    let (_, world) = resolve.worlds.iter().next().expect("the package has a world");
    let exported: Vec<_> = world
        .exports
        .values()
        .map(|item| match item {
            WorldItem::Interface { id, .. } => *id,
            other => panic!("the world exports something that is no interface: {other:?}"),
        })
        .collect();
    let mut found = Found { resolve: &resolve, records: BTreeMap::new(), words: BTreeMap::new() };
    let mut operations = BTreeMap::new();
    for (name, id) in &resolve.packages[package].interfaces {
        let interface = &resolve.interfaces[*id];
        assert!(interface.functions.is_empty() || exported.contains(id), "`{name}` is not exported");
        for id in interface.types.values() {
            found.named(*id);
        }
        for (name, function) in &interface.functions {
            let name = Manner::Camel.write(name);
            let old = operations.insert(name.clone(), found.operation(function));
            assert!(old.is_none(), "there are two functions `{name}`");
        }
    }
    let Found { records, words, .. } = found;
    Interface { operations, records, words }
}

struct Found<'a> {
    resolve: &'a Resolve,
    records: BTreeMap<String, Record>,
    words: BTreeMap<String, Vec<String>>,
}

impl Found<'_> {
    fn operation(&mut self, function: &wit_parser::Function) -> Operation {
        let args = match function.params.as_slice() {
            [] => Record { name: "nothing".to_owned(), fields: Vec::new(), groups: Vec::new() },
            [one] => match self.shape(&one.ty) {
                Shape::Record(record) => record,
                other => panic!("`{}` takes {other:?}", function.name),
            },
            _ => panic!("`{}` takes several objects", function.name),
        };
        let Some(Type::Id(id)) = &function.result else { panic!("`{}` cannot fail", function.name) };
        let TypeDefKind::Result(result) = &self.resolve.types[*id].kind else {
            panic!("`{}` cannot fail", function.name)
        };
        let comment = function.docs.contents.as_deref().unwrap_or_default();
        Operation {
            is_async: matches!(function.kind, FunctionKind::AsyncFreestanding),
            is_sync: comment.contains("Only synchronously."),
            args,
            value: result.ok.as_ref().map(|ok| self.shape(ok)),
        }
    }

    fn shape(&mut self, ty: &Type) -> Shape {
        match ty {
            Type::Bool => Shape::Flag,
            Type::U8 | Type::U16 | Type::U32 | Type::U64 => Shape::Whole(String::new()),
            Type::S8 | Type::S16 | Type::S32 | Type::S64 => Shape::Signed,
            Type::F32 | Type::F64 => Shape::Number(String::new()),
            Type::String => Shape::Text(String::new()),
            Type::Id(id) => self.named(*id),
            Type::Char | Type::ErrorContext => panic!("JSON has no {ty:?}"),
        }
    }

    fn named(&mut self, id: TypeId) -> Shape {
        let def = &self.resolve.types[id];
        let name = def.name.clone().unwrap_or_default();
        let comment = def.docs.contents.as_deref().unwrap_or_default();
        match &def.kind {
            TypeDefKind::Type(inner @ Type::Id(_)) => self.shape(inner),
            TypeDefKind::Type(_) if name == "document" => Shape::Document,
            TypeDefKind::Type(inner) => match self.shape(inner) {
                Shape::Text(_) => Shape::Text(name),
                Shape::Whole(_) => Shape::Whole(name),
                Shape::Number(_) => Shape::Number(name),
                other => other,
            },
            TypeDefKind::Record(record) => Shape::Record(self.record(name, comment, record)),
            TypeDefKind::Enum(words) => {
                let manner = Manner::of(comment, "Words", Manner::Kebab);
                let words: Vec<_> = words.cases.iter().map(|case| manner.write(&case.name)).collect();
                self.words.insert(name, words.clone());
                Shape::Words(words)
            }
            TypeDefKind::Variant(variant) => {
                let case = |case: &wit_parser::Case| case.ty.expect("a case has something in it");
                let cases: Vec<_> = variant.cases.iter().map(case).collect();
                Shape::Either(cases.iter().map(|ty| self.shape(ty)).collect())
            }
            TypeDefKind::List(item) => Shape::List(Box::new(self.shape(item))),
            TypeDefKind::Map(Type::String, value) => Shape::Map { name, value: Box::new(self.shape(value)) },
            TypeDefKind::Tuple(tuple) => Shape::Tuple(tuple.types.iter().map(|ty| self.shape(ty)).collect()),
            TypeDefKind::Option(inner) => Shape::Option(Box::new(self.shape(inner))),
            other => panic!("JSON has no {} (`{name}`)", other.as_str()),
        }
    }

    fn record(&mut self, name: String, comment: &str, record: &wit_parser::Record) -> Record {
        let manner = Manner::of(comment, "Names", Manner::Camel);
        let mut made = Record { name: name.clone(), fields: Vec::new(), groups: Vec::new() };
        for field in &record.fields {
            let shape = self.shape(&field.ty);
            if field.docs.contents.as_deref().is_some_and(|comment| comment.starts_with("Inlined")) {
                let Shape::Record(inner) = shape else { panic!("`{name}.{}` is no record", field.name) };
                made.fields.extend(inner.fields);
                made.groups.extend(inner.groups);
                continue;
            }
            let (shape, is_optional) = match shape {
                Shape::Option(inner) => (*inner, true),
                shape => (shape, false),
            };
            let field = Field { of: name.clone(), name: manner.write(&field.name), shape, is_optional };
            made.fields.push(field);
        }
        made.groups.extend(groups(comment, &made.fields));
        self.records.insert(name, made.clone());
        made
    }
}

/// What a record's comment says of its fields.
fn groups(comment: &str, fields: &[Field]) -> Vec<Group> {
    let sentences = [
        ("Exactly one of ", Much::ExactlyOne),
        ("At most one of ", Much::AtMostOne),
        ("At least one of ", Much::AtLeastOne),
    ];
    let mut found = Vec::new();
    for (begin, much) in sentences {
        let Some((_, rest)) = comment.split_once(begin) else { continue };
        let sentence = rest.split('.').next().unwrap_or_default();
        let mut names: Vec<_> =
            sentence.split('`').skip(1).step_by(2).map(|name| Manner::Camel.write(name)).collect();
        if names.is_empty() {
            names = fields.iter().map(|field| field.name.clone()).collect();
        }
        for name in &names {
            assert!(fields.iter().any(|field| field.name == *name), "there is no `{name}`: {comment}");
        }
        found.push(Group { much, names });
    }
    found
}
