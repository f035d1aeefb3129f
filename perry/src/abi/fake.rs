//! As much of Perry's runtime as the tests of this folder need, under the names that the linker looks for.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::layout::StringHeader;

thread_local! {
    /// What is wrong with the strings that this thread makes.
    static FAULT: Cell<Fault> = const { Cell::new(Fault::None) };
}

/// Ways in which a runtime's strings could differ from ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// As in the supported compilers.
    None,
    /// The two lengths in the other order.
    LengthsSwapped,
    /// One more field before the text.
    LongerHeader,
    /// Text as UTF-16.
    Utf16,
    /// No memory.
    Null,
}

pub(super) fn with_fault<T>(fault: Fault, work: impl FnOnce() -> T) -> T {
    FAULT.set(fault);
    let value = work();
    FAULT.set(Fault::None);
    value
}

/// A string as the runtime would make it. It is never freed, as if the collector had not come yet.
pub(super) fn string(bytes: &[u8], utf16_len: u32) -> *mut StringHeader {
    let fault = FAULT.get();
    if fault == Fault::Null {
        return std::ptr::null_mut();
    }
    let byte_len = u32::try_from(bytes.len()).unwrap();
    let mut words = vec![utf16_len, byte_len, byte_len, 1, 0];
    if fault == Fault::LengthsSwapped {
        words.swap(0, 1);
    }
    if fault == Fault::LongerHeader {
        words.push(0);
    }
    let text: Vec<u8> = if fault == Fault::Utf16 {
        String::from_utf8_lossy(bytes).encode_utf16().flat_map(u16::to_le_bytes).collect()
    } else {
        bytes.to_vec()
    };
    for chunk in text.chunks(4) {
        let mut word = [0; 4];
        word[..chunk.len()].copy_from_slice(chunk);
        words.push(u32::from_le_bytes(word));
    }
    Box::leak(words.into_boxed_slice()).as_mut_ptr().cast()
}

#[unsafe(no_mangle)]
extern "C" fn js_string_from_bytes(text: *const u8, length: u32) -> *mut StringHeader {
    // SAFETY: the wrapper in `runtime` passes a live `str`.
    let bytes = unsafe { std::slice::from_raw_parts(text, usize::try_from(length).unwrap()) };
    let utf16 = std::str::from_utf8(bytes).unwrap().encode_utf16().count();
    string(bytes, u32::try_from(utf16).unwrap())
}

/// The promises of this process, by their tokens. No token is null.
static PROMISES: Mutex<BTreeMap<usize, Option<u64>>> = Mutex::new(BTreeMap::new());
static LAST: AtomicUsize = AtomicUsize::new(0);

/// What a promise was settled with.
pub(super) fn settled(promise: *mut c_void) -> Option<f64> {
    PROMISES.lock().unwrap()[&promise.addr()].map(f64::from_bits)
}

#[unsafe(no_mangle)]
extern "C" fn perry_ffi_native_async_new(_flags: u32) -> *mut c_void {
    let token = LAST.fetch_add(1, Ordering::Relaxed).checked_add(1).unwrap();
    PROMISES.lock().unwrap().insert(token, None);
    std::ptr::without_provenance_mut(token)
}

#[unsafe(no_mangle)]
extern "C" fn perry_ffi_native_async_promise(token: *mut c_void) -> *mut c_void {
    token
}

#[unsafe(no_mangle)]
extern "C" fn perry_ffi_native_async_resolve_bits(token: *mut c_void, bits: u64) -> i32 {
    let mut promises = PROMISES.lock().unwrap();
    let place = promises.get_mut(&token.addr()).unwrap();
    if place.is_some() {
        return 1;
    }
    *place = Some(bits);
    0
}
