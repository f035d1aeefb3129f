//! What stands before an entry to describe it: long names, and extension records of the form
//! `LENGTH KEY=VALUE`. The `tar` crate splits records at line ends, which may lie inside a value.

use super::tar::{Result, TarError};

/// Names and numbers that stand in entries of their own, before the one they describe.
#[derive(Debug, Default)]
pub(super) struct Extensions {
    pub(super) name: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<u64>,
    pub(super) gid: Option<u64>,
    pub(super) mtime: Option<u64>,
    pub(super) seen: bool,
}

impl Extensions {
    pub(super) fn set(
        &mut self,
        field: impl Fn(&mut Self) -> &mut Option<Vec<u8>>,
        value: Vec<u8>,
        twice: &'static str,
    ) -> Result<()> {
        self.seen = true;
        if field(self).replace(value).is_some() {
            return Err(TarError::Format(twice));
        }
        Ok(())
    }

    /// Reads records of the form `LENGTH KEY=VALUE\n`; extended attributes among them are never written.
    pub(super) fn read(&mut self, records: &[u8]) -> Result<()> {
        self.seen = true;
        each_record(records, |key, value| {
            let number = || {
                let text = std::str::from_utf8(value).ok();
                let whole = text.and_then(|text| text.split('.').next());
                // A time before 1970 is written as 1970.
                let whole = whole.map(|text| if text.starts_with('-') { "0" } else { text });
                let number = whole.and_then(|text| text.parse::<u64>().ok());
                number.ok_or(TarError::Format("an extension record is not a number"))
            };
            match key {
                b"path" => self.name = Some(value.to_vec()),
                b"linkpath" => self.link = Some(value.to_vec()),
                b"size" => self.size = Some(number()?),
                b"uid" => self.uid = Some(number()?),
                b"gid" => self.gid = Some(number()?),
                b"mtime" => self.mtime = Some(number()?),
                key if key.starts_with(b"GNU.sparse.") => {
                    return Err(TarError::Format(
                        "it has a sparse file in the extension-record form; pack it without",
                    ));
                }
                _ => {}
            }
            Ok(())
        })
    }
}

/// Extension records for all later entries are let pass only where they change nothing that is used here.
pub(super) fn check_global(records: &[u8]) -> Result<()> {
    each_record(records, |key, _| match key {
        b"path" | b"linkpath" | b"size" | b"uid" | b"gid" => {
            Err(TarError::Format("it has an extension record that renames or resizes all later entries"))
        }
        _ => Ok(()),
    })
}

fn each_record(mut rest: &[u8], mut each: impl FnMut(&[u8], &[u8]) -> Result<()>) -> Result<()> {
    const BAD: TarError = TarError::Format("an extension record is malformed");
    while !rest.is_empty() {
        let space = rest.iter().take(20).position(|b| *b == b' ').ok_or(BAD)?;
        let digits = rest.get(..space).and_then(|it| std::str::from_utf8(it).ok()).ok_or(BAD)?;
        let length: usize = digits.parse().map_err(|_| BAD)?;
        let record = rest.get(..length).and_then(|it| it.get(space.saturating_add(1)..)).ok_or(BAD)?;
        let (last, record) = record.split_last().ok_or(BAD)?;
        let equals = record.iter().position(|b| *b == b'=').ok_or(BAD)?;
        let (key, value) = record.split_at_checked(equals).ok_or(BAD)?;
        if *last != b'\n' {
            return Err(BAD);
        }
        each(key, value.get(1..).unwrap_or_default())?;
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok(())
}
