//! The library for C: the only unsafe code of the crate.
//!
//! [`abi`] has one function per name of the header, [`constructor`] makes every program that is linked with the archive
//! able to be its own launcher process.

pub(crate) mod abi;
mod constructor;

pub(crate) use constructor::HOOKED;
