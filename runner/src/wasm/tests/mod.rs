//! Real modules, written as text, each in a process of its own: this very program, executed again.

mod confinement;
mod ends;
mod figures;
mod files;
mod limits;
mod orders;
mod refusals;
mod trial;
mod words;

/// This program serves as the process of a module.
#[used]
#[expect(unsafe_code, reason = "a constructor is found by the name of its section")]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn() = constructor;

extern "C" fn constructor() {
    crate::helper_hook();
}
