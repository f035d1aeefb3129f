//! A registry on loopback, in threads of the test: pull and push by the OCI distribution spec, with or without
//! logging in, with or without a list of referrers (on one page or many), and as hostile as the test wants.
//!
//! | what | how |
//! | --- | --- |
//! | content | [`TestRegistry::load`], or pushed by the real `cosign`, `skopeo`, `oras` |
//! | logging in | [`LogIn`]: nobody, a password, a token from here or from another host |
//! | referrers | [`Options::referrers`], [`Options::page`], [`Hostile::ManyReferrers`], [`Hostile::EndlessPages`], [`Hostile::NextPage`] |
//! | endless, slow, cut or announced content | [`Hostile::Endless`], [`Hostile::Slow`], [`Hostile::CutBlobs`], [`Hostile::HugeLength`], [`Hostile::Silent`] |
//! | content that is not what was asked for | [`Hostile::FlippedBlobs`], [`Hostile::MovedTag`], [`Hostile::Answer`] (JSON bombs) |
//! | other hosts | [`Hostile::Redirect`], [`Hostile::RedirectLoop`], the realm in [`LogIn::Bearer`] |
//! | 429, 503 | [`Hostile::Busy`] |
//! | what it cost | [`TestRegistry::log`], [`TestRegistry::connections`], [`TestRegistry::sent`], [`Options::delay`] for round trips |

mod answer;
mod options;
mod push;
mod rounds;
mod server;
mod state;

pub use options::{Hostile, LogIn, Options};
pub use server::TestRegistry;
pub use state::Asked;
