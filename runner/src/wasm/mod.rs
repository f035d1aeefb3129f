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

pub(crate) use answer::{Failure, FailureKind, WasmAnswer, WasmSignal};
pub(crate) use facts::{NAME, facts};
pub(crate) use order::{THREADS, WasmOrder, order};
pub(crate) use serve::serve;
