//! Process 1 of the guest, as the build script made it.

/// The static program; nothing where the library was built without a static C library, or for another processor.
pub(crate) fn guest_program() -> Option<&'static [u8]> {
    const PROGRAM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/guest"));
    (!PROGRAM.is_empty()).then_some(PROGRAM)
}
