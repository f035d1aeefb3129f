//! Requirement and content in, evidence or a denial out.
//!
//! [`verify()`] decides whether the signatures of an image meet a
//! [`Requirement`](perry_sandbox_policy::Requirement); what it gives is the only [`VerifiedImage`] there is, and
//! the runner takes nothing else. A [`Denial`] names every candidate, every signer, and a permanent code for each
//! reason ([`explain`]).
//!
//! It reads cosign 2's simple signing and cosign 3's bundles, from tags, referrers and layouts, checks managed keys
//! itself, and leaves certificates, logs and time stamps to the `sigstore-verify` crate. That crate accepts a number
//! of things that must not pass; each is closed here, before or after it runs:
//!
//! | left open by the core | closed in |
//! | --- | --- |
//! | authorities whose own certificates had expired | `root` narrows every authority's window |
//! | unknown statement types, other predicates, upper-case digests | `statement` |
//! | unknown or repeated fields, unbounded lists | `shape`, before anything is parsed |
//! | one log entry twice, an entry that names another log or index, a time without a promise | `log` |
//! | several names, no key usage, two issuers | `certificate` |
//! | a panic | `core` |
//!
//! and one that it need not refuse: an envelope that its log knows by hash alone (`core`).
//!
//! ```
//! use perry_sandbox_policy::Requirement;
//! use perry_sandbox_verifier::{Clock, Code, Signed, verify_bundle};
//!
//! let nobody = Requirement::signed_by(vec![]);
//! let now = "2026-11-21T12:00:00Z".parse()?;
//! let denial = verify_bundle(b"{}", Signed::Bytes(b"content"), &nobody, Clock::at(now)).unwrap_err();
//! assert!(denial.findings().any(|finding| finding.code == Code::QuorumEmpty));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Verifier::verify_named`] begins with a name and looks for signatures while the image is resolved: what that costs a
//! registry stands in `docs/REQUESTS.md`.
//!
//! [`Verifier`] is the same verb with a memory: a proof is handed out again for the same image and requirement until
//! time would change it, and where it is given a folder, other processes find it there, sealed.
//!
//! Trust roots come with the requirement. Only the public instance's is fetched, by [`PublicRoot`] through a mirror that
//! the caller gives, proved by The Update Framework, and used without the network for as long as the policy allows.
//!
//! Apart from these folders it does no input or output but through [`Source`](perry_sandbox_image::Source), reads no
//! clock for decisions (they take [`Clock`]), and uses bounded memory and time on hostile input.
#![forbid(unsafe_code)]

mod authority;
mod budget;
mod bundle;
mod cache;
mod certificate;
mod check;
mod codes;
mod core;
mod denial;
mod discover;
mod fetch;
mod finding;
#[doc(hidden)]
pub mod fuzzing;
mod identity;
mod image;
mod key;
mod legacy;
pub mod limits;
mod log;
mod named;
mod pages;
mod parsed;
mod private;
mod provenance;
mod quorum;
mod root;
mod roots;
mod seal;
mod shape;
mod simple;
mod statement;
mod trial;
mod verify;

pub use budget::Clock;
pub use bundle::{BundleEvidence, Signed, verify_bundle};
pub use cache::{CacheCounts, CacheError, CacheLimits, Verifier};
pub use codes::{Code, Explanation, explain};
pub use denial::{CandidateReport, Denial, DenialClass, Reason};
pub use finding::Finding;
pub use identity::claim_names;
pub use image::VerifiedImage;
pub use named::{Named, Unverified};
pub use pages::{Page, page};
#[cfg(feature = "tuf")]
pub use roots::RootMirror;
pub use roots::{PublicRoot, PublicRootStatus, RootError};
pub use simple::plain as simple_payload;
pub use verify::verify;
