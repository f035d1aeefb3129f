//! The functions that Perry calls. Each catches every panic: an unwind must not reach frames of another language.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::layout::{self, StringHeader};
use super::runtime::{Token, js_string};
use super::start;
use crate::envelope;

const UNREADABLE: &str = "this Perry compiler stores strings in another way than @perry-sandbox/perry knows, or js_psb_abi \
                          was not called first; use one of the compiler versions that the package names";
const PANICKED: &str = "a fault inside @perry-sandbox/perry; nothing was approved; please report it";

/// Checks the runtime's strings and tells this archive's version. Must be the first call.
#[unsafe(no_mangle)]
pub extern "C" fn js_psb_abi() -> *mut StringHeader {
    start::keep();
    let reply = guarded(|| if layout::probe() { envelope::agreed() } else { envelope::internal(UNREADABLE) });
    js_string(&reply)
}

/// Answers one request at once, on this thread.
///
/// # Safety
///
/// `request` is null or a live string of Perry's heap; the call comes from the thread that owns this heap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn js_psb_call_sync(request: *const StringHeader) -> *mut StringHeader {
    // SAFETY: the caller's promise, handed on; nothing was allocated on Perry's heap since the call.
    let request = unsafe { layout::copy(request) };
    let reply = guarded(|| match request {
        Some(request) => perry_sandbox_ffi::call_sync(&request),
        None => envelope::internal(UNREADABLE),
    });
    js_string(&reply)
}

/// Starts one request and returns the promise of a ticket for [`js_psb_take`].
///
/// # Safety
///
/// `request` is null or a live string of Perry's heap; the call comes from the thread that owns this heap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn js_psb_call(request: *const StringHeader) -> *mut c_void {
    // SAFETY: the caller's promise, handed on; nothing was allocated on Perry's heap since the call.
    let request = unsafe { layout::copy(request) };
    let (token, promise) = Token::new();
    // A panic drops the token, which settles the promise with the ticket of nobody.
    drop(catch_unwind(AssertUnwindSafe(move || {
        // No request has the empty text: it is refused as one that cannot be read.
        perry_sandbox_ffi::call(request.unwrap_or_default(), Box::new(move |ticket| answer(token, ticket)));
    })));
    promise.place()
}

/// The reply that waits under `ticket`, once.
#[unsafe(no_mangle)]
pub extern "C" fn js_psb_take(ticket: f64) -> *mut StringHeader {
    let reply = guarded(|| perry_sandbox_ffi::take(whole(ticket)));
    js_string(&reply)
}

fn answer(token: Token, ticket: u32) {
    if !token.resolve(ticket) {
        drop(perry_sandbox_ffi::take(ticket));
    }
}

/// The ticket that a number names; 0, which is nobody's, for any number that is no ticket.
fn whole(number: f64) -> u32 {
    if number.fract() != 0.0 || !(0.0..=f64::from(u32::MAX)).contains(&number) {
        return 0;
    }
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole and in range, checked above; the standard library has no checked conversion"
    )]
    let ticket = number as u32;
    ticket
}

fn guarded(work: impl FnOnce() -> String) -> String {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| envelope::internal(PANICKED))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use serde_json::Value;

    use super::*;
    use crate::abi::fake;

    fn text(string: *const StringHeader) -> Value {
        // SAFETY: strings of the fake runtime are never freed.
        let bytes = unsafe { layout::copy(string) }.unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    fn request(text: &str) -> *mut StringHeader {
        assert_eq!(self::text(js_psb_abi())["value"]["strings"], "agreed");
        fake::string(text.as_bytes(), 0)
    }

    fn wait(promise: *mut c_void) -> f64 {
        let begun = Instant::now();
        loop {
            if let Some(ticket) = fake::settled(promise) {
                return ticket;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "the promise was never settled");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn a_request_is_answered_at_once() {
        let request = request(r#"{"v":1,"id":"a","op":"version","args":{}}"#);
        // SAFETY: a live string of the fake runtime.
        let reply = text(unsafe { js_psb_call_sync(request) });
        assert_eq!((&reply["id"], &reply["ok"]), (&"a".into(), &true.into()));
    }

    #[test]
    fn a_request_is_answered_by_a_ticket_that_is_good_once() {
        let request = request(r#"{"v":1,"id":"b","op":"version","args":{}}"#);
        // SAFETY: a live string of the fake runtime.
        let ticket = wait(unsafe { js_psb_call(request) });
        assert_eq!(text(js_psb_take(ticket))["id"], "b");
        assert_eq!(text(js_psb_take(ticket))["error"]["code"], "TICKET");
    }

    #[test]
    fn a_number_that_is_no_ticket_is_nobodys() {
        text(js_psb_abi());
        for number in [-1.0, 0.5, f64::NAN, f64::INFINITY, 4_294_967_296.0, 0.0] {
            assert_eq!(text(js_psb_take(number))["error"]["code"], "TICKET", "{number}");
        }
        assert_eq!(whole(4_294_967_295.0), u32::MAX);
    }

    #[test]
    fn a_request_that_is_no_utf8_is_refused_and_not_repaired() {
        request("");
        let request = fake::string(b"{\"v\":1,\"id\":\"\xff\"}", 0);
        // SAFETY: a live string of the fake runtime.
        let reply = text(unsafe { js_psb_call_sync(request) });
        assert_eq!(reply["error"]["code"], "BAD_ENCODING");
    }

    #[test]
    fn a_null_request_is_an_error_both_ways() {
        request("");
        // SAFETY: null is allowed.
        assert_eq!(text(unsafe { js_psb_call_sync(std::ptr::null()) })["error"]["code"], "INTERNAL");
        // SAFETY: null is allowed.
        let ticket = wait(unsafe { js_psb_call(std::ptr::null()) });
        assert_eq!(text(js_psb_take(ticket))["ok"], false);
    }

    #[test]
    fn a_panic_becomes_an_envelope() {
        let reply: Value = serde_json::from_str(&guarded(|| panic!("a fault"))).unwrap();
        assert_eq!(
            (&reply["ok"], &reply["id"], &reply["error"]["code"]),
            (&false.into(), &"".into(), &"INTERNAL".into())
        );
    }

    #[test]
    fn a_token_that_is_lost_in_a_panic_still_settles_its_promise() {
        let (token, promise) = Token::new();
        let lost = catch_unwind(AssertUnwindSafe(move || {
            let _held = token;
            panic!("a fault");
        }));
        assert!(lost.is_err());
        assert_eq!(fake::settled(promise.place()), Some(0.0));
    }

    #[test]
    fn a_token_is_settled_once() {
        let (token, promise) = Token::new();
        assert!(token.resolve(7));
        assert_eq!(fake::settled(promise.place()), Some(7.0));
    }

    #[test]
    fn what_this_crate_says_itself_is_json() {
        let reply: Value = serde_json::from_str(&envelope::internal("a \"quoted\" \\ line\nend")).unwrap();
        assert_eq!(reply["error"]["message"], "a quoted  lineend");
        for message in [UNREADABLE, PANICKED] {
            let reply: Value = serde_json::from_str(&envelope::internal(message)).unwrap();
            assert_eq!(reply["error"]["message"], message);
        }
        assert!(serde_json::from_str::<Value>(&envelope::agreed()).is_ok());
    }
}
