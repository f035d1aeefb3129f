//! Readers of single values: each either gives the value or notes why not.

use std::fmt::Display;
use std::num::NonZeroU32;
use std::str::FromStr;

use super::shape::{Kind, Shape};
use super::tree::{Entry, Node, Value};
use crate::at::At;
use crate::quantity::MilliCpu;
use crate::refusal::{Refusal, RefusalCode, Refusals, shown, suggestion};
use crate::window::Moment;

/// Reads a tree and collects everything that is wrong with it.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    pub(crate) refusals: &'a mut Refusals,
    /// How many regular expressions were compiled for this file.
    pub(crate) expressions: usize,
}

impl Reader<'_> {
    /// Refuses unknown and missing keys, here and in every table below.
    pub(crate) fn check(&mut self, node: &Node, shape: &'static Shape) {
        let Some(entries) = self.table(node) else { return };
        for entry in entries {
            if let Some(key) = shape.keys.iter().find(|key| key.name == entry.key) {
                self.check_value(&entry.node, &key.kind);
            } else {
                let names = shape.keys.iter().map(|key| key.name);
                self.refusals.push(
                    Refusal::new(
                        RefusalCode::UnknownKey,
                        entry.key_span,
                        format!("unknown key `{}` in {}", shown(&entry.key), shape.called),
                    )
                    .help(suggestion(&entry.key, names)),
                );
            }
        }
        for key in shape.keys.iter().filter(|key| key.required && node.entry(key.name).is_none()) {
            self.refusals.push(
                Refusal::new(
                    RefusalCode::MissingKey,
                    node.span,
                    format!("{} needs `{}`", shape.called, key.name),
                )
                .help(key.about),
            );
        }
    }

    fn check_value(&mut self, node: &Node, kind: &'static Kind) {
        match kind {
            Kind::Table(shape) => self.check(node, shape),
            Kind::Named(_, inner) => {
                for entry in self.table(node).unwrap_or_default() {
                    self.check_value(&entry.node, inner);
                }
            }
            Kind::List(inner) => {
                for item in self.list(node) {
                    self.check_value(item, inner);
                }
            }
            Kind::Word(words) => drop(self.word(node, words)),
            Kind::Text(_) => drop(self.text(node)),
            // The typed readers look at numbers and dates themselves.
            Kind::Whole | Kind::Count | Kind::Decimal | Kind::Date | Kind::Moment => {}
        }
    }

    fn wrong_type(&mut self, node: &Node, expected: &str) {
        self.refusals.push(Refusal::new(
            RefusalCode::WrongType,
            node.span,
            format!("expected {expected}, found {}", node.kind()),
        ));
    }

    /// A value that its grammar does not allow.
    pub(crate) fn bad(&mut self, node: &Node, problem: impl Display) {
        self.refusals.push(Refusal::new(RefusalCode::BadValue, node.span, problem.to_string()));
    }

    pub(crate) fn out_of_range(&mut self, node: &Node, problem: impl Display) {
        self.refusals.push(Refusal::new(RefusalCode::OutOfRange, node.span, problem.to_string()));
    }

    /// The entries of a table.
    pub(crate) fn table<'n>(&mut self, node: &'n Node) -> Option<&'n [Entry]> {
        if let Value::Table(entries) = &node.value {
            return Some(entries);
        }
        self.wrong_type(node, "a table");
        None
    }

    /// The items of a list.
    pub(crate) fn list<'n>(&mut self, node: &'n Node) -> &'n [Node] {
        if let Value::List(items) = &node.value {
            return items;
        }
        self.wrong_type(node, "a list");
        &[]
    }

    /// Text.
    pub(crate) fn text<'n>(&mut self, node: &'n Node) -> Option<&'n str> {
        if let Value::Text(text) = &node.value {
            return Some(text);
        }
        self.wrong_type(node, "text");
        None
    }

    /// Text that is not empty, not overlong and free of control characters.
    pub(crate) fn line(&mut self, node: &Node) -> Option<At<String>> {
        let text = self.text(node)?;
        if text.is_empty() || text.len() > 4096 || text.chars().any(char::is_control) {
            self.bad(node, "expected 1 to 4096 bytes without control characters");
            return None;
        }
        Some(At::new(text.to_owned(), node.span))
    }

    /// One of a few words.
    pub(crate) fn word(&mut self, node: &Node, words: &'static [&'static str]) -> Option<&'static str> {
        let text = self.text(node)?;
        let found = words.iter().find(|word| **word == text);
        if found.is_none() {
            self.refusals.push(
                Refusal::new(
                    RefusalCode::BadValue,
                    node.span,
                    format!("`{}` is not known here", shown(text)),
                )
                .help(suggestion(text, words.iter().copied())),
            );
        }
        found.copied()
    }

    /// Text of a grammar.
    pub(crate) fn parsed<T: FromStr<Err: Display>>(&mut self, node: &Node) -> Option<At<T>> {
        match self.text(node)?.parse() {
            Ok(value) => Some(At::new(value, node.span)),
            Err(problem) => {
                self.bad(node, problem);
                None
            }
        }
    }

    /// A key that is a name of something.
    pub(crate) fn key<T: FromStr<Err: Display>>(&mut self, entry: &Entry) -> Option<At<T>> {
        match entry.key.parse() {
            Ok(value) => Some(At::new(value, entry.key_span)),
            Err(problem) => {
                self.refusals.push(Refusal::new(RefusalCode::BadValue, entry.key_span, problem.to_string()));
                None
            }
        }
    }

    /// A list of texts of one grammar; each item at most once.
    pub(crate) fn parsed_list<T: FromStr<Err: Display> + PartialEq>(&mut self, node: &Node) -> Vec<At<T>> {
        let mut list: Vec<At<T>> = Vec::new();
        for item in self.list(node) {
            let Some(parsed) = self.parsed::<T>(item) else { continue };
            if let Some(first) = list.iter().find(|known| known.value == parsed.value) {
                let mut refusal = Refusal::new(RefusalCode::BadValue, item.span, "this item is listed twice");
                if let Some(span) = first.span {
                    refusal = refusal.related(span, "first listed here");
                }
                self.refusals.push(refusal);
            } else {
                list.push(parsed);
            }
        }
        list
    }

    /// A whole number from 1 up to `most`.
    pub(crate) fn whole(&mut self, node: &Node, most: u32) -> Option<At<NonZeroU32>> {
        let Value::Number(digits) = &node.value else {
            self.wrong_type(node, "a whole number");
            return None;
        };
        let number = digits.parse::<NonZeroU32>().ok().filter(|number| number.get() <= most);
        if number.is_none() {
            self.out_of_range(node, format!("`{}` is not a whole number from 1 to {most}", shown(digits)));
        }
        number.map(|number| At::new(number, node.span))
    }

    /// A whole number from 0.
    pub(crate) fn count(&mut self, node: &Node) -> Option<At<u64>> {
        let Value::Number(digits) = &node.value else {
            self.wrong_type(node, "a whole number");
            return None;
        };
        let number = digits.parse::<u64>().ok();
        if number.is_none() {
            self.out_of_range(node, format!("`{}` is not a whole number from 0", shown(digits)));
        }
        number.map(|number| At::new(number, node.span))
    }

    /// A date or a time with its offset, as TOML's own types or as text.
    pub(crate) fn moment(&mut self, node: &Node) -> Option<At<Moment>> {
        let text = match &node.value {
            Value::Text(text) | Value::Date(text) => text,
            Value::Number(_) | Value::Bool(_) | Value::Null | Value::List(_) | Value::Table(_) => {
                self.wrong_type(node, "a date or a time");
                return None;
            }
        };
        match text.parse() {
            Ok(moment) => Some(At::new(moment, node.span)),
            Err(problem) => {
                self.bad(node, problem);
                None
            }
        }
    }

    /// A number of cores with up to three decimals.
    pub(crate) fn cores(&mut self, node: &Node) -> Option<At<MilliCpu>> {
        let Value::Number(digits) = &node.value else {
            self.wrong_type(node, "a number");
            return None;
        };
        let cores = digits.parse::<MilliCpu>();
        match cores {
            Ok(cores) => Some(At::new(cores, node.span)),
            Err(problem) => {
                self.out_of_range(node, problem);
                None
            }
        }
    }

    /// A calendar date, as TOML's own type or as text.
    pub(crate) fn date(&mut self, node: &Node) -> Option<At<jiff::civil::Date>> {
        let text = match &node.value {
            Value::Text(text) | Value::Date(text) => text,
            Value::Number(_) | Value::Bool(_) | Value::Null | Value::List(_) | Value::Table(_) => {
                self.wrong_type(node, "a date");
                return None;
            }
        };
        let date = if text.len() == 10 { text.parse::<jiff::civil::Date>().ok() } else { None };
        if date.is_none() {
            self.bad(
                node,
                format!("`{}` is not a date: expected year-month-day, such as 2027-01-31", shown(text)),
            );
        }
        date.map(|date| At::new(date, node.span))
    }
}
