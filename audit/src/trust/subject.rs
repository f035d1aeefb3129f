//! What a pattern for a certificate's subject leaves open.

/// A pattern in which `*` stands for anything, whatever form it was written in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subject {
    text: String,
    /// Whether something may stand before or behind what is written.
    is_loose: bool,
}

impl Subject {
    /// One subject; a star in it is a star.
    pub(crate) fn exact(text: &str) -> Self {
        Self { text: text.replace('*', "\u{2217}"), is_loose: false }
    }

    /// A pattern of ours, anchored, with stars.
    pub(crate) fn of_stars(text: &str) -> Self {
        Self { text: text.to_owned(), is_loose: false }
    }

    /// A regular expression: what can stand for several texts becomes a star. `anchored` says that the whole is compared
    /// whether the expression says so or not.
    pub(crate) fn of_expression(expression: &str, anchored: bool) -> Self {
        let begins = expression.strip_prefix('^');
        let ends = begins.unwrap_or(expression).strip_suffix('$');
        let body = ends.unwrap_or(begins.unwrap_or(expression));
        let is_loose = !anchored && (begins.is_none() || ends.is_none());
        let mut text = String::new();
        let mut chars = body.chars().peekable();
        while let Some(char) = chars.next() {
            match char {
                '\\' => match chars.next() {
                    Some('w' | 'W' | 'd' | 'D' | 's' | 'S') => text.push('*'),
                    Some(literal) => text.push(literal),
                    None => {}
                },
                '.' if matches!(chars.peek(), Some('*' | '+' | '?' | '{')) => text.push('*'),
                '[' => {
                    for inner in chars.by_ref() {
                        if inner == ']' {
                            break;
                        }
                    }
                    text.push('*');
                }
                '*' | '+' | '?' | '(' | ')' => {}
                '|' => text.push('*'),
                other => text.push(other),
            }
        }
        while text.contains("**") {
            text = text.replace("**", "*");
        }
        Self { text, is_loose }
    }

    /// Whether everybody fits.
    pub(crate) fn is_anybody(&self) -> bool {
        let rest = self.text.strip_prefix("https").unwrap_or(&self.text);
        rest.chars().all(|char| matches!(char, '*' | '/' | ':' | '.' | '@'))
    }

    /// What it leaves open that it should not, if anything.
    pub(crate) fn open_part(&self) -> Option<&'static str> {
        if self.is_loose {
            return Some("it is not anchored: a subject that only contains the text fits too");
        }
        let Some(rest) = self.text.strip_prefix("https://") else {
            let star_before_at = self.text.split_once('@').is_some_and(|(local, _)| local.contains('*'));
            return star_before_at.then_some("everybody of that domain fits");
        };
        let (path, reference) = rest.split_once('@').map_or((rest, None), |(path, rest)| (path, Some(rest)));
        let mut parts = path.split('/');
        if parts.next().is_some_and(|host| host.contains('*')) {
            return Some("the host is open");
        }
        if parts.next().is_none_or(|owner| owner.contains('*') || owner.is_empty()) {
            return Some("the owner is open");
        }
        if parts.next().is_none_or(|repository| repository.contains('*') || repository.is_empty()) {
            return Some("the repository is open");
        }
        let is_workflow = path.contains("/.github/workflows/");
        match reference {
            None if is_workflow && path.ends_with('*') => {
                Some("the ref is open: any branch of the repository fits")
            }
            Some("*" | "refs/*" | "refs/*/*") => Some("the ref is open: any branch of the repository fits"),
            _ => None,
        }
    }

    /// The branch that it ends in, if it does.
    pub(crate) fn branch(&self) -> Option<&str> {
        let (_, reference) = self.text.rsplit_once('@')?;
        reference.strip_prefix("refs/heads/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(text: &str) -> Option<&'static str> {
        Subject::of_stars(text).open_part()
    }

    #[test]
    fn a_star_in_owner_repository_or_ref_is_open_and_one_in_a_tag_is_not() {
        assert_eq!(open("https://github.com/acme/tools/.github/workflows/r.yml@refs/tags/v*"), None);
        assert!(open("https://github.com/acme/*/.github/workflows/r.yml@refs/tags/v*").is_some());
        assert!(open("https://github.com/*/tools/.github/workflows/r.yml@refs/tags/v*").is_some());
        assert!(open("https://github.com/acme/tools/.github/workflows/r.yml@*").is_some());
        assert!(open("https://github.com/acme/tools/.github/workflows/*").is_some());
        assert!(open("*@acme.example").is_some() && open("release@acme.example").is_none());
    }

    #[test]
    fn an_expression_is_seen_as_what_it_leaves_open() {
        let subject = |text: &str| Subject::of_expression(text, false);
        assert!(
            subject(".*").is_anybody() && subject("^.+$").is_anybody() && subject("https://.*").is_anybody()
        );
        let good = subject(r"^https://github\.com/acme/tools/\.github/workflows/r\.yml@refs/tags/v.*$");
        assert_eq!((good.is_anybody(), good.open_part()), (false, None));
        assert!(subject(r"https://github\.com/acme/tools/").open_part().is_some());
        assert!(subject(r"^https://github\.com/acme/[^/]+/x@refs/tags/v1$").open_part().is_some());
        assert_eq!(subject(r"^https://github\.com/a/b/c\.yml@refs/heads/main$").branch(), Some("main"));
    }
}
