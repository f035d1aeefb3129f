//! The functions of the header.

#![expect(unsafe_code, reason = "C hands over pointers and calls by unmangled names")]
#![expect(non_camel_case_types, reason = "types of the header have C's names")]
#![expect(unreachable_pub, reason = "C reaches them by their names, not by a path")]

use std::ffi::{CString, c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use crate::process;

/// A reply: JSON text in UTF-8. Whoever gets one owns it, and frees it with `psb_reply_free`.
#[derive(Debug)]
pub struct psb_reply {
    text: CString,
}

/// Takes a reply and the context that the call was made with. It is called once for each `psb_call_async`, from any
/// thread, perhaps before `psb_call_async` returns. It owns the reply. It must not unwind or `longjmp`.
pub type psb_callback = Option<extern "C" fn(reply: *mut psb_reply, context: *mut c_void)>;

impl psb_reply {
    /// For C: JSON text has no NUL.
    fn give(text: String) -> *mut Self {
        let text = CString::new(text).unwrap_or_default();
        Box::into_raw(Box::new(Self { text }))
    }
}

/// A pointer of the caller's that goes to another thread unread.
struct Context(*mut c_void);

// JUSTIFICATION: the callback runs on another thread and has to get its context.
// SAFETY: the pointer is never read here, only given back; the header says that the callback may run on any thread.
unsafe impl Send for Context {}

impl Context {
    fn into_inner(self) -> *mut c_void {
        self.0
    }
}

/// The version of the library, such as `0.1.0`. The text lives as long as the program.
#[unsafe(no_mangle)]
pub extern "C" fn psb_version() -> *const c_char {
    const VERSION: &std::ffi::CStr =
        match std::ffi::CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
            Ok(version) => version,
            Err(_) => c"",
        };
    VERSION.as_ptr()
}

/// Answers a request (`length` bytes of JSON, no NUL needed) on this thread.
///
/// Never NULL: whatever is wrong is said by the reply. A NULL request is a bad one. Free the reply with
/// `psb_reply_free`.
///
/// # Safety
/// `request` is NULL, or `length` bytes can be read there while the call lasts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn psb_call(request: *const c_char, length: usize) -> *mut psb_reply {
    // SAFETY: the caller's promise is this function's own.
    let request = unsafe { bytes(request, length) };
    psb_reply::give(process::call_sync(request.unwrap_or_default()))
}

/// Answers a request through `callback`, exactly once; `context` is handed to it unread. The request is copied.
///
/// Returns false, and calls nothing, only when `callback` is NULL.
///
/// # Safety
/// As `psb_call`; `callback` can be called from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn psb_call_async(
    request: *const c_char,
    length: usize,
    callback: psb_callback,
    context: *mut c_void,
) -> bool {
    let Some(callback) = callback else { return false };
    let context = Context(context);
    // SAFETY: the caller's promise is this function's own.
    let request = unsafe { bytes(request, length) };
    let done = Box::new(move |reply: String| callback(psb_reply::give(reply), context.into_inner()));
    process::call_text(request.unwrap_or_default(), done);
    true
}

/// The reply's text, NUL-terminated; it lives as long as the reply. NULL for NULL.
///
/// # Safety
/// `reply` is NULL, or was given by this library and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn psb_reply_text(reply: *const psb_reply) -> *const c_char {
    // SAFETY: the caller promises a reply that was made by `give` and is still there.
    let reply = unsafe { reply.as_ref() };
    reply.map_or(ptr::null(), |reply| reply.text.as_ptr())
}

/// The number of bytes of the reply's text, without the NUL at its end. 0 for NULL.
///
/// # Safety
/// As `psb_reply_text`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn psb_reply_length(reply: *const psb_reply) -> usize {
    // SAFETY: the caller promises a reply that was made by `give` and is still there.
    let reply = unsafe { reply.as_ref() };
    reply.map_or(0, |reply| reply.text.as_bytes().len())
}

/// Frees a reply and its text. NULL is nothing to free.
///
/// # Safety
/// As `psb_reply_text`; the reply is not used afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn psb_reply_free(reply: *mut psb_reply) {
    if !reply.is_null() {
        // SAFETY: `give` made it with `into_raw`, and the caller promises that it was not freed.
        drop(unsafe { Box::from_raw(reply) });
    }
}

/// Cancels everything, waits until it is gone and every callback has returned (but the one that calls this), ends the
/// launcher process, and refuses every later call. Whether this was the first time.
#[unsafe(no_mangle)]
pub extern "C" fn psb_close() -> bool {
    catch_unwind(AssertUnwindSafe(process::close)).unwrap_or(false)
}

/// Becomes the launcher process if this process was started as one, and does not return then; else returns at once.
///
/// Programs that are linked with the archive in the usual way need not call it: the archive does, before `main`.
#[unsafe(no_mangle)]
pub extern "C" fn psb_launcher_hook() {
    drop(catch_unwind(crate::launcher_hook));
}

/// The bytes at a pointer of the caller's; nothing for NULL.
///
/// # Safety
/// `start` is NULL, or `length` bytes can be read there as long as the slice is used.
unsafe fn bytes<'a>(start: *const c_char, length: usize) -> Option<&'a [u8]> {
    if start.is_null() || isize::try_from(length).is_err() {
        return None;
    }
    // SAFETY: not NULL, not longer than any object, and readable by the caller's promise; bytes need no alignment.
    Some(unsafe { std::slice::from_raw_parts(start.cast(), length) })
}
