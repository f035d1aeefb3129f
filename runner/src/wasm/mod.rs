//! WebAssembly modules: no kernel interface but what WASI preview 1 imports, compiled and run by wasmtime.
//!
//! Each module runs in a process of its own, this very program executed again ([`serve`]): a module that breaks out of
//! wasmtime finds an empty root, no network, no rights and a filter; and what it used is counted and ended by the kernel
//! like any process.

mod answer;
mod confine;
mod execute;
mod facts;
mod filter;
mod limiter;
mod module;
mod order;
mod serve;
mod streams;
mod watch;

#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use answer::{Failure, WasmSignal};
pub(crate) use answer::{FailureKind, WasmAnswer};
#[cfg(test)]
pub(crate) use facts::NAME;
pub(crate) use facts::facts;
#[cfg(test)]
pub(crate) use order::THREADS;
pub(crate) use order::{WasmOrder, order};
pub(crate) use serve::serve;
