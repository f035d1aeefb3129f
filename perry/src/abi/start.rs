//! What runs before Perry's `main`.
//!
//! The sandbox's launcher is this same executable, started again. It must take its own way before the Perry program begins,
//! so it is called from `.init_array`, in a process with one thread.

use std::panic::catch_unwind;

#[used]
#[unsafe(link_section = ".init_array")]
static START: extern "C" fn() = start;

extern "C" fn start() {
    // A panic here is before `main`: nothing of the program has run, and the hook's own process ends by itself.
    drop(catch_unwind(perry_sandbox_ffi::launcher_hook));
}

/// Makes the linker take the object with [`START`] wherever it takes the entries: an archive's member comes only when named.
pub(super) fn keep() {
    std::hint::black_box(&raw const START);
}
