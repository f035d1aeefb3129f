//! How Perry stores a string: five 32-bit numbers, then the text as UTF-8.

use std::sync::atomic::{AtomicU8, Ordering};

use super::runtime::js_string;

/// The head of a string on Perry's heap; the text follows it.
///
/// Perry 0.5.1182 and 0.5.1520 agree on it. It is no promise of theirs, so it is probed before anything is read.
#[repr(C)]
#[derive(Debug)]
pub struct StringHeader {
    /// Length in UTF-16 units, which is what `length` says in TypeScript.
    utf16_len: u32,
    /// Length of the text in bytes.
    byte_len: u32,
    /// Bytes that were reserved for the text.
    capacity: u32,
    /// Owned by Perry.
    refcount: u32,
    /// Owned by Perry.
    flags: u32,
}

/// One, two, three and four bytes a character, so that the two lengths differ. Longer than the header and what is compared
/// together, so that the probe stays inside the string even where the text begins at once.
const PROBE: &str = "aé€𝄞 perry-sandbox asks whether strings are laid out as it believes: aé€𝄞";
const PROBE_UTF16: u32 = 75;
/// How much of the text is compared.
const COMPARED: usize = 40;

const UNKNOWN: u8 = 0;
const AGREED: u8 = 1;
const DIFFERENT: u8 = 2;

static LAYOUT: AtomicU8 = AtomicU8::new(UNKNOWN);

/// Makes a string and looks whether it is laid out as [`StringHeader`] says. Must run where strings may be made.
pub(super) fn probe() -> bool {
    let known = LAYOUT.load(Ordering::Acquire);
    if known != UNKNOWN {
        return known == AGREED;
    }
    let agreed = looks_right(js_string(PROBE));
    LAYOUT.store(if agreed { AGREED } else { DIFFERENT }, Ordering::Release);
    agreed
}

/// Whether a probe ran and found what it expected.
pub(super) fn agreed() -> bool {
    LAYOUT.load(Ordering::Acquire) == AGREED
}

fn looks_right(string: *const StringHeader) -> bool {
    if string.is_null() || !string.is_aligned() {
        return false;
    }
    // SAFETY: not null, aligned, and the string's text alone is longer than a header and what is compared below.
    let header = unsafe { &*string };
    let lengths = u32::try_from(PROBE.len()).is_ok_and(|bytes| header.byte_len == bytes)
        && header.utf16_len == PROBE_UTF16
        && header.capacity >= header.byte_len;
    // SAFETY: one header further is at the latest in the middle of the string's own text.
    let text = unsafe { string.add(1) }.cast::<u8>();
    // SAFETY: header and compared bytes together are shorter than the text that was asked for; nothing is allocated meanwhile.
    let text = unsafe { std::slice::from_raw_parts(text, COMPARED) };
    lengths && PROBE.as_bytes().starts_with(text)
}

/// A copy of a string's bytes, made at once: the collector may move the string as soon as anything is allocated.
///
/// `None` for a null pointer, or when no probe has found the layout to be the expected one.
///
/// # Safety
///
/// `string` is null or a live string of Perry's heap, and Perry's heap does not change during the call.
pub(super) unsafe fn copy(string: *const StringHeader) -> Option<Vec<u8>> {
    if string.is_null() || !string.is_aligned() || !agreed() {
        return None;
    }
    // SAFETY: a live string, by the caller's word, and laid out so, by the probe's.
    let header = unsafe { &*string };
    let length = usize::try_from(header.byte_len).ok()?;
    // SAFETY: the text begins where the header ends.
    let text = unsafe { string.add(1) }.cast::<u8>();
    // SAFETY: `byte_len` bytes of text belong to the string, and they are copied before anything else happens.
    Some(unsafe { std::slice::from_raw_parts(text, length) }.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::fake::{Fault, string, with_fault};

    #[test]
    fn a_string_of_the_supported_compilers_is_recognised() {
        assert!(looks_right(js_string(PROBE)));
    }

    #[test]
    fn any_other_layout_is_refused() {
        for fault in [Fault::LengthsSwapped, Fault::LongerHeader, Fault::Utf16, Fault::Null] {
            assert!(!with_fault(fault, || looks_right(js_string(PROBE))), "{fault:?}");
        }
    }

    #[test]
    fn a_string_is_copied_byte_by_byte_also_where_it_is_no_text() {
        assert!(probe());
        let bytes = b"a\0\xff\xed\xa0\x80";
        // SAFETY: the string was made just before, and is never freed.
        assert_eq!(unsafe { copy(string(bytes, 4)) }.as_deref(), Some(&bytes[..]));
    }

    #[test]
    fn a_null_pointer_is_no_string() {
        assert!(probe());
        // SAFETY: null is allowed.
        assert_eq!(unsafe { copy(std::ptr::null()) }, None);
    }
}
