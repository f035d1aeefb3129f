//! `perry/wit` describes what the envelope carries: every operation, every field, in both directions.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use perry_sandbox_ffi::{Code, check_request, check_request_sync};
use perry_sandbox_testkit::wit::{Much, Operation, Record, Samples, Shape};
use serde_json::{Value, json};

use crate::support::{INTERFACE, missing_in_replies};
use crate::{builds, graphs, operations, sandboxes, streams};

/// A name that no object has.
const NOBODYS: &str = "no such field";

/// What stands for texts that are not just any.
static SAMPLES: LazyLock<Samples<'static>> = LazyLock::new(|| {
    let kinds = vec![
        ("image-name", json!("r.example/a:1")),
        ("platform", json!("linux/amd64")),
        ("repository", json!("r.example/a")),
        ("tier-name", json!("hardened")),
        ("linux-cap", json!("CHOWN")),
        ("host-path", json!("/a")),
        ("base64", json!("eA==")),
        ("size-text", json!("64MiB")),
        ("other-node", json!("b")),
        ("conditions", json!("b")),
        ("port-text", json!("80")),
        ("volume", json!("data:/data")),
        ("user-number", json!("1000")),
    ];
    // Something to refer to, and to wait for.
    let b = json!({ "image": "a", "ports": [5], "health": { "command": ["a"] } });
    Samples { kinds: kinds.leak(), beside: vec![("nodes", "b", b)].leak() }
});

/// What else has to be there where a value is: the one rule of fields that no comment tells.
fn completed(op: &str, mut args: Value) -> Value {
    let is_graph = matches!(op, "graphUp" | "graphCheck");
    if is_graph && !args["maxParallel"].is_null() {
        args["strategy"] = json!("maxParallel");
    } else if is_graph && args["strategy"] == "maxParallel" {
        args["maxParallel"] = json!(5);
    }
    args
}

fn request(op: &str, args: &Value) -> Vec<u8> {
    json!({ "v": 1, "id": "7", "op": op, "args": args }).to_string().into_bytes()
}

/// Reads a request, in the way in which its operation may be called.
fn read(op: &str, args: &Value) -> Result<(), String> {
    let request = request(op, args);
    if INTERFACE.operations[op].is_sync { check_request_sync(&request) } else { check_request(&request) }
}

/// A request of each kind, and every object in it that no earlier one has at the same place.
fn each_object(op: &str, described: &Operation, mut visit: impl FnMut(&Value, &str, &Record)) {
    let mut visited = BTreeSet::new();
    for args in SAMPLES.each_of(&described.args) {
        let args = completed(op, args);
        for place in described.args.places(&args) {
            if visited.insert((place.pointer.clone(), place.record.name.clone())) {
                visit(&args, &place.pointer, &place.record);
            }
        }
    }
}

/// The value with a field of one of its objects changed, or taken away.
fn changed(args: &Value, pointer: &str, field: &str, value: Option<Value>) -> Value {
    let mut args = args.clone();
    let object = args.pointer_mut(pointer).and_then(Value::as_object_mut).unwrap();
    match value {
        Some(value) => drop(object.insert(field.to_owned(), value)),
        None => drop(object.remove(field)),
    }
    args
}

#[test]
fn the_same_operations_are_described_as_there_are() {
    let described: BTreeSet<_> = INTERFACE.operations.keys().map(String::as_str).collect();
    let there: BTreeSet<_> = perry_sandbox_ffi::operations().collect();
    assert_eq!(described, there);
    assert_eq!(there.len(), perry_sandbox_ffi::operations().count(), "one is there twice");
}

#[test]
fn an_operation_is_called_as_its_function_says() {
    for (op, described) in &INTERFACE.operations {
        let request = request(op, &completed(op, SAMPLES.least_of(&described.args)));
        let (sync, wait) = (check_request_sync(&request), check_request(&request));
        assert_eq!(sync.is_err_and(|why| why.contains("asynchronously")), described.is_async, "{op}");
        assert_eq!(wait.is_err_and(|why| why.contains("synchronously")), described.is_sync, "{op}");
    }
}

#[test]
fn everything_that_is_described_is_taken() {
    let mut count = 0;
    for (op, described) in &INTERFACE.operations {
        for args in SAMPLES.each_of(&described.args) {
            let args = completed(op, args);
            assert_eq!(read(op, &args), Ok(()), "{op}: {args}");
            count += 1;
        }
    }
    assert!(count > 500, "{count}");
}

/// The names in a refusal that tells all that are known.
fn known(refusal: &str) -> Option<BTreeSet<String>> {
    let (_, rest) = refusal.split_once("it has ").or_else(|| refusal.split_once("known are "))?;
    Some(rest.split('`').skip(1).step_by(2).map(str::to_owned).collect())
}

#[test]
fn nothing_is_taken_that_is_not_described() {
    for (op, described) in &INTERFACE.operations {
        each_object(op, described, |args, pointer, record| {
            let refusal = read(op, &changed(args, pointer, NOBODYS, Some(json!("x")))).unwrap_err();
            assert!(refusal.contains(NOBODYS), "{op} {pointer}: {refusal}");
            let fields: BTreeSet<_> = record.fields.iter().map(|field| field.name.clone()).collect();
            assert_eq!(known(&refusal), Some(fields), "{op}: {} at `{pointer}`", record.name);
        });
    }
}

#[test]
fn what_must_be_there_must_be_there_and_the_rest_may_be_null() {
    for (op, described) in &INTERFACE.operations {
        each_object(op, described, |args, pointer, record| {
            for field in &record.fields {
                let without = changed(args, pointer, &field.name, None);
                let object = without.pointer(pointer).unwrap();
                let wanted = Shape::Record(record.clone()).fits(object);
                let null = changed(args, pointer, &field.name, Some(Value::Null));
                for args in [without, null] {
                    let args = completed(op, args);
                    assert_eq!(read(op, &args).is_ok(), wanted, "{op}: {args}: {:?}", read(op, &args));
                }
            }
        });
    }
}

#[test]
fn fields_that_exclude_each_other_are_refused_together() {
    let mut count = 0;
    for (op, described) in &INTERFACE.operations {
        each_object(op, described, |args, pointer, record| {
            for group in record.groups.iter().filter(|group| group.much != Much::AtLeastOne) {
                let mut both = args.clone();
                for name in &group.names {
                    let field = record.fields.iter().find(|field| field.name == *name).unwrap();
                    both = changed(&both, pointer, name, Some(SAMPLES.least(&field.shape)));
                }
                assert!(read(op, &both).is_err(), "{op}: {both}");
                count += 1;
            }
        });
    }
    assert!(count > 10, "{count}");
}

#[test]
fn a_value_of_another_type_than_is_described_is_refused() {
    let others = [
        json!(-7),
        json!(1.5),
        json!(7),
        json!("\u{1}?"),
        json!(true),
        json!([]),
        json!([7]),
        json!([[]]),
        json!({}),
        json!({ "x": 7 }),
        json!({ "x": [] }),
    ];
    let mut count = 0;
    for (op, described) in &INTERFACE.operations {
        each_object(op, described, |args, pointer, record| {
            for field in &record.fields {
                for wrong in others.iter().filter(|other| !field.shape.fits(other)) {
                    let args = completed(op, changed(args, pointer, &field.name, Some(wrong.clone())));
                    assert!(read(op, &args).is_err(), "{op}: {args}");
                    count += 1;
                }
            }
        });
    }
    assert!(count > 3_000, "{count}");
}

#[test]
fn every_code_is_described() {
    let there: BTreeSet<_> = Code::ALL.iter().map(|code| code.name().to_owned()).collect();
    assert_eq!(INTERFACE.words["code"].iter().cloned().collect::<BTreeSet<_>>(), there);
}

/// Fields that no reply here shows, or shows without a value, and why.
const NOT_HERE: &[(&str, &str)] = &[
    ("ended.trail?", "a run has a line in the trail wherever there is a data folder"),
    ("image.storedAt?", "only with a clock before 1970"),
    ("node-verdict.builtAs", "no node has a build"),
    ("refusal.end?", "every refusal has a place by now"),
    ("refusal.file?", "every refusal has a place by now"),
    ("refusal.line?", "every refusal has a place by now"),
    ("refusal.start?", "every refusal has a place by now"),
    ("service.containerId?", "a project that is up has all its sandboxes"),
    ("left.what", "only where the machine does not let go of something"),
    ("left.why", "only where the machine does not let go of something"),
];

/// Records of which tests beside the code see all fields.
const BESIDE_THE_CODE: [&str; 3] = ["evidence", "egress-use", "exit"];

/// Each reply of every test is held against the description; here is seen that these show all of it.
#[test]
fn every_field_that_is_described_is_in_some_reply() {
    // Replies that nobody gives here would be missing.
    if !builds::can_build() {
        return;
    }
    let tests: &[fn()] = &[
        operations::a_capability_runs_and_everything_about_it_is_in_the_value,
        operations::a_limit_that_is_hit_is_a_result,
        operations::an_image_is_verified_or_every_reason_why_not_is_said,
        operations::an_explanation_is_a_value_also_when_it_is_a_no,
        operations::a_policy_is_checked_as_text_and_as_a_file,
        operations::an_image_of_a_registry_has_its_repository_and_its_tag,
        operations::what_was_done_with_an_egress_grant_is_in_the_value,
        operations::images_are_pulled_listed_and_removed,
        operations::backends_are_listed_and_chosen_before_the_first_use,
        operations::after_close_every_call_says_so,
        operations::a_text_or_a_command_line_is_audited_and_no_file_is_read,
        sandboxes::a_sandbox_goes_from_its_start_to_its_removal,
        sandboxes::a_program_joins_and_a_stop_ends_it,
        sandboxes::logs_are_followed_while_the_sandbox_writes_and_end_with_it,
        sandboxes::a_wait_is_cancelled_without_the_sandbox,
        streams::events_come_while_the_program_runs_and_the_last_one_is_the_result,
        streams::what_is_written_comes_back_and_the_end_of_input_ends_the_program,
        builds::what_a_program_has_built_is_signed_here_and_comes_up_by_its_digest,
        graphs::a_graph_is_allowed_comes_up_is_used_and_goes,
        graphs::a_check_says_of_each_node_why_it_may_not_run,
        graphs::a_failure_is_undone_passed_over_or_halts_as_is_asked_for,
        graphs::a_compose_project_of_an_object_comes_up_is_used_and_goes_by_its_name,
    ];
    for test in tests {
        test();
    }
    let shapes = INTERFACE.operations.values().filter_map(|described| described.value.as_ref());
    let mut missing = missing_in_replies(shapes);
    // What a request has too is held by the tests above.
    let mut elsewhere = BTreeSet::new();
    for described in INTERFACE.operations.values() {
        elsewhere.extend(Shape::Record(described.args.clone()).record_names());
    }
    for name in BESIDE_THE_CODE {
        elsewhere.extend(Shape::Record(INTERFACE.records[name].clone()).record_names());
    }
    missing.retain(|name| !elsewhere.contains(name.split('.').next().unwrap()));
    let known: BTreeSet<_> = NOT_HERE.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(missing, known);
}
