//! What a Perry program links: four C functions with which the TypeScript of `@perry-sandbox/perry` reaches
//! `perry-sandbox-ffi`.
//!
//! | function | TypeScript | does |
//! | --- | --- | --- |
//! | `js_psb_abi` | `(): string` | checks that this archive and the runtime agree about strings; must be called first |
//! | `js_psb_call_sync` | `(request: string): string` | one operation, answered on the spot |
//! | `js_psb_call` | `(request: string): Promise<number>` | one operation, answered by a ticket |
//! | `js_psb_take` | `(ticket: number): string` | the reply that waits under a ticket |
//!
//! Requests and replies are the JSON envelope of `perry-sandbox-ffi`; a new operation changes nothing here. Every failure, a
//! panic too, is an envelope: nothing is thrown through frames of two languages. Values of the Perry heap are made only on
//! the thread that called, because the collector knows no other.
//!
//! The symbols that begin with `perry_ffi_` and `js_string_` come from Perry's own archives when a program is linked.

mod abi;
mod envelope;

pub use abi::{StringHeader, js_psb_abi, js_psb_call, js_psb_call_sync, js_psb_take};
