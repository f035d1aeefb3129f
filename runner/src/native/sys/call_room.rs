//! Room for a call that comes when everything else is ready: the parent makes it, the child fills it without an allocator.

use core::cell::Cell;
use core::ffi::c_char;
use core::ptr;
use std::os::fd::RawFd;

use super::call::{self, Result};

/// The longest call in bytes.
pub(crate) const LONGEST_CALL: usize = 32 << 10;
/// The most arguments and variables of one call, together.
pub(crate) const MOST_WORDS: usize = 1024;

/// Memory for one call. Both ends are of this program: a call is a number of arguments (u16), and then the arguments and the
/// variables, each with a NUL byte at its end.
pub(super) struct CallRoom {
    bytes: Box<[Cell<u8>]>,
    pointers: Box<[Cell<*const c_char>]>,
}

/// Where `execve(2)` finds arguments and environment: two arrays of pointers, each with a null pointer at its end.
pub(super) struct Words {
    pub(super) argv: *const *const c_char,
    pub(super) envp: *const *const c_char,
}

impl CallRoom {
    /// Room for the longest call. The two further pointers end the two arrays.
    pub(super) fn new() -> Self {
        Self {
            bytes: vec![Cell::new(0); LONGEST_CALL].into(),
            pointers: vec![Cell::new(ptr::null()); MOST_WORDS.saturating_add(2)].into(),
        }
    }

    /// Waits for the call. Nothing: the other end is closed, or it is no call.
    pub(super) fn receive(&self, socket: RawFd) -> Result<Option<Words>> {
        Ok(self.lay_out(call::read(socket, &self.bytes)?))
    }

    fn lay_out(&self, length: usize) -> Option<Words> {
        let (count, texts) = self.bytes.get(..length)?.split_first_chunk::<2>()?;
        let arguments = usize::from(u16::from_ne_bytes(count.each_ref().map(Cell::get)));
        let is_end = |byte: &Cell<u8>| byte.get() == 0;
        if arguments == 0 || !texts.last().is_some_and(is_end) {
            return None;
        }
        let mut places = self.pointers.iter();
        let mut put = |pointer| places.next().map(|place| place.set(pointer));
        let mut number = 0_usize;
        for text in texts.split_inclusive(is_end) {
            if number == arguments {
                put(ptr::null())?;
            }
            put(text.as_ptr().cast())?;
            number = number.wrapping_add(1);
        }
        if number == arguments {
            put(ptr::null())?;
        }
        put(ptr::null())?;
        let environment = self.pointers.get(arguments.wrapping_add(1)..)?;
        (number >= arguments)
            .then(|| Words { argv: self.pointers.as_ptr().cast(), envp: environment.as_ptr().cast() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Offsets of the first five pointers, and the number of the one where the environment begins.
    fn laid_out(bytes: &[u8]) -> Option<(Vec<Option<usize>>, usize)> {
        let room = CallRoom::new();
        room.bytes.iter().zip(bytes).for_each(|(cell, byte)| cell.set(*byte));
        let words = room.lay_out(bytes.len())?;
        assert_eq!(words.argv.addr(), room.pointers.as_ptr().addr());
        let start = room.bytes.as_ptr().addr();
        let places = room.pointers.iter().map(|pointer| pointer.get().addr().checked_sub(start));
        let is_first = |pointer: &Cell<*const c_char>| ptr::from_ref(pointer).addr() == words.envp.addr();
        Some((places.take(5).collect(), room.pointers.iter().position(is_first)?))
    }

    #[test]
    fn arguments_and_variables_are_laid_out_with_a_null_after_each_list() {
        let laid = laid_out(b"\x02\x00sh\0-c\0A=1\0").unwrap();
        assert_eq!(laid, (vec![Some(2), Some(5), None, Some(8), None], 3));
        let laid = laid_out(b"\x01\x00true\0").unwrap();
        assert_eq!(laid, (vec![Some(2), None, None, None, None], 2));
    }

    #[test]
    fn what_is_no_call_is_none() {
        let words = |count| [&[1, 0][..], &b"x\0".repeat(count)].concat();
        for bytes in [&b""[..], b"\x01", b"\x01\x00", b"\x00\x00a\0", b"\x01\x00a", b"\x03\x00a\0b\0"] {
            assert!(laid_out(bytes).is_none(), "{bytes:?}");
        }
        assert!(
            laid_out(&words(MOST_WORDS)).is_some() && laid_out(&words(MOST_WORDS.wrapping_add(1))).is_none()
        );
    }
}
