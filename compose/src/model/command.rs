/// Splits a command line into words, as the reference does: quotes group, a backslash takes the next character as it is,
/// and an unquoted `;`, `&`, `|`, `<` or `>` ends the line. Nothing if a quote or a bracket stays open.
pub(super) fn words(line: &str) -> Option<Vec<String>> {
    let mut state = State::default();
    for char in line.chars() {
        if state.escaped {
            state.push(char);
            state.escaped = false;
            continue;
        }
        match char {
            '\\' if state.single => state.word.push(char),
            '\\' => state.escaped = true,
            ' ' | '\t' | '\r' | '\n' if state.quoted() => state.word.push(char),
            ' ' | '\t' | '\r' | '\n' => state.end(),
            '"' if !state.single && !state.dollar => {
                state.begun |= state.double;
                state.double = !state.double;
            }
            '\'' if !state.double && !state.dollar => {
                state.begun |= state.single;
                state.single = !state.single;
            }
            ';' | '&' | '|' | '<' | '>' if !state.quoted() => {
                // `2>` names a stream, not an argument.
                if char == '>' && state.word.starts_with(|c: char| c.is_ascii_digit()) {
                    state.begun = false;
                }
                break;
            }
            '(' if !state.single && !state.double && !state.back => {
                if state.dollar || !state.word.ends_with('$') {
                    return None;
                }
                state.dollar = true;
                state.word.push('(');
            }
            _ => {
                let bracket = !state.single && !state.double;
                if char == '`' && bracket && !state.dollar {
                    state.back = !state.back;
                } else if char == ')' && bracket && !state.back {
                    state.dollar = !state.dollar;
                }
                state.push(char);
            }
        }
    }
    state.end();
    (!state.escaped && !state.quoted()).then_some(state.words)
}

#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "four kinds of quotes and brackets, each open or not")]
struct State {
    words: Vec<String>,
    word: String,
    begun: bool,
    escaped: bool,
    single: bool,
    double: bool,
    back: bool,
    dollar: bool,
}

impl State {
    fn quoted(&self) -> bool {
        self.single || self.double || self.back || self.dollar
    }

    fn push(&mut self, char: char) {
        self.begun = true;
        self.word.push(char);
    }

    fn end(&mut self) {
        if self.begun {
            self.words.push(std::mem::take(&mut self.word));
        }
        self.word.clear();
        self.begun = false;
    }
}

#[cfg(test)]
mod tests {
    use super::words;

    fn split(line: &str) -> Vec<String> {
        words(line).unwrap()
    }

    #[test]
    fn quotes_group_and_backslashes_escape() {
        assert_eq!(split(r#"a\nb "c d" 'e\n' '' f; g"#), ["anb", "c d", r"e\n", "", "f"]);
        assert_eq!(split("  a  b\n c "), ["a", "b", "c"]);
        assert_eq!(split("echo $(a b) `c d`"), ["echo", "$(a b)", "`c d`"]);
        assert_eq!(split("run 2>/dev/null"), ["run"]);
        assert_eq!(split("run x>/dev/null"), ["run", "x"]);
        assert!(split("").is_empty());
    }

    #[test]
    fn what_stays_open_is_refused() {
        for line in ["'a", "\"a", "`a", "$(a", "a (b)", "a\\"] {
            assert_eq!(words(line), None, "{line}");
        }
    }
}
