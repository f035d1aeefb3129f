//! An engine of a test's own, and short ways to ask it.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use perry_sandbox_ffi::Engine;
use perry_sandbox_testkit::example::BARE_POLICY;
use perry_sandbox_testkit::wit::{Interface, Seen, Shape};
use serde_json::{Value, json};

/// Longer than anything here takes, also on a machine that is busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// The repository's top folder.
pub(crate) fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The example's signed image.
pub(crate) fn image() -> String {
    format!("oci:{}", top().join("examples/hello/image").display())
}

/// The example's public key.
pub(crate) fn key() -> String {
    top().join("examples/hello/cosign.pub").display().to_string()
}

/// A policy with capabilities of the example image.
pub(crate) fn policy() -> Value {
    // What it names is looked for beside it.
    json!({ "name": top().join("test.toml"), "text": format!("{BARE_POLICY}{TIERS}") })
}

const TIERS: &str = r#"
[tier.test]
isolation = { accept = ["oci"] }
env = ["GREETING", "TOKEN"]
memory-enforcement = "watched"
limits = { memory = "64MiB", cpu = 1.0, pids = 64, wall = "60s", output = "16MiB", disk = "64MiB", open-files = 256 }

[capability.busybox]
tier = "test"
image = "hello"
command = ["/bin/busybox"]
args = { max = 16, each-max = 4096 }
grants = { env = ["GREETING", "TOKEN"] }
limits = { memory = "64MiB", wall = "60s", output = "16MiB" }

[capability.missing]
tier = "isolated"
image = "hello"
command = ["/bin/no-such-program"]

[ad-hoc]
tier = "isolated"
image = ["hello"]
"#;

/// An engine with folders of its own.
pub(crate) struct Own {
    pub(crate) engine: Arc<Engine>,
    pub(crate) home: tempfile::TempDir,
    next: AtomicU64,
    /// What its sandboxes may have in their command lines, and no other's.
    pub(crate) mark: String,
}

/// Each engine's mark is the next.
static MARKS: AtomicU64 = AtomicU64::new(1_234_000);

/// Makes one.
pub(crate) fn engine() -> Own {
    engine_with(&[])
}

/// Makes one with more variables.
pub(crate) fn engine_with(more: &[(&'static str, &str)]) -> Own {
    let home = tempfile::tempdir().unwrap();
    let mut variables: HashMap<_, _> = ["HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"]
        .into_iter()
        .map(|name| (name, home.path().join(name)))
        .collect();
    for folder in variables.values() {
        std::fs::create_dir(folder).unwrap();
    }
    variables.extend(more.iter().map(|(name, value)| (*name, PathBuf::from(value))));
    let engine = Engine::new(move |name| variables.get(name).map(|path| path.clone().into_os_string()));
    let engine = engine.with_data_dir(&home.path().join("data"));
    let mark = MARKS.fetch_add(1, Ordering::Relaxed).to_string();
    Own { engine: Arc::new(engine), home, next: AtomicU64::new(1), mark }
}

impl Own {
    /// An id that no other call of this engine has.
    pub(crate) fn id(&self) -> String {
        self.next.fetch_add(1, Ordering::Relaxed).to_string()
    }

    fn request(&self, op: &str, args: &Value) -> (String, Vec<u8>) {
        let id = self.id();
        (id.clone(), json!({ "v": 1, "id": id, "op": op, "args": args }).to_string().into_bytes())
    }

    /// Asks on this thread.
    pub(crate) fn sync(&self, op: &str, args: &Value) -> Result<Value, Value> {
        let (id, request) = self.request(op, args);
        described(op, open(&id, &self.engine.call_sync(&request)))
    }

    /// Asks by callback, and waits.
    pub(crate) fn call(&self, op: &str, args: &Value) -> Result<Value, Value> {
        let (id, replies) = self.begin(op, args);
        described(op, open(&id, &replies.recv_timeout(PATIENCE).unwrap()))
    }

    /// Asks by callback. Whoever answers twice panics at a channel that has gone.
    pub(crate) fn begin(&self, op: &str, args: &Value) -> (String, Receiver<String>) {
        let (id, request) = self.request(op, args);
        let (sender, receiver) = mpsc::channel();
        self.engine.call(&request, Box::new(move |reply| drop(sender.send(reply))));
        (id, receiver)
    }

    /// Runs busybox.
    #[expect(clippy::unused_self, reason = "it is asked of this engine")]
    pub(crate) fn busybox(&self, args: &[&str]) -> Value {
        json!({ "name": "busybox", "args": args, "policy": policy(), "image": image() })
    }
}

/// What `perry/wit` says.
pub(crate) static INTERFACE: LazyLock<Interface> = LazyLock::new(Interface::of_perry);

thread_local! {
    /// What was in the replies to this thread.
    static SEEN: RefCell<Seen> = RefCell::default();
}

/// Every reply of every test is held against the description.
fn described(op: &str, reply: Result<Value, Value>) -> Result<Value, Value> {
    let (value, shape) = match &reply {
        Ok(value) => (value, None),
        Err(error) => (error, Some(Shape::Record(INTERFACE.records["error"].clone()))),
    };
    let wrong = SEEN.with_borrow_mut(|seen| match (shape, INTERFACE.operations.get(op)) {
        (None, Some(operation)) => operation.problems(value, seen),
        (None, None) => vec!["nothing describes it".to_owned()],
        (Some(shape), _) => {
            let mut wrong = Vec::new();
            shape.check(value, "error", seen, &mut wrong);
            wrong
        }
    });
    assert!(wrong.is_empty(), "the reply of `{op}` is not as described: {}: {value}", wrong.join("; "));
    reply
}

/// The fields of these shapes that no reply to this thread had.
pub(crate) fn missing_in_replies<'a>(shapes: impl Iterator<Item = &'a Shape>) -> BTreeSet<String> {
    SEEN.with_borrow(|seen| seen.missing(shapes))
}

/// The value or the error of a reply to the request `id`.
pub(crate) fn open(id: &str, reply: &str) -> Result<Value, Value> {
    let mut reply: Value = serde_json::from_str(reply).unwrap();
    assert_eq!((&reply["v"], &reply["id"]), (&json!(1), &json!(id)), "{reply}");
    match reply["ok"].as_bool() {
        Some(true) => Ok(reply["value"].take()),
        Some(false) => Err(reply["error"].take()),
        None => panic!("not an envelope: {reply}"),
    }
}

/// Puts more fields into an object.
pub(crate) fn with(mut object: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("not an object") };
    object.as_object_mut().unwrap().extend(more);
    object
}
