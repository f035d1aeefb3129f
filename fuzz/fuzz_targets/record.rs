//! Records of sandboxes: any bytes are read or refused, and what is read is written the same again.
#![no_main]

use perry_sandbox_runner::check_record;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(written) = check_record(bytes) {
        assert_eq!(check_record(&written).as_deref(), Some(&*written));
    }
});
