//! Every defence taken out in turn, and the checks that must see it.
//!
//! [`table`] is the list: a defence, how it is taken out, which checks of the program inside turn open. A check that no
//! row names fails the test of completeness, so whoever adds a check says what holds it. To add a defence, add a row.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a cut is about the steps that it names, and leaves all others"
)]

mod assault;
mod cut;
mod names;
mod planted;
mod table;
mod taken_out;

pub(super) use assault::assault;
pub(super) use cut::Cut;
