//! What each operation answers.

use perry_sandbox_testkit::layout::{self, Compression};
use perry_sandbox_testkit::registry::{Options, TestRegistry};
use serde_json::json;

use crate::support::{engine, image, key, policy, with};

#[test]
pub(crate) fn a_capability_runs_and_everything_about_it_is_in_the_value() {
    let own = engine();
    let args = with(
        own.busybox(&["sh", "-c", "cat; echo $GREETING >&2; exit 3"]),
        json!({
            "stdin": "h\u{e4}llo", "env": { "GREETING": "hi" }, "timeoutMs": 30_000,
        }),
    );
    for value in [own.sync("runCapability", &args), own.call("runCapability", &args)] {
        let value = value.unwrap();
        assert_eq!(value["exitCode"], 3, "{value}");
        assert_eq!((&value["stdout"], &value["stderr"]), (&json!("h\u{e4}llo"), &json!("hi\n")));
        assert!(value["signal"].is_null() && value["limitHit"].is_null());
        assert!(value["usage"]["wallMs"].as_f64().unwrap() > 0.0);
        assert_eq!(value["evidence"]["signatures"][0]["signer"], "example");
        assert!(value["evidence"]["verifiedAt"].is_number());
        assert!(value["planDigest"].as_str().unwrap().starts_with("sha256:"), "{value}");
    }
}

#[test]
fn an_image_runs_by_itself_with_a_signer() {
    let own = engine();
    let spec = json!({
        "image": image(), "args": ["/bin/busybox", "echo", "hello"], "signer": { "key": key() },
        "repository": "registry.example/perry-sandbox/hello",
    });
    let value = own.call("run", &json!({ "spec": spec, "encoding": "base64" })).unwrap();
    assert_eq!((&value["exitCode"], &value["stdout"]), (&json!(0), &json!("aGVsbG8K")));
    let text = std::fs::read_to_string(key()).unwrap();
    let spec = with(spec, json!({ "signer": { "keyText": text } }));
    assert_eq!(own.sync("run", &json!({ "spec": spec })).unwrap()["stdout"], "hello\n");
}

#[test]
pub(crate) fn a_limit_that_is_hit_is_a_result() {
    let own = engine();
    let args = with(own.busybox(&["sleep", "100"]), json!({ "timeoutMs": 150 }));
    let value = own.call("runCapability", &args).unwrap();
    assert_eq!((&value["limitHit"], &value["signal"]), (&json!("wall"), &json!(9)));
    assert!(value["usage"]["wallMs"].as_f64().unwrap() >= 150.0);
    let args = with(own.busybox(&["yes"]), json!({ "limits": { "output": 4096 } }));
    let value = own.call("runCapability", &args).unwrap();
    assert_eq!(value["limitHit"], "output");
    assert!(value["stdout"].as_str().unwrap().len() <= 4096);
}

#[test]
fn processes_that_are_small_one_by_one_hit_the_limit_of_their_memory_together() {
    let own = engine();
    // Each `tail` keeps 40 MB of the 64 MiB, and waits for a reader that never reads.
    let hog = "for each in 1 2 3; do (head -c 40000000 /dev/zero | tail -c 40000000 | sleep 50) & done; wait";
    let value = own.call("runCapability", &own.busybox(&["sh", "-c", hog])).unwrap();
    assert_eq!(value["limitHit"], "memory", "{value}");
}

#[test]
fn a_denial_has_a_code_and_every_reason() {
    let own = engine();
    let args = with(own.busybox(&["true"]), json!({ "env": { "LD_PRELOAD": "s3cret" } }));
    let error = own.call("runCapability", &args).unwrap_err();
    assert_eq!((&error["code"], &error["status"]), (&json!("DENIED"), &json!(403)), "{error}");
    assert_eq!(error["details"]["reasons"][0]["code"], "PSD242");
    assert!(!error.to_string().contains("s3cret"));
    let args = json!({ "name": "nobody", "policy": policy() });
    assert_eq!(own.sync("runCapability", &args).unwrap_err()["code"], "DENIED");
    let args = json!({ "name": "busybox" });
    assert_eq!(own.sync("runCapability", &args).unwrap_err()["code"], "DENIED");
    let args = with(own.busybox(&["true"]), json!({ "backend": "nobodys" }));
    assert_eq!(own.sync("runCapability", &args).unwrap_err()["code"], "NOT_AVAILABLE");
}

#[test]
fn what_is_not_there_is_said_by_its_own_code() {
    let own = engine();
    let args = json!({ "name": "missing", "policy": policy(), "image": image() });
    assert_eq!(own.call("runCapability", &args).unwrap_err()["code"], "PROGRAM_NOT_FOUND");
    let args = with(own.busybox(&[]), json!({ "policy": "/no/such/policy.toml" }));
    assert_eq!(own.call("runCapability", &args).unwrap_err()["code"], "NOT_FOUND");
    let args = with(own.busybox(&[]), json!({ "policy": { "text": "x = 1" } }));
    let error = own.call("runCapability", &args).unwrap_err();
    assert_eq!(error["code"], "BAD_POLICY");
    assert!(error["details"]["refusals"][0]["line"].is_number(), "{error}");
}

#[test]
pub(crate) fn an_image_is_verified_or_every_reason_why_not_is_said() {
    let own = engine();
    let repository = "registry.example/perry-sandbox/hello";
    let good =
        json!({ "image": image(), "repository": repository, "requirement": { "signer": { "key": key() } } });
    let value = own.sync("verify", &good).unwrap();
    assert_eq!(value["verified"], true);
    assert!(value["evidence"]["manifest"].as_str().unwrap().starts_with("sha256:"));
    let by_policy = with(good.clone(), json!({ "requirement": { "policy": policy() } }));
    assert_eq!(own.call("verify", &by_policy).unwrap()["verified"], true);
    let other = key().replace("cosign.pub", "other.pub");
    let bad = with(good.clone(), json!({ "requirement": { "signer": { "key": other } } }));
    let error = own.call("verify", &bad).unwrap_err();
    assert_eq!(error["code"], "NOT_VERIFIED");
    assert!(!error["details"]["candidates"].as_array().unwrap().is_empty(), "{error}");
    let error = own.sync("verify", &with(good, json!({ "image": "oci:/no/such/folder" }))).unwrap_err();
    assert!(error["code"] == "NOT_FOUND" || error["code"] == "IO", "{error}");
}

#[test]
pub(crate) fn an_explanation_is_a_value_also_when_it_is_a_no() {
    let own = engine();
    let value = own.sync("explain", &json!({ "capability": own.busybox(&["true"]) })).unwrap();
    assert_eq!((&value["verdict"], &value["exit"]), (&json!("allow"), &json!(0)));
    assert!(value["planDigest"].is_string() && value["text"].as_str().unwrap().starts_with("ALLOWED"));
    assert!(value.get("explanation").is_none());
    let rows = json!({ "capability": own.busybox(&["true"]), "rows": true });
    let value = own.sync("explain", &rows).unwrap();
    assert_eq!(value["explanation"]["schema"], "perry-sandbox/explain/v1");
    let wish = with(own.busybox(&["true"]), json!({ "grants": { "egress": ["example.org:443"] } }));
    let value = own.call("explain", &json!({ "capability": wish })).unwrap();
    assert_eq!((&value["verdict"], &value["exit"]), (&json!("deny"), &json!(120)));
    assert!(value.get("planDigest").is_none() && value["explanation"]["reasons"].is_array());
    let unknown = with(own.busybox(&["true"]), json!({ "name": "nothing-such" }));
    let value = own.sync("explain", &json!({ "capability": unknown })).unwrap();
    assert_eq!((&value["verdict"], &value["exit"]), (&json!("deny"), &json!(120)), "{value}");
    let other = key().replace("cosign.pub", "other.pub");
    let spec = json!({ "image": image(), "signer": { "key": other } });
    let value = own.sync("explain", &json!({ "spec": spec })).unwrap();
    assert_eq!((&value["verdict"], &value["exit"]), (&json!("not-verified"), &json!(121)), "{value}");
    assert!(!value["denial"]["candidates"].as_array().unwrap().is_empty());
    let what_if = json!({ "capability": own.busybox(&["true"]), "ifTier": "untrusted" });
    assert_ne!(own.sync("explain", &what_if).unwrap()["verdict"], "allow");
}

#[test]
pub(crate) fn a_policy_is_checked_as_text_and_as_a_file() {
    let own = engine();
    let value = own.sync("checkPolicy", &policy()).unwrap();
    assert_eq!((&value["ok"], &value["refusals"]), (&json!(true), &json!([])));
    assert!(value["digest"].is_string());
    let value = own.sync("checkPolicy", &json!({ "text": "schema = 1\nnonsense = 2" })).unwrap();
    assert_eq!(value["ok"], false);
    assert!(
        value["refusals"][0]["message"].is_string() && value["refusals"][0]["line"].is_number(),
        "{value}"
    );
    let value = own.sync("checkPolicy", &json!({ "text": "[capabilty.a]\n" })).unwrap();
    assert!(value["refusals"][0]["help"].is_string(), "{value}");
    let path = crate::support::top().join("examples/hello/policy.toml");
    let value = own.call("checkPolicy", &json!({ "path": path }));
    assert_eq!(value.unwrap()["ok"], true);
    assert_eq!(own.sync("checkPolicy", &json!({ "path": "/no/such" })).unwrap_err()["code"], "NOT_FOUND");
}

#[test]
pub(crate) fn images_are_pulled_listed_and_removed() {
    let own = engine();
    let pulled = own.call("pullImage", &json!({ "image": image() })).unwrap();
    let digest = pulled["digest"].clone();
    let listed = own.call("listImages", &json!({})).unwrap();
    assert!(listed.as_array().unwrap().iter().any(|image| image["digest"] == digest), "{listed}");
    let error = own.call("removeImage", &json!({ "image": "no-such-image" })).unwrap_err();
    assert_eq!(error["code"], "NOT_FOUND");
    let removed = own.call("removeImage", &json!({ "image": digest })).unwrap();
    assert_eq!(removed["removed"][0]["digest"], digest);
    assert_eq!(own.call("listImages", &json!({})).unwrap(), json!([]));
}

#[test]
pub(crate) fn an_image_of_a_registry_has_its_repository_and_its_tag() {
    let own = engine();
    let (content, _) = layout::image(&[(Vec::new(), Compression::None)]);
    let registry = TestRegistry::serving("a/b", &content, Options::default());
    let access =
        json!({ "image": format!("{}/a/b:v1", registry.host()), "insecureRegistries": [registry.host()] });
    let pulled = own.call("pullImage", &access).unwrap();
    let repository = format!("{}/a/b", registry.host());
    assert_eq!((&pulled["repository"], &pulled["tag"]), (&json!(repository), &json!("v1")), "{pulled}");
}

#[test]
pub(crate) fn what_was_done_with_an_egress_grant_is_in_the_value() {
    let own = engine();
    let text = policy()["text"].as_str().unwrap().replace(
        "args = { max = 16, each-max = 4096 }\ngrants = { env",
        "args = { max = 16, each-max = 4096 }\ngrants = { egress = [\"a.example:443\"], env",
    );
    let text = text.replace(
        "memory-enforcement = \"watched\"",
        "memory-enforcement = \"watched\"\negress = [\"a.example:443\"]",
    );
    let args = with(own.busybox(&["true"]), json!({ "policy": with(policy(), json!({ "text": text })) }));
    let value = own.call("runCapability", &args).unwrap();
    assert_eq!(value["egress"], json!({ "allowed": 0, "refused": 0, "refusals": [] }), "{value}");
}

#[test]
pub(crate) fn backends_are_listed_and_chosen_before_the_first_use() {
    let own = engine();
    assert_eq!(own.sync("getBackend", &json!({})).unwrap(), "native");
    let priority = own.sync("getBackendPriority", &json!({})).unwrap();
    assert_eq!(priority.as_array().unwrap()[..3], ["native", "podman", "nerdctl"]);
    assert_eq!(own.call("getAvailableBackends", &json!({})).unwrap()[0]["name"], "native");
    assert_eq!(own.call("detectBackend", &json!({})).unwrap()["available"], true);
    let spec = json!({
        "image": image(), "signer": { "key": key() }, "args": ["/bin/busybox"],
        "repository": "registry.example/perry-sandbox/hello",
    });
    let select = |more| own.sync("selectBackendFor", &json!({ "spec": with(spec.clone(), more) }));
    assert_eq!(select(json!({})).unwrap(), "native");
    assert_eq!(own.sync("setBackend", &json!({ "name": "podman" })).unwrap_err()["code"], "NOT_AVAILABLE");
    let names = json!({ "names": ["podman", "native"] });
    assert_eq!(own.sync("setBackends", &names).unwrap()["backend"], "native");
    assert!(own.sync("explain", &json!({ "capability": own.busybox(&[]) })).is_ok());
    assert_eq!(own.sync("setBackend", &json!({ "name": "native" })).unwrap_err()["code"], "CONFLICT");
}

#[test]
pub(crate) fn after_close_every_call_says_so() {
    let own = engine();
    assert_eq!(own.sync("version", &json!({})).unwrap()["protocol"], 1);
    assert!(own.call("runCapability", &own.busybox(&["true"])).is_ok());
    assert_eq!(own.sync("close", &json!({})).unwrap(), json!({}));
    for op in ["version", "close", "listImages"] {
        let error = if op == "listImages" { own.call(op, &json!({})) } else { own.sync(op, &json!({})) };
        assert_eq!(error.unwrap_err()["code"], "CLOSED");
    }
    assert_eq!(own.call("runCapability", &own.busybox(&["true"])).unwrap_err()["code"], "CLOSED");
    assert!(own.home.path().exists());
}

#[test]
fn secrets_are_files_inside_and_in_no_reply() {
    let own = engine();
    let text = policy()["text"].as_str().unwrap().replace(
        "env = [\"GREETING\", \"TOKEN\"]\nmemory",
        "env = [\"GREETING\", \"TOKEN\"]\nsecrets = [\"text\", \"bytes\"]\nmemory",
    );
    let policy = with(policy(), json!({ "text": text }));
    let args =
        |more| with(with(own.busybox(&["wc", "-c", "/run/secrets/text"]), json!({ "policy": policy })), more);
    let value = own.call("runCapability", &args(json!({ "secrets": { "text": "hush" } }))).unwrap();
    assert_eq!(value["stdout"], "4 /run/secrets/text\n", "{value}");
    let both = json!({ "secrets": { "text": "hush" }, "secretsBase64": { "bytes": "aHVzaAD/" } });
    let both = with(args(both), json!({ "args": ["wc", "-c", "/run/secrets/bytes"] }));
    assert_eq!(own.sync("runCapability", &both).unwrap()["stdout"], "6 /run/secrets/bytes\n");
    for (more, code) in [
        (json!({ "secrets": { "other": "hush" } }), "DENIED"),
        (json!({ "grants": { "secrets": ["text"] } }), "BAD_REQUEST"),
        (json!({ "secrets": { "text": 7 } }), "BAD_REQUEST"),
        (json!({ "secrets": { "Text": "hush" } }), "BAD_REQUEST"),
        (json!({ "secretsBase64": { "text": "hush!" } }), "BAD_REQUEST"),
        (json!({ "secrets": { "text": "hush" }, "secretsBase64": { "text": "aHVzaA==" } }), "BAD_REQUEST"),
        (json!({ "secrets": { "text": "hush".repeat(300_000) } }), "BAD_REQUEST"),
    ] {
        let error = own.call("runCapability", &args(more)).unwrap_err();
        assert_eq!(error["code"], code, "{error}");
        assert!(!error.to_string().contains("hush"), "{error}");
    }
}

#[test]
pub(crate) fn a_text_or_a_command_line_is_audited_and_no_file_is_read() {
    let own = engine();
    let stack =
        "services:\n  web:\n    image: a\n    privileged: true\n    environment: {DB_PASSWORD: hunter2}\n";
    for value in [own.sync("audit", &json!({ "text": stack })), own.call("audit", &json!({ "text": stack }))]
    {
        let value = value.unwrap();
        assert_eq!(
            (&value["schema"], &value["verdict"]),
            (&json!("perry-sandbox/audit/v1"), &json!("found"))
        );
        assert_eq!(
            (&value["findings"][0]["rule"], &value["findings"][0]["line"]),
            (&json!("PSB401"), &json!(4))
        );
        assert!(!value.to_string().contains("hunter2"), "{value}");
    }
    let ignored = stack
        .replace("true\n", "true # perry-sandbox: ignore[PSB401] needed, owner=ops until=2999-01-31\n")
        + "  other:\n    image: a\n    privileged: true # perry-sandbox: ignore[PSB401] needed\n";
    let value = own.sync("audit", &json!({ "text": ignored })).unwrap();
    let suppressed = value["findings"].as_array().unwrap().iter().filter(|one| !one["suppressed"].is_null());
    assert_eq!(suppressed.count(), 2, "{value}");
    let fixture = include_str!("../../audit/tests/fixtures/PSB213.txt");
    let (_, policy) = fixture.split_once("=== bad policy.toml\n").unwrap();
    let policy = policy.split("===").next().unwrap().replace(['\u{ab}', '\u{bb}'], "");
    let value = own.sync("audit", &json!({ "text": policy, "name": "policy.toml" })).unwrap();
    assert!(value["findings"].to_string().contains("and read here"), "{value}");
    let value = own.sync("audit", &json!({ "argv": ["docker", "run", "-v", "/:/h", "a"] })).unwrap();
    assert_eq!(value["findings"][0]["rule"], "PSB411");
    let value = own
        .sync("audit", &json!({ "text": "include: [/etc/passwd]\nservices: {web: {image: a}}\n" }))
        .unwrap();
    assert_eq!((&value["verdict"], &value["findings"][0]["rule"]), (&json!("ungraded"), &json!("PSB006")));
    for args in [json!({}), json!({ "text": "a", "argv": [] }), json!({ "argv": ["a"], "name": "n" })] {
        assert_eq!(own.sync("audit", &args).unwrap_err()["code"], "BAD_REQUEST", "{args}");
    }
}
