//! What is refused before anything starts.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{engine, image, key, policy, with};

/// A sound request of every operation.
fn sound() -> Vec<(&'static str, Value)> {
    let capability = json!({
        "name": "busybox", "args": ["true"], "policy": policy(), "image": image(), "env": { "GREETING": "hi" },
        "grants": { "egress": [], "read": [] }, "limits": { "memory": "1MiB", "cpus": 0.5, "pids": 3 },
    });
    let signer = json!({ "key": key() });
    let spec = json!({ "image": image(), "signer": signer, "args": ["/bin/busybox"] });
    vec![
        ("version", json!({})),
        ("close", json!({})),
        ("cancel", json!({ "id": "nobody" })),
        ("runCapability", with(capability.clone(), json!({ "stdin": "" }))),
        ("run", json!({ "spec": spec, "encoding": "utf8" })),
        ("open", json!({ "capability": capability })),
        ("next", json!({ "stream": "s0" })),
        ("write", json!({ "stream": "s0", "data": "" })),
        ("verify", json!({ "image": image(), "requirement": { "signer": signer } })),
        ("explain", json!({ "spec": spec })),
        ("checkPolicy", json!({ "text": "" })),
        ("pullImage", json!({ "image": image() })),
        ("listImages", json!({})),
        ("removeImage", json!({ "image": "x" })),
        ("getBackend", json!({})),
        ("getBackendPriority", json!({})),
        ("getAvailableBackends", json!({})),
        ("detectBackend", json!({})),
        ("setBackend", json!({ "name": "native" })),
        ("setBackends", json!({ "names": ["native"] })),
        ("sandboxRun", json!({ "spec": spec, "name": "web", "labels": { "env": "x" } })),
        ("sandboxCreate", json!({ "capability": capability })),
        ("sandboxStart", json!({ "id": "x" })),
        ("sandboxStop", json!({ "id": "x", "graceMs": 5 })),
        ("sandboxRemove", json!({ "id": "x", "force": true })),
        ("sandboxWait", json!({ "id": "x" })),
        ("sandboxInspect", json!({ "id": "x" })),
        ("sandboxLogs", json!({ "id": "x", "tail": 5 })),
        ("openLogs", json!({ "id": "x", "tail": 5, "follow": true })),
        ("sandboxList", json!({ "all": true })),
        ("sandboxExec", json!({ "id": "x", "command": ["/bin/true"], "timeoutMs": 5 })),
        ("selectBackendFor", json!({ "spec": spec })),
    ]
}

/// Every way to put something into one of the objects below `value`; objects of free names are left out.
fn inserted(value: &Value, name: &str, what: &Value) -> Vec<Value> {
    let Value::Object(fields) = value else { return Vec::new() };
    let mut found = vec![with(value.clone(), json!({ name: what }))];
    for (field, inner) in fields.iter().filter(|(field, _)| *field != "env" && *field != "labels") {
        for changed in inserted(inner, name, what) {
            found.push(with(value.clone(), json!({ field: changed })));
        }
    }
    found
}

fn text(op: &str, args: &Value) -> Vec<u8> {
    json!({ "v": 1, "id": "7", "op": op, "args": args }).to_string().into_bytes()
}

#[test]
fn an_unknown_field_is_refused_at_every_level_of_every_operation() {
    let mut refused = 0;
    for (op, args) in sound() {
        let is_sound = perry_sandbox_ffi::check_request(&text(op, &args)).is_ok();
        assert_eq!(is_sound, !matches!(op, "close" | "cancel"), "{op} is sound where it may be called");
        for changed in inserted(&args, "tierr", &json!("x")) {
            assert!(perry_sandbox_ffi::check_request(&text(op, &changed)).is_err(), "{op}: {changed}");
            refused += 1;
        }
    }
    assert!(refused > 30, "only {refused} places");
}

#[test]
fn a_field_of_the_wrong_type_is_refused_in_every_operation() {
    for (op, args) in sound() {
        for field in args.as_object().unwrap().keys() {
            for wrong in [json!([7]), json!(-7), json!([[]]), json!({ "x": {} })] {
                let changed = with(args.clone(), json!({ field: wrong }));
                assert!(
                    perry_sandbox_ffi::check_request(&text(op, &changed)).is_err(),
                    "{op}: {field} is {wrong}"
                );
            }
        }
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
