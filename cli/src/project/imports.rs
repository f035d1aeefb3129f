//! Where a file names another module.

use std::ops::Range;

use super::tokens::{Kind, Token};

/// Names beyond these are not told apart.
const MOST_NAMES: usize = 128;

/// How a module is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `import … from "…"`.
    Import,
    /// `export … from "…"`.
    Export,
    /// `import "…"`.
    SideEffect,
    /// `import("…")`.
    Dynamic,
    /// `require("…")`.
    Require,
}

/// A name that is imported or handed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name<'a> {
    /// What the module calls it.
    pub(super) imported: &'a str,
    /// Whether only its type is wanted.
    pub(super) type_only: bool,
}

/// A place that names a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Import<'a> {
    /// How.
    pub(super) form: Form,
    /// Which module.
    pub(super) specifier: &'a str,
    /// Where the module's name stands, with its quotes.
    pub(super) span: Range<usize>,
    /// The names in braces.
    pub(super) names: Vec<Name<'a>>,
    /// The one name for all of the module (`* as NAME`, or a default import).
    pub(super) whole: Option<&'a str>,
    /// Whether only types are wanted (`import type`).
    pub(super) type_only: bool,
}

/// Finds imports in a stream of tokens.
#[derive(Debug, Default)]
pub(super) struct Imports<'a> {
    state: State<'a>,
    after_dot: bool,
}

#[derive(Debug, Default)]
enum State<'a> {
    #[default]
    Idle,
    /// After `import`, before its names or `(`.
    Begun(Clause<'a>),
    /// Among the names.
    Names(Clause<'a>),
    /// After `from`.
    From(Clause<'a>),
    /// After `require` or `import`: a `(` must follow.
    Called(Form),
    /// After that `(`.
    Argument(Form),
}

#[derive(Debug)]
struct Clause<'a> {
    form: Form,
    names: Vec<Name<'a>>,
    whole: Option<&'a str>,
    type_only: bool,
    /// The words of the name that is being read.
    item: Vec<&'a str>,
    in_braces: bool,
    /// Whether the braces are over.
    closed: bool,
}

impl<'a> Clause<'a> {
    fn new(form: Form) -> Self {
        Self {
            form,
            names: Vec::new(),
            whole: None,
            type_only: false,
            item: Vec::new(),
            in_braces: false,
            closed: false,
        }
    }

    /// The name that the words before a `,` or `}` give.
    fn end_item(&mut self) {
        let item = std::mem::take(&mut self.item);
        if self.in_braces {
            let (imported, type_only) = match item.as_slice() {
                ["type", name] | ["type", name, "as", _] => (*name, true),
                [name, ..] => (*name, false),
                [] => return,
            };
            if self.names.len() < MOST_NAMES {
                self.names.push(Name { imported, type_only });
            }
        } else {
            // `name`, `type name`, `* as name`.
            if item.first() == Some(&"type") && item.len() > 1 {
                self.type_only = true;
            }
            self.whole = item.last().copied().filter(|last| *last != "*").or(self.whole);
        }
    }

    fn import(self, token: &Token<'a>) -> Import<'a> {
        Import {
            form: self.form,
            specifier: token.text,
            span: token.span.clone(),
            names: self.names,
            whole: self.whole,
            type_only: self.type_only,
        }
    }
}

impl<'a> Imports<'a> {
    /// Takes the next token, and says what it completes.
    pub(super) fn next(&mut self, token: &Token<'a>) -> Option<Import<'a>> {
        let found = self.step(token);
        self.after_dot = token.is_mark(".");
        found
    }

    fn step(&mut self, token: &Token<'a>) -> Option<Import<'a>> {
        match std::mem::take(&mut self.state) {
            State::Begun(mut clause) => {
                if token.kind == Kind::Text && clause.form == Form::Import {
                    clause.form = Form::SideEffect;
                    return Some(clause.import(token));
                }
                if token.is_mark("(") && clause.form == Form::Import {
                    self.state = State::Argument(Form::Dynamic);
                    return None;
                }
                // `export const`, `export default`: only what can stand before `from` goes on.
                let goes_on = token.is_mark("{") || token.is_mark("*") || token.is_word("type");
                if clause.form == Form::Export && !goes_on {
                    return self.begin(token);
                }
                self.name(clause, token)
            }
            State::Names(clause) => self.name(clause, token),
            State::From(clause) if token.kind == Kind::Text => Some(clause.import(token)),
            State::Called(form) if token.is_mark("(") => {
                self.state = State::Argument(form);
                None
            }
            State::Argument(form) if token.kind == Kind::Text => Some(Clause::new(form).import(token)),
            State::Idle | State::From(_) | State::Called(_) | State::Argument(_) => self.begin(token),
        }
    }

    fn begin(&mut self, token: &Token<'a>) -> Option<Import<'a>> {
        if token.kind == Kind::Word && !self.after_dot {
            match token.text {
                "import" => self.state = State::Begun(Clause::new(Form::Import)),
                "export" => self.state = State::Begun(Clause::new(Form::Export)),
                "require" => self.state = State::Called(Form::Require),
                _ => {}
            }
        }
        None
    }

    fn name(&mut self, mut clause: Clause<'a>, token: &Token<'a>) -> Option<Import<'a>> {
        match token.kind {
            Kind::Word
                if token.text == "from"
                    && !clause.in_braces
                    && (clause.closed || !clause.item.is_empty()) =>
            {
                clause.end_item();
                self.state = State::From(clause);
            }
            // After the braces there is `from` and nothing else.
            _ if clause.closed => return self.begin(token),
            Kind::Word | Kind::Text if clause.item.len() < 4 => {
                clause.item.push(token.text);
                self.state = State::Names(clause);
            }
            Kind::Mark if token.text == "*" && !clause.in_braces => {
                clause.item.push("*");
                self.state = State::Names(clause);
            }
            Kind::Mark if matches!(token.text, "{" | "}" | ",") => {
                if token.text == "{" && clause.item.as_slice() == ["type"] {
                    clause.type_only = true;
                    clause.item.clear();
                }
                clause.end_item();
                match token.text {
                    "{" => clause.in_braces = true,
                    "}" => (clause.in_braces, clause.closed) = (false, true),
                    _ => {}
                }
                self.state = State::Names(clause);
            }
            Kind::Word | Kind::Text | Kind::Mark | Kind::Other => return self.begin(token),
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::strategy::Strategy as _;

    use super::super::tokens::Tokens;
    use super::*;

    fn found(source: &str) -> Vec<Import<'_>> {
        let mut imports = Imports::default();
        Tokens::of(source).filter_map(|token| imports.next(&token)).collect()
    }

    fn one(source: &str) -> Import<'_> {
        let mut found = found(source);
        assert_eq!(found.len(), 1, "{source}: {found:?}");
        found.remove(0)
    }

    fn names(source: &str) -> Vec<String> {
        let mark = |name: &Name<'_>| {
            if name.type_only { format!("type {}", name.imported) } else { name.imported.to_owned() }
        };
        one(source).names.iter().map(mark).collect()
    }

    #[test]
    fn every_form_of_import_is_found() {
        for (source, form) in [
            ("import { run } from \"m\";", Form::Import),
            ("import m from 'm'", Form::Import),
            ("import * as m from 'm'", Form::Import),
            ("import m, { a } from 'm'", Form::Import),
            ("import type { A } from 'm'", Form::Import),
            ("import type A from 'm'", Form::Import),
            ("import\n{\n  a,\n  b,\n}\nfrom\n'm'", Form::Import),
            ("import/* x */{a}/* y */from'm'", Form::Import),
            ("import {} from 'm'", Form::Import),
            ("import from from 'm'", Form::Import),
            ("import { a } from 'm' with { type: 'x' }", Form::Import),
            ("import 'm'", Form::SideEffect),
            ("export { a } from 'm'", Form::Export),
            ("export * from 'm'", Form::Export),
            ("export * as m from 'm'", Form::Export),
            ("export type { A } from 'm'", Form::Export),
            ("const m = await import('m')", Form::Dynamic),
            ("const m = await import(`m`)", Form::Dynamic),
            ("type A = typeof import('m')", Form::Dynamic),
            ("`${await import('m')}`", Form::Dynamic),
            ("const m = require('m')", Form::Require),
            ("import m = require('m')", Form::Require),
            ("export const m = require('m')", Form::Require),
        ] {
            let import = one(source);
            assert_eq!((import.form, import.specifier), (form, "m"), "{source}");
            assert_eq!(source.get(import.span).map(str::len), Some(3), "{source}");
        }
    }

    #[test]
    fn what_only_looks_like_an_import_is_none() {
        for source in [
            "// import { run } from 'm'",
            "/* require('m') */",
            "const s = \"import { run } from 'm'\"",
            "x.import('m'); x.require('m')",
            "import.meta.url",
            "const re = /import 'm'/",
            "export const a = 'm'",
            "export default 'm'",
            "export { a }; const b = 'm'",
            "f(imports, 'm'); important 'm'",
            "import(name)",
            "require(`m/${x}`)",
        ] {
            assert_eq!(found(source), [], "{source}");
        }
    }

    #[test]
    fn names_are_told_apart_from_their_aliases_and_types() {
        assert_eq!(
            names("import { a, b as c, type D, type E as F, default as g } from 'm'"),
            ["a", "b", "type D", "type E", "default"]
        );
        assert_eq!(names("export { a as b } from 'm'"), ["a"]);
        assert!(one("import type { A } from 'm'").type_only);
        assert!(one("import type A from 'm'").type_only);
        assert!(!one("import type from 'm'").type_only);
        assert_eq!(one("import * as all from 'm'").whole, Some("all"));
        assert_eq!(one("import it, { a } from 'm'").whole, Some("it"));
        assert_eq!(one("export * from 'm'").whole, None);
    }

    #[test]
    fn one_broken_import_hides_no_other() {
        assert_eq!(one("export { a }\nimport { b } from 'm'").form, Form::Import);
        assert_eq!(one("import {\nimport { a } from 'm'\n").specifier, "m");
        assert_eq!(one("export\nimport 'm'").specifier, "m");
        assert_eq!(one("import x; require('m')").specifier, "m");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_to_its_end_in_order(source in "(?s)([\\PC\n]|[`'\"/*{}$\\\\<>()]|import|export|from|require|type){0,200}") {
            let mut end = 0;
            let mut imports = Imports::default();
            for token in Tokens::of(&source) {
                proptest::prop_assert!(token.span.start >= end && token.span.end > token.span.start);
                proptest::prop_assert!(source.get(token.span.clone()).is_some_and(|piece| piece.contains(token.text)));
                end = token.span.end;
                if let Some(import) = imports.next(&token) {
                    proptest::prop_assert_eq!(import.span, token.span);
                }
            }
        }

        #[test]
        fn an_import_on_a_line_of_its_own_is_found_among_sound_lines(
            before in proptest::collection::vec(line(), 0..12),
            after in proptest::collection::vec(line(), 0..12),
        ) {
            let wanted = "import { run } from 'perry/container';".to_owned();
            let lines: Vec<_> = before.iter().chain([&wanted]).chain(&after).cloned().collect();
            let source = lines.join("\n");
            let found = found(&source);
            proptest::prop_assert_eq!(found.iter().filter(|import| import.specifier == "perry/container").count(), 1);
        }
    }

    /// Lines of TypeScript that hold what a careless reader would stumble over.
    fn line() -> impl proptest::strategy::Strategy<Value = String> {
        proptest::sample::select(vec![
            "const a = /['\"`]/g.test(b) ? 1 / 2 : 3;",
            "// don't import { x } from 'perry/container'",
            "/* `${ */",
            "const s = `a ${ b ? `c ${ d }` : '}' } \\` e`;",
            "const t = \"it's\" + 'say \\'hi\\'';",
            "return <p title='x'>a / b</p>;",
            "export const imports = { from: 'm', import: 1 };",
            "export { a as b };",
            "type A = import('./m').B;",
            "x.import(y); z?.require('n');",
            "if (a) { b(); } else { c(); }",
            "import type { C } from './c';",
            "",
        ])
        .prop_map(str::to_owned)
    }
}
