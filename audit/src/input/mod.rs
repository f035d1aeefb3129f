//! What is given, what it is, and what the rules get of it.

mod detect;
mod gaps;
mod host;
mod overlay;
mod policy;
mod read;
mod stack;
mod subject;
mod unread;

pub use detect::{Kind, ProfileForm, TrustForm};
pub use host::{Host, NoHost};
pub use policy::{PolicyFile, Refused};
pub use subject::{Input, ProfileFile, Subject, TrustFile};

pub(crate) use detect::by_tree;
pub(crate) use read::{Around, Outcome, read};
pub(crate) use unread::{Unread, UnreadKind, nearest};
