//! Compose files: any text is a project or is refused, always alike, in bounded time and without a panic.
#![no_main]

use perry_sandbox_compose::{FileError, Files, Kind, Request, load};

/// The text is every file that there is: so it can include and extend itself.
struct One<'a>(&'a str);

impl Files for One<'_> {
    fn kind(&self, path: &str) -> Kind {
        if path.ends_with(".yaml") { Kind::File } else { Kind::Missing }
    }

    fn read(&self, path: &str, _most: usize) -> Result<Vec<u8>, FileError> {
        if path.ends_with(".yaml") { Ok(self.0.as_bytes().to_vec()) } else { Err(FileError::Missing) }
    }

    fn standard_input(&self, _most: usize) -> Result<Vec<u8>, FileError> {
        Err(FileError::Missing)
    }

    fn real(&self, path: &str) -> Option<String> {
        Some(path.to_owned())
    }
}

libfuzzer_sys::fuzz_target!(|text: &str| {
    let request = Request { current_folder: "/p".to_owned(), ..Request::default() };
    let read = || match load(&request, &One(text)) {
        Ok(loaded) => format!("{:?}", loaded.model),
        Err(problems) => format!("{problems}\n{}", problems.render(true)),
    };
    assert_eq!(read(), read());
});
