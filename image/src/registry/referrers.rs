//! What is attached to a manifest: the registry's own list, or the index under a tag where it keeps none.

use std::collections::BTreeSet;

use perry_sandbox_reference::Digest;
use ureq::http::HeaderMap;

use super::place::Place;
use super::source::{Registry, read_bounded};
use crate::descriptor::{Descriptor, media_type};
use crate::limits::{MAX_MANIFEST, MAX_REFERRERS};
use crate::manifest::Manifest;
use crate::source::{ReadError, Source as _};

/// Most pages of one list.
const MAX_PAGES: usize = 16;

impl Registry {
    pub(super) fn list_referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, ReadError> {
        let what = format!("the referrers of {subject}");
        let mut place = self.at(&format!("referrers/{subject}"))?;
        let mut list = Vec::new();
        let mut seen = BTreeSet::new();
        for _ in 0..MAX_PAGES {
            let answer = match self.ask(&place, Some(media_type::OCI_INDEX), &what, MAX_MANIFEST) {
                // Some registries deny what they do not know. Referrers are hints: nothing is lost by asking
                // in the other way.
                Err(ReadError::Denied { .. }) if list.is_empty() => return self.tagged_referrers(subject),
                other => other?,
            };
            match answer.status().as_u16() {
                200 => {}
                // The registry does not know this question.
                400 | 404 | 405 | 501 if list.is_empty() => return self.tagged_referrers(subject),
                status => return Err(self.unexpected(&what, status)),
            }
            let next = self.next_page(&place, answer.headers())?;
            let page = entries(&read_bounded(answer, &what, MAX_MANIFEST)?, &what)?;
            list.extend(page.into_iter().filter(|entry| seen.insert(entry.digest.clone())));
            if list.len() >= MAX_REFERRERS {
                list.truncate(MAX_REFERRERS);
                break;
            }
            let Some(next) = next else { break };
            place = next;
        }
        Ok(list)
    }

    fn tagged_referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, ReadError> {
        let tag = format!("{}-{}", subject.algorithm().as_str(), subject.hex());
        let Some(digest) = self.tag(&tag)? else { return Ok(Vec::new()) };
        let Some(raw) = self.manifest(&digest)? else { return Ok(Vec::new()) };
        let mut list = entries(&raw.bytes, &format!("the index at {tag}"))?;
        list.truncate(MAX_REFERRERS);
        Ok(list)
    }

    /// The next page, which must be on the same server and about the same thing.
    fn next_page(&self, here: &Place, headers: &HeaderMap) -> Result<Option<Place>, ReadError> {
        let mut links = headers.get_all("link").iter().filter_map(|it| it.to_str().ok());
        let Some(target) = links.find_map(next_link) else { return Ok(None) };
        let wrong = |what: &str| ReadError::Unsafe {
            registry: self.repository.registry().to_owned(),
            what: "the next page of referrers".to_owned(),
            reason: format!("to go to {what}"),
        };
        let next = here.follow(target).map_err(wrong)?;
        if !is_next_page(here, &next) {
            return Err(wrong("another place"));
        }
        Ok(Some(next))
    }
}

/// Whether a `Link` header leads to a further page of a list at `here`.
pub(crate) fn leads_on(header: &str, here: &str) -> bool {
    let Ok(here) = Place::folder(here, false) else { return false };
    next_link(header)
        .and_then(|target| here.follow(target).ok())
        .is_some_and(|next| is_next_page(&here, &next))
}

/// Whether a place is on the same server, and about the same thing.
fn is_next_page(here: &Place, next: &Place) -> bool {
    next.is_same_server(here) && next.path() == here.path()
}

/// The address in `<address>; rel="next"`.
fn next_link(header: &str) -> Option<&str> {
    let (address, rest) = header.trim().strip_prefix('<')?.split_once('>')?;
    let next = rest.split(';').any(|part| matches!(part.trim(), r#"rel="next""# | "rel=next"));
    next.then_some(address)
}

fn entries(bytes: &[u8], what: &str) -> Result<Vec<Descriptor>, ReadError> {
    let malformed = |reason: String| ReadError::Malformed { what: what.to_owned(), reason };
    match Manifest::parse(bytes, Some(media_type::OCI_INDEX)) {
        Ok(Manifest::Index(index)) => Ok(index.manifests),
        Ok(Manifest::Image(_)) => Err(malformed("it is not an index".to_owned())),
        Err(error) => Err(malformed(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_link_to_the_next_page_counts() {
        assert_eq!(next_link(r#"</v2/a/referrers/x?n=1>; rel="next""#), Some("/v2/a/referrers/x?n=1"));
        assert_eq!(next_link(r#"</x>; rel="prev""#), None);
        assert_eq!(next_link("nonsense"), None);
    }
}
