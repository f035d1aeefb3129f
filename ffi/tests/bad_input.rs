//! What is refused before anything starts.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{engine, with};

#[test]
fn an_empty_list_of_services_is_not_all_of_them() {
    for (op, args) in [
        ("composeBuild", json!({ "text": "services: {}" })),
        ("composeUp", json!({ "text": "services: {}" })),
        ("projectStop", json!({ "project": "shop" })),
    ] {
        let text = |services: Value| {
            let args = with(args.clone(), json!({ "services": services }));
            json!({ "v": 1, "id": "7", "op": op, "args": args }).to_string().into_bytes()
        };
        assert!(perry_sandbox_ffi::check_request(&text(json!(["web"]))).is_ok(), "{op}");
        let error = perry_sandbox_ffi::check_request(&text(json!([]))).unwrap_err();
        assert!(error.contains("leave it out for all services"), "{op}: {error}");
    }
}

#[test]
fn a_nul_is_refused_in_names_paths_arguments_and_values() {
    let own = engine();
    let places = [
        json!({ "name": "a\0" }),
        json!({ "args": ["a\0b"] }),
        json!({ "env": { "A\0": "x" } }),
        json!({ "env": { "A": "x\0" } }),
        json!({ "policy": "a\0" }),
        json!({ "image": "oci:/a\0" }),
        json!({ "grants": { "read": ["/a\0"] } }),
    ];
    for place in places {
        let error = own.call("runCapability", &with(own.busybox(&[]), place.clone())).unwrap_err();
        assert_eq!(error["code"], "BAD_REQUEST", "{place}: {error}");
    }
    let args = with(own.busybox(&["cat"]), json!({ "stdin": "a\0b" }));
    assert_eq!(own.call("runCapability", &args).unwrap()["stdout"], "a\0b", "input may have one");
}

#[test]
fn two_ways_to_say_the_same_are_refused() {
    let own = engine();
    for (op, more) in [
        ("runCapability", json!({ "timeoutMs": 5, "limits": { "wallMs": 5 } })),
        ("runCapability", json!({ "stdin": "x", "stdinBase64": "eA==" })),
        ("runCapability", json!({ "stdinBase64": "not base64" })),
        ("runCapability", json!({ "timeoutMs": 0 })),
        ("runCapability", json!({ "policy": [] })),
        ("runCapability", json!({ "policy": "" })),
        ("runCapability", json!({ "pull": "sometimes" })),
        ("runCapability", json!({ "limits": { "memory": "64" } })),
        ("runCapability", json!({ "limits": { "memory": 0 } })),
        ("runCapability", json!({ "limits": { "cpus": 1e-7 } })),
        ("runCapability", json!({ "env": { "A=B": "x" } })),
        ("runCapability", json!({ "grants": { "linuxCaps": ["EVERYTHING"] } })),
    ] {
        let error = own.call(op, &with(own.busybox(&[]), more.clone())).unwrap_err();
        assert_eq!(error["code"], "BAD_REQUEST", "{more}: {error}");
    }
}

#[test]
fn an_operation_is_called_as_it_may_be() {
    let own = engine();
    for (op, args) in
        [("open", json!({ "capability": own.busybox(&[]) })), ("next", json!({ "stream": "s1" }))]
    {
        assert_eq!(own.sync(op, &args).unwrap_err()["code"], "BAD_REQUEST");
    }
    for (op, args) in [("close", json!({})), ("cancel", json!({ "id": "7" }))] {
        assert_eq!(own.call(op, &args).unwrap_err()["code"], "BAD_REQUEST");
    }
    assert_eq!(own.sync("format-disk", &json!({})).unwrap_err()["code"], "BAD_REQUEST");
}

#[test]
fn half_a_surrogate_pair_and_bytes_that_are_no_text_are_refused() {
    let own = engine();
    let reply = own.engine.call_sync(br#"{"v":1,"id":"7","op":"checkPolicy","args":{"text":"\ud800"}}"#);
    assert!(reply.contains("BAD_ENCODING"), "{reply}");
    assert!(own.engine.call_sync(b"\xff").contains("BAD_ENCODING"));
    assert!(own.engine.call_sync(b"").contains("BAD_REQUEST"));
    let large = vec![b' '; (16 << 20) + 1];
    assert!(own.engine.call_sync(&large).contains("TOO_LARGE"));
}

#[test]
fn the_value_of_a_variable_is_in_no_reply() {
    let own = engine();
    let wishes = [
        json!({ "env": { "TOKEN": "hunter2" } }),
        json!({ "env": { "TOKEN": "hunter2", "OTHER": "hunter2" } }),
        json!({ "env": { "TOKEN": "hunter2" }, "backend": "nothing" }),
        json!({ "env": { "TOKEN": "hunter2" }, "nonsense": 1 }),
        json!({ "env": { "TOKEN": "hunter2\0" } }),
        json!({ "env": { "TOKEN": ["hunter2"] } }),
        json!({ "env": { "TOKEN": "hunter2" }, "policy": { "text": "broken" } }),
    ];
    for wish in wishes {
        let wish = with(own.busybox(&["true"]), wish);
        for (op, args) in [("runCapability", wish.clone()), ("explain", json!({ "capability": wish }))] {
            let (_, replies) = own.begin(op, &args);
            let reply = replies.recv_timeout(crate::support::PATIENCE).unwrap();
            assert!(!reply.contains("hunter2"), "{reply}");
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_answered_by_an_envelope(text in "\\PC{0,200}", op in "[a-zA-Z]{0,12}") {
        let own = engine();
        for request in [text.clone(), json!({ "v": 1, "id": "7", "op": op, "args": { text: 1 } }).to_string()] {
            let reply: Value = serde_json::from_str(&own.engine.call_sync(request.as_bytes())).unwrap();
            prop_assert!(reply["ok"].is_boolean());
        }
    }
}
