//! Runs before `main` in every program that is linked with the archive.

#![expect(unsafe_code, reason = "a section of the executable is named by an unsafe attribute")]

use std::sync::atomic::AtomicBool;

/// Whether this process has called the hook, so that one that is executed again will.
///
/// It stands in this module so that whatever can start something names it: a linker takes a file out of an archive, and
/// with it the constructor below, only for a name that is asked for.
pub(crate) static HOOKED: AtomicBool = AtomicBool::new(false);

/// One entry of the table of functions that the loader calls before `main`.
// JUSTIFICATION: a program that is executed again as its own launcher process must not begin its `main`, and no language
// that links the archive has another place before it.
// SAFETY: the section is an array of pointers to C functions, which the loader calls once, on the only thread, after the
// C library and (by its lower priority number) Rust's own entry for the arguments are ready; the function is one of those.
#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = before_main;

extern "C" fn before_main() {
    // A panic must not unwind into the loader; a launcher that cannot serve says so by its exit.
    drop(std::panic::catch_unwind(crate::launcher_hook));
}
