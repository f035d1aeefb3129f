//! What a guest sends over the serial port of its machine.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    perry_sandbox_runner::fuzzing::microvm(bytes);
});
