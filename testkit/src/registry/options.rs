//! What kind of registry a test wants.

use std::sync::Arc;
use std::time::Duration;

/// How the registry behaves. May be changed while it runs.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Who may pull and push.
    pub log_in: LogIn,
    /// Whether it lists referrers; otherwise it answers 404 and clients use the tag.
    pub referrers: bool,
    /// How many referrers stand on one page.
    pub page: Option<usize>,
    /// How long it takes to begin each answer: with a delay that outweighs everything else, time counts round trips.
    pub delay: Duration,
    /// What it does that no honest registry does.
    pub hostile: Vec<Hostile>,
}

/// Who may pull and push.
#[derive(Debug, Clone, Default)]
pub enum LogIn {
    /// Everybody.
    #[default]
    Nobody,
    /// Whoever sends this name and password with each request.
    Basic {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
    /// Whoever has a token, which this registry's own `/token` gives.
    Bearer {
        /// The name and password that the token is given for; `None`: for nothing.
        account: Option<(String, String)>,
        /// Where the token is said to be had, if not here.
        realm: Option<String>,
    },
}

/// What no honest registry does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hostile {
    /// Blobs never end.
    EndlessBlobs,
    /// Manifests never end.
    EndlessManifests,
    /// Manifests announce this many bytes.
    HugeLength(u64),
    /// One byte of every blob is another.
    FlippedBlobs,
    /// One byte of every manifest is another, asked for by digest.
    FlippedManifests,
    /// A tag names this digest from the second request on.
    MovedTag {
        /// The tag.
        tag: String,
        /// Where it goes.
        to: String,
    },
    /// The list of referrers goes on forever.
    EndlessPages,
    /// The next page of referrers is at this address.
    NextPage(String),
    /// Blobs are at this address, with the digest's hex added.
    RedirectBlobs(String),
    /// Every redirect leads to itself.
    RedirectLoop,
    /// The first so many requests are answered with this status.
    Busy {
        /// How many.
        times: usize,
        /// The status.
        status: u16,
    },
    /// Manifests come with this media type.
    MediaType(String),
    /// Connections are accepted and never answered.
    Silent,
    /// Blobs break off in the middle.
    CutBlobs,
    /// This many referrers, none of which is there, on pages of the usual size or all on one. They are made while
    /// they are sent.
    ManyReferrers(usize),
    /// What is found under paths with this part comes one byte at a time.
    Slow {
        /// The part, such as `/blobs/`.
        part: String,
        /// The pause after each byte.
        pause: Duration,
    },
    /// Whoever asks for a path with this part gets these bytes.
    Answer {
        /// The part.
        part: String,
        /// The bytes.
        body: Arc<Vec<u8>>,
    },
    /// The same, and zeros after it until the other side hangs up.
    Endless {
        /// The part.
        part: String,
        /// What comes before the zeros.
        start: Vec<u8>,
    },
    /// Whoever asks for a path with this part is sent elsewhere.
    Redirect {
        /// The part.
        part: String,
        /// Where to.
        to: String,
    },
}

impl Hostile {
    /// Zeros for whoever asks for a path with this part.
    pub fn endless(part: &str) -> Self {
        Self::Endless { part: part.to_owned(), start: Vec::new() }
    }

    /// Bytes for whoever asks for a path with this part.
    pub fn answer(part: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::Answer { part: part.to_owned(), body: Arc::new(body.into()) }
    }

    /// One byte at a time for whoever asks for a path with this part.
    pub fn slow(part: &str, pause: Duration) -> Self {
        Self::Slow { part: part.to_owned(), pause }
    }

    /// Another place for whoever asks for a path with this part.
    pub fn redirect(part: &str, to: &str) -> Self {
        Self::Redirect { part: part.to_owned(), to: to.to_owned() }
    }
}
