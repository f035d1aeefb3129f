//! TypeScript as words, texts and marks: enough to tell code from comments, strings, templates and regular expressions.
//!
//! It is no parser. Where the language cannot be read without one (a `/` after `)`, text between JSX tags), it takes the
//! reading that goes wrong least and finds back to code at the end of the line. It reads every byte a bounded number of
//! times, whatever the file holds.

use std::ops::Range;

/// The longest regular expression that is believed to be one.
const LONGEST_REGEX: usize = 4096;

/// After these words a `/` begins a regular expression.
const BEFORE_A_REGEX: [&str; 14] = [
    "return",
    "typeof",
    "case",
    "in",
    "of",
    "delete",
    "void",
    "throw",
    "new",
    "instanceof",
    "await",
    "yield",
    "do",
    "else",
];

/// What a piece of code is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name or keyword.
    Word,
    /// A string, or a template without `${`; the token's text is what stands between the quotes.
    Text,
    /// One character of punctuation.
    Mark,
    /// A number, a regular expression, or a piece of a template with `${`.
    Other,
}

/// A piece of code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token<'a> {
    /// What it is.
    pub(super) kind: Kind,
    /// What it says.
    pub(super) text: &'a str,
    /// Where it stands, with its quotes.
    pub(super) span: Range<usize>,
}

impl Token<'_> {
    /// Whether it is that mark.
    pub(super) fn is_mark(&self, mark: &str) -> bool {
        self.kind == Kind::Mark && self.text == mark
    }

    /// Whether it is that word.
    pub(super) fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text == word
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slash {
    Divides,
    BeginsRegex,
}

/// Where openers are known to have no end, so that nobody looks for it again.
#[derive(Debug, Default)]
struct Endless {
    comment: bool,
    template: bool,
    /// Before this place.
    regex: usize,
    single: usize,
    double: usize,
}

/// The code of one file, piece by piece.
#[derive(Debug)]
pub(super) struct Tokens<'a> {
    source: &'a str,
    at: usize,
    /// For each `${` that is open, how many `{` are open in it.
    open: Vec<u32>,
    slash: Slash,
    endless: Endless,
}

impl<'a> Tokens<'a> {
    /// Reads this file.
    pub(super) fn of(source: &'a str) -> Self {
        let mut tokens =
            Self { source, at: 0, open: Vec::new(), slash: Slash::BeginsRegex, endless: Endless::default() };
        if source.trim_start_matches('\u{feff}').starts_with("#!") {
            tokens.skip_line();
        }
        tokens
    }

    fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn skip(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes).min(self.source.len());
    }

    fn skip_line(&mut self) {
        let rest = self.rest();
        self.skip(rest.find(['\n', '\r', '\u{2028}', '\u{2029}']).unwrap_or(rest.len()));
    }

    /// A token of the next `bytes` bytes, of which those in `inner` are its text.
    fn token(&mut self, kind: Kind, bytes: usize, inner: Range<usize>) -> Token<'a> {
        let start = self.at;
        let text = self.rest().get(inner).unwrap_or_default();
        self.skip(bytes);
        self.slash = match kind {
            Kind::Word if BEFORE_A_REGEX.contains(&text) => Slash::BeginsRegex,
            // `<` begins a JSX tag that closes more often than it compares with a regular expression.
            Kind::Mark if !matches!(text, ")" | "]" | "}" | "<") => Slash::BeginsRegex,
            Kind::Word | Kind::Text | Kind::Other | Kind::Mark => Slash::Divides,
        };
        Token { kind, text, span: start..self.at }
    }

    fn plain(&mut self, kind: Kind, bytes: usize) -> Token<'a> {
        self.token(kind, bytes, 0..bytes)
    }

    /// A comment is skipped; a division is a mark.
    fn slash(&mut self) -> Option<Token<'a>> {
        let rest = self.rest();
        if rest.starts_with("//") {
            self.skip_line();
            return None;
        }
        if rest.starts_with("/*") && !self.endless.comment {
            if let Some(end) = rest.get(2..).and_then(|inner| inner.find("*/")) {
                self.skip(end.saturating_add(4));
                return None;
            }
            self.endless.comment = true;
        }
        if self.slash == Slash::BeginsRegex && self.at >= self.endless.regex {
            if let Some(length) = regex_length(rest) {
                return Some(self.plain(Kind::Other, length));
            }
            self.endless.regex = self.at.saturating_add(line_length(rest).min(LONGEST_REGEX));
        }
        Some(self.plain(Kind::Mark, 1))
    }

    fn string(&mut self, quote: u8) -> Token<'a> {
        let rest = self.rest();
        let endless = if quote == b'"' { self.endless.double } else { self.endless.single };
        if self.at >= endless {
            if let Some(length) = string_length(rest, quote) {
                return self.token(Kind::Text, length, 1..length.saturating_sub(1));
            }
            let until = self.at.saturating_add(line_length(rest));
            if quote == b'"' {
                self.endless.double = until;
            } else {
                self.endless.single = until;
            }
        }
        self.plain(Kind::Mark, 1)
    }

    /// From a backtick, or from the `}` that ends a `${`, to the next of them.
    fn template(&mut self) -> Token<'a> {
        let rest = self.rest();
        let whole = rest.starts_with('`');
        let end = if self.endless.template { None } else { template_end(rest) };
        match end {
            Some(TemplateEnd::Closed(length)) if whole => {
                self.token(Kind::Text, length, 1..length.saturating_sub(1))
            }
            Some(TemplateEnd::Closed(length)) => self.plain(Kind::Other, length),
            Some(TemplateEnd::Code(length)) => {
                self.open.push(0);
                let token = self.plain(Kind::Other, length);
                self.slash = Slash::BeginsRegex;
                token
            }
            None => {
                self.endless.template = true;
                self.plain(Kind::Mark, 1)
            }
        }
    }

    fn brace(&mut self, mark: char) -> Token<'a> {
        match (mark, self.open.last_mut()) {
            ('}', Some(0)) => {
                self.open.pop();
                return self.template();
            }
            ('}', Some(depth)) => *depth = depth.saturating_sub(1),
            (_, Some(depth)) => *depth = depth.saturating_add(1),
            (_, None) => {}
        }
        self.plain(Kind::Mark, 1)
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let rest = self.rest();
            let first = rest.chars().next()?;
            let token = match first {
                _ if first.is_whitespace() || first == '\u{feff}' => {
                    self.skip(first.len_utf8());
                    continue;
                }
                '/' => match self.slash() {
                    Some(token) => token,
                    None => continue,
                },
                '"' => self.string(b'"'),
                '\'' => self.string(b'\''),
                '`' => self.template(),
                '{' | '}' => self.brace(first),
                '0'..='9' => {
                    let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
                    let length = rest.find(|c| !part(c)).unwrap_or(rest.len());
                    self.plain(Kind::Other, length)
                }
                _ if is_word(first) => {
                    let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                    self.plain(Kind::Word, length)
                }
                _ => self.plain(Kind::Mark, first.len_utf8()),
            };
            return Some(token);
        }
    }
}

/// Whether a name can have it. Digits are here because numbers are taken before names.
pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

fn line_length(rest: &str) -> usize {
    rest.find('\n').unwrap_or(rest.len())
}

/// Bytes of the string that begins here, with its quotes; none where it does not end on its line.
fn string_length(rest: &str, quote: u8) -> Option<usize> {
    let mut bytes = rest.bytes().enumerate().skip(1);
    while let Some((at, byte)) = bytes.next() {
        match byte {
            _ if byte == quote => return Some(at.saturating_add(1)),
            b'\\' => drop(bytes.next()),
            b'\n' | b'\r' => return None,
            _ => {}
        }
    }
    None
}

/// Bytes of the regular expression that begins here, without its flags; none where there is no end on its line.
fn regex_length(rest: &str) -> Option<usize> {
    let mut in_class = false;
    let mut bytes = rest.bytes().enumerate().skip(1).take(LONGEST_REGEX);
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'/' if !in_class => return Some(at.saturating_add(1)),
            b'[' => in_class = true,
            b']' => in_class = false,
            b'\\' => drop(bytes.next()),
            b'\n' | b'\r' => return None,
            _ => {}
        }
    }
    None
}

enum TemplateEnd {
    /// So many bytes up to and with the backtick.
    Closed(usize),
    /// So many bytes up to and with `${`.
    Code(usize),
}

fn template_end(rest: &str) -> Option<TemplateEnd> {
    let mut bytes = rest.bytes().enumerate().skip(1).peekable();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'`' => return Some(TemplateEnd::Closed(at.saturating_add(1))),
            b'\\' => drop(bytes.next()),
            b'$' if bytes.peek().is_some_and(|(_, next)| *next == b'{') => {
                return Some(TemplateEnd::Code(at.saturating_add(2)));
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(source: &str) -> Vec<&str> {
        Tokens::of(source).filter(|token| token.kind == Kind::Word).map(|token| token.text).collect()
    }

    fn texts(source: &str) -> Vec<&str> {
        Tokens::of(source).filter(|token| token.kind == Kind::Text).map(|token| token.text).collect()
    }

    #[test]
    fn comments_strings_and_regular_expressions_hold_no_words() {
        assert_eq!(words("a // b\n/* c \n d */ e"), ["a", "e"]);
        assert_eq!(words("a = /b'\"`c[/]d/; e"), ["a", "e"]);
        assert_eq!(words("return /it's/.test(x)"), ["return", "test", "x"]);
        assert_eq!(words("#!/usr/bin/env perry\na"), ["a"]);
        assert_eq!(texts(r#"f("a\"b", 'c"d', `e'f`)"#), [r#"a\"b"#, "c\"d", "e'f"]);
    }

    #[test]
    fn a_division_is_no_regular_expression() {
        assert_eq!(words("a / b / c"), ["a", "b", "c"]);
        assert_eq!(words("(a) / b; x[0] / c / d"), ["a", "b", "x", "c", "d"]);
    }

    #[test]
    fn code_inside_a_template_is_code() {
        assert_eq!(words("`x ${ a + `y ${b} z` + {c: 1}.c } w`; d"), ["a", "b", "c", "c", "d"]);
        assert_eq!(texts("`${f('g')}`"), ["g"]);
    }

    #[test]
    fn what_has_no_end_costs_the_rest_of_its_line_at_most() {
        assert_eq!(words("<p>don't</p>\na"), ["p", "don", "t", "p", "a"]);
        assert_eq!(words("a /* b"), ["a", "b"]);
        assert_eq!(words("a ` b\nc"), ["a", "b", "c"]);
        assert_eq!(words("a = /b\nc"), ["a", "b", "c"]);
        assert_eq!(words("`${ a"), ["a"]);
    }

    #[test]
    fn hostile_files_are_read_in_linear_time() {
        for piece in ["=/[", "'\\", "\"\\'", "`${", "/*", "<a b={`", "}", "=/\\/", "\u{2028}'"] {
            let source = piece.repeat(100_000);
            assert!(Tokens::of(&source).count() <= source.len());
        }
    }

    #[test]
    fn the_spans_lie_in_the_file_in_order() {
        let source = "import { ä, b } from 'perry/container' // é\n`x${'y'}z` /q/ 1.5e3";
        let mut end = 0;
        for token in Tokens::of(source) {
            assert!(token.span.start >= end && source.get(token.span.clone()).is_some(), "{token:?}");
            end = token.span.end;
        }
    }
}
