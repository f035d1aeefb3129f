//! Environment variables of Perry's own modules that mean something else here, or nothing.

use std::ops::Range;

use super::tokens::{Kind, Token, is_word};

/// A variable, and what there is instead.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Variable {
    /// Its name.
    pub(super) name: &'static str,
    /// What it does in Perry's own modules, and why it does nothing here.
    pub(super) here: &'static str,
    /// What to do instead.
    pub(super) instead: &'static str,
}

/// The variables, as PERRY's documentation has them.
const VARIABLES: [Variable; 2] = [
    Variable {
        name: "PERRY_CONTAINER_VERIFY_IMAGES",
        here: "`PERRY_CONTAINER_VERIFY_IMAGES` changes nothing here: every image is verified before it runs, and nothing turns that off",
        instead: "remove it; say who must have signed in a policy, or with `signer`",
    },
    Variable {
        name: "PERRY_ALLOW_UNTRUSTED_SHARED_KERNEL",
        here: "`PERRY_ALLOW_UNTRUSTED_SHARED_KERNEL` changes nothing here: the tier `untrusted` always demands a kernel of its own",
        instead: "remove it; where a shared kernel is enough, ask for the tier `hardened`, or let the policy say so",
    },
];

/// The variables that a piece of code names: as a word, or in a string.
pub(super) fn in_token(token: &Token<'_>) -> impl Iterator<Item = &'static Variable> {
    let (kind, text) = (token.kind, token.text);
    VARIABLES.iter().filter(move |variable| match kind {
        Kind::Word => text == variable.name,
        Kind::Text => words_of(text, variable.name).next().is_some(),
        Kind::Mark | Kind::Other => false,
    })
}

/// The variables that a script, an env file or a build file names, comments aside.
pub(super) fn in_script(text: &str) -> Vec<(Range<usize>, &'static Variable)> {
    let mut found = Vec::new();
    let mut begin = 0_usize;
    for line in text.split_inclusive('\n') {
        let code = line.split_at_checked(comment(line)).map_or(line, |(code, _)| code);
        for variable in &VARIABLES {
            for at in words_of(code, variable.name) {
                let start = begin.saturating_add(at);
                found.push((start..start.saturating_add(variable.name.len()), variable));
            }
        }
        begin = begin.saturating_add(line.len());
    }
    found
}

/// Where a shell's comment begins: at a `#` that begins a word.
fn comment(line: &str) -> usize {
    let begins = |at: usize| {
        line.get(..at).is_none_or(|before| before.is_empty() || before.ends_with([' ', '\t', ';']))
    };
    line.match_indices('#').map(|(at, _)| at).find(|at| begins(*at)).unwrap_or(line.len())
}

/// Where `name` stands as a whole word.
fn words_of<'a>(text: &'a str, name: &'static str) -> impl Iterator<Item = usize> + 'a {
    text.match_indices(name).map(|(at, _)| at).filter(move |at| {
        let before = text.get(..*at).and_then(|before| before.chars().next_back());
        let after = text.get(at.saturating_add(name.len())..).and_then(|after| after.chars().next());
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

#[cfg(test)]
mod tests {
    use super::super::tokens::Tokens;
    use super::*;

    fn code(source: &str) -> usize {
        Tokens::of(source).map(|token| in_token(&token).count()).sum()
    }

    #[test]
    fn code_names_a_variable_as_a_word_or_in_a_string() {
        assert_eq!(code("process.env.PERRY_CONTAINER_VERIFY_IMAGES = '1'"), 1);
        assert_eq!(code("process.env['PERRY_CONTAINER_VERIFY_IMAGES']"), 1);
        assert_eq!(code("sh('PERRY_ALLOW_UNTRUSTED_SHARED_KERNEL=1 ./app')"), 1);
        assert_eq!(code("// PERRY_CONTAINER_VERIFY_IMAGES\nMY_PERRY_CONTAINER_VERIFY_IMAGES"), 0);
    }

    #[test]
    fn scripts_name_it_outside_comments() {
        let text = "# PERRY_CONTAINER_VERIFY_IMAGES=1\nexport A=1 PERRY_CONTAINER_VERIFY_IMAGES=on # no\n";
        let found = in_script(text);
        assert_eq!(found.len(), 1);
        assert_eq!(text.get(found[0].0.clone()), Some("PERRY_CONTAINER_VERIFY_IMAGES"));
        assert_eq!(in_script("PERRY_CONTAINER_VERIFY_IMAGES_2=1").len(), 0);
    }
}
