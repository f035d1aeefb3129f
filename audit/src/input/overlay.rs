//! The caller's files, with one that is in memory already, and a list of those that are read.

use std::cell::RefCell;

use perry_sandbox_compose::{FileError, Files, Kind};

/// Gives the bytes in memory for their path, asks the caller for all others, and remembers what was read.
pub(super) struct Overlay<'a> {
    pub(super) host: &'a dyn Files,
    pub(super) held: Option<(&'a str, &'a [u8])>,
    pub(super) read: RefCell<Vec<String>>,
}

impl<'a> Overlay<'a> {
    pub(super) fn new(host: &'a dyn Files, held: Option<(&'a str, &'a [u8])>) -> Self {
        Self { host, held, read: RefCell::new(Vec::new()) }
    }

    fn bytes(&self, path: &str) -> Option<&'a [u8]> {
        self.held.filter(|(held, _)| *held == path).map(|(_, bytes)| bytes)
    }
}

impl Files for Overlay<'_> {
    fn kind(&self, path: &str) -> Kind {
        if self.bytes(path).is_some() { Kind::File } else { self.host.kind(path) }
    }

    fn read(&self, path: &str, most: usize) -> Result<Vec<u8>, FileError> {
        self.read.borrow_mut().push(path.to_owned());
        match self.bytes(path) {
            Some(bytes) if bytes.len() > most => Err(FileError::TooLarge(most)),
            Some(bytes) => Ok(bytes.to_vec()),
            None => self.host.read(path, most),
        }
    }

    fn standard_input(&self, most: usize) -> Result<Vec<u8>, FileError> {
        self.host.standard_input(most)
    }

    fn real(&self, path: &str) -> Option<String> {
        self.host.real(path)
    }
}
