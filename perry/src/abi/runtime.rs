//! The functions of Perry's runtime that are called, each behind a safe wrapper.

use std::ffi::c_void;

use super::layout::StringHeader;

unsafe extern "C" {
    fn js_string_from_bytes(text: *const u8, length: u32) -> *mut StringHeader;
    fn perry_ffi_native_async_new(flags: u32) -> *mut c_void;
    fn perry_ffi_native_async_promise(token: *mut c_void) -> *mut c_void;
    fn perry_ffi_native_async_resolve_bits(token: *mut c_void, bits: u64) -> i32;
}

/// What `perry_ffi_native_async_resolve_bits` says when it will settle the promise.
const ACCEPTED: i32 = 0;

/// Makes a string on Perry's heap. Only for the thread that Perry called us on.
///
/// A text of 4 GiB or more becomes the null pointer, which Perry shows as the empty string: no envelope, so an error.
pub(super) fn js_string(text: &str) -> *mut StringHeader {
    let Ok(length) = u32::try_from(text.len()) else { return std::ptr::null_mut() };
    // SAFETY: the pointer and the length are those of a live `str`; the runtime copies it.
    unsafe { js_string_from_bytes(text.as_ptr(), length) }
}

/// The runtime's handle of one promise. It stays valid when the collector moves the promise, which a pointer does not.
///
/// Dropped without an answer it settles the promise with ticket 0, which is nobody's: the caller gets an error, and never
/// waits for ever.
#[derive(Debug)]
pub(super) struct Token {
    raw: *mut c_void,
    open: bool,
}

// SAFETY: the runtime lets any thread complete a token, once; the token is not copied, so there is one owner.
unsafe impl Send for Token {}

impl Token {
    /// A new promise, held by its token; only for the thread that Perry called us on.
    pub(super) fn new() -> (Self, Promise) {
        // SAFETY: takes flags only; 0 means none.
        let raw = unsafe { perry_ffi_native_async_new(0) };
        (Self { raw, open: true }, Promise { raw })
    }

    /// Settles the promise with a number. The bits of a double are the value itself, so nothing is allocated on Perry's heap.
    /// Returns false when the runtime refused, and nobody will take the ticket.
    pub(super) fn resolve(mut self, ticket: u32) -> bool {
        self.settle(ticket)
    }

    fn settle(&mut self, ticket: u32) -> bool {
        self.open = false;
        // SAFETY: the token is completed here for the only time: `open` was true, and `self` is the only owner.
        let status = unsafe { perry_ffi_native_async_resolve_bits(self.raw, f64::from(ticket).to_bits()) };
        status == ACCEPTED
    }
}

/// The promise of a [`Token`], to be asked for as late as possible: the collector may move it while the call goes on.
#[derive(Debug)]
pub(super) struct Promise {
    raw: *mut c_void,
}

impl Promise {
    /// The promise's place at this moment, to be returned at once to the thread that made the token.
    pub(super) fn place(&self) -> *mut c_void {
        // SAFETY: a token lives until its promise was settled, which the runtime does on this very thread, later.
        unsafe { perry_ffi_native_async_promise(self.raw) }
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        if self.open {
            self.settle(0);
        }
    }
}
