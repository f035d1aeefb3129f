//! Where the variables of a text are. The standard's reader finds them by one regular expression, whose greed decides
//! what a stray brace means: `${A:-x} y}` reaches to the last brace of the line if its own braces do not balance.

/// What stands at a `$`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found<'a> {
    /// `$$`: a `$`.
    Escaped,
    /// `$NAME` or `${NAME}`.
    Name(&'a str),
    /// `${NAME` and an operator: what follows it up to the closing brace.
    Operator(&'a str, Operator, &'a str),
    /// Anything else.
    Invalid,
}

/// What is to be done with the text behind the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operator {
    pub(super) kind: Kind,
    /// Written with `:`: an empty variable counts as unset.
    pub(super) empty_is_unset: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `-`: the text stands in for an unset variable.
    Default,
    /// `+`: the text takes the place of a set variable.
    Replacement,
    /// `?`: the variable must be set; the text says why.
    Demand,
}

/// Walks over a text: stretches without a variable, and variables.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    /// The last closing brace of the line that ends at the second number, if it was looked for already.
    last_brace: Option<(Option<usize>, usize)>,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, last_brace: None }
    }

    /// The next stretch, and the variable behind it; nothing at the end.
    pub(super) fn next(&mut self) -> Option<(&'a str, Option<Found<'a>>)> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        // A `$` before anything else is just itself.
        let mut from = 0;
        while let Some(dollar) = rest.get(from..)?.find('$') {
            let start = from.saturating_add(dollar);
            let absolute = self.at.saturating_add(start);
            if let Some((found, end)) = self.found(absolute) {
                self.at = end;
                return Some((rest.get(..start)?, Some(found)));
            }
            from = start.saturating_add(1);
        }
        self.at = self.text.len();
        Some((rest, None))
    }

    /// What the `$` at `dollar` begins, and where it ends.
    fn found(&mut self, dollar: usize) -> Option<(Found<'a>, usize)> {
        let inside = dollar.saturating_add(1);
        let rest = self.text.get(inside..)?;
        if rest.starts_with('$') {
            return Some((Found::Escaped, inside.saturating_add(1)));
        }
        if let Some(name) = name(rest) {
            return Some((Found::Name(name), inside.saturating_add(name.len())));
        }
        let braced = rest.strip_prefix('{')?;
        let start = inside.saturating_add(1);
        Some(self.braced(braced, start).unwrap_or((Found::Invalid, start)))
    }

    fn braced(&mut self, braced: &'a str, start: usize) -> Option<(Found<'a>, usize)> {
        let name = name(braced)?;
        let name_end = start.saturating_add(name.len());
        let rest = self.text.get(name_end..)?;
        if rest.starts_with('}') {
            return Some((Found::Name(name), name_end.saturating_add(1)));
        }
        let bare = rest.strip_prefix(':');
        let kind = match bare.unwrap_or(rest).bytes().next()? {
            b'-' => Kind::Default,
            b'+' => Kind::Replacement,
            b'?' => Kind::Demand,
            _ => return None,
        };
        let operator = Operator { kind, empty_is_unset: bare.is_some() };
        let argument = name_end.saturating_add(if bare.is_some() { 2 } else { 1 });
        let last = self.last_brace(argument)?;
        let close = self.closing(start, last).filter(|close| *close >= argument).unwrap_or(last);
        Some((Found::Operator(name, operator, self.text.get(argument..close)?), close.saturating_add(1)))
    }

    /// The last `}` of the line that `from` is in, if it comes at `from` or later.
    fn last_brace(&mut self, from: usize) -> Option<usize> {
        let known = self.last_brace.filter(|(_, end)| from <= *end);
        let (last, end) = known.unwrap_or_else(|| {
            let rest = self.text.get(from..).unwrap_or_default();
            let line = rest.find('\n').and_then(|end| rest.get(..end)).unwrap_or(rest);
            let last = line.rfind('}').map(|at| from.saturating_add(at));
            (last, from.saturating_add(line.len()))
        });
        self.last_brace = Some((last, end));
        last.filter(|last| *last >= from)
    }

    /// The brace that closes the one before `start`, not behind `last`. What follows an opening brace is not looked at:
    /// so does the standard's reader.
    fn closing(&self, start: usize, last: usize) -> Option<usize> {
        let bytes = self.text.as_bytes().get(..=last)?;
        let mut open = 1_usize;
        let mut at = start.saturating_add(1);
        while let Some(byte) = bytes.get(at) {
            if *byte == b'}' {
                open = open.saturating_sub(1);
                if open == 0 {
                    return Some(at);
                }
            }
            if *byte == b'{' {
                open = open.saturating_add(1);
                at = at.saturating_add(1);
            }
            at = at.saturating_add(1);
        }
        None
    }
}

/// The name at the start of a text.
fn name(text: &str) -> Option<&str> {
    let first = |byte: u8| byte == b'_' || byte.is_ascii_alphabetic();
    if !text.bytes().next().is_some_and(first) {
        return None;
    }
    let length = text.bytes().take_while(|byte| first(*byte) || byte.is_ascii_digit()).count();
    text.get(..length)
}
