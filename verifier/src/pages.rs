//! The page of each code: what it means, and what it most often comes from.

use serde::Serialize;

const PAGES: &str = include_str!("../docs/CODES.md");

/// What `docs/CODES.md` says about a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Page {
    /// What it means.
    pub meaning: &'static str,
    /// What it most often comes from.
    pub causes: Vec<&'static str>,
}

/// The page of a code as a user types it, in upper or lower case.
pub fn page(code: &str) -> Option<Page> {
    let wanted = code.trim().to_ascii_uppercase();
    let mut sections = PAGES.split("\n## ").skip(1);
    let body = sections.find_map(|section| {
        let (title, body) = section.split_once('\n')?;
        (title.trim() == wanted).then_some(body)
    })?;
    let lines = || body.lines().map(str::trim).filter(|line| !line.is_empty());
    let meaning = lines().find(|line| !line.starts_with("- "))?;
    let causes = lines().filter_map(|line| line.strip_prefix("- ")).collect();
    Some(Page { meaning, causes })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::codes::Code;

    #[test]
    fn every_code_has_a_page_with_meaning_and_causes() {
        for code in Code::ALL {
            let page = page(code.as_str()).unwrap_or_else(|| panic!("{code} has no page"));
            assert!(page.meaning.ends_with('.') && page.meaning.len() > 20, "{code}: {}", page.meaning);
            assert!(!page.causes.is_empty(), "{code} has no causes");
            assert!(page.causes.iter().all(|it| !it.ends_with('.')), "{code}");
        }
    }

    #[test]
    fn every_page_is_of_a_code() {
        let titles: BTreeSet<_> = PAGES.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        assert_eq!(titles, Code::ALL.iter().map(|code| code.as_str()).collect());
        assert_eq!(page("V-TIME-99"), None);
        assert!(page(" v-sig-01 ").is_some());
    }
}
