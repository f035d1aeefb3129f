//! Trust policies of other tools: what is written of any text loads, and names no place outside of it.
#![no_main]

use perry_sandbox_audit::{ImportError, import};

libfuzzer_sys::fuzz_target!(|text: &str| {
    match import("fuzz", text) {
        Ok(imported) => {
            for loss in &imported.losses {
                assert!(loss.place.end <= text.len() && text.is_char_boundary(loss.place.start));
            }
        }
        // A pattern may be refused by our own reader; what is written must still be TOML.
        Err(ImportError::NotOurs(why)) => assert!(!why.contains("PSR103") && !why.contains("PSR105"), "{why}"),
        Err(_) => {}
    }
});
