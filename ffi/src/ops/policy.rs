//! `checkPolicy`: whether a policy is sound, and every mistake if it is not.

use std::path::PathBuf;

use perry_sandbox_pipeline::{PipelineError, PolicyInput, load_policy};
use perry_sandbox_policy::LoadError;
use serde_json::{Value, json};

use crate::engine::Engine;
use crate::envelope::{Fields, json};
use crate::fault::Fault;

/// A policy to check.
#[derive(Debug)]
pub(crate) struct CheckPolicy(PolicyInput);

impl CheckPolicy {
    /// `{path}` or `{text, name?}`.
    pub(super) fn read(mut fields: Fields) -> Result<Self, Fault> {
        let (path, text, name) = (fields.text("path")?, fields.any_text("text")?, fields.text("name")?);
        fields.finish()?;
        match (path, text, name) {
            (Some(path), None, None) => Ok(Self(PolicyInput::File(PathBuf::from(path)))),
            (None, Some(text), name) => {
                let name = name.unwrap_or_else(|| "policy.toml".to_owned());
                Ok(Self(PolicyInput::Text { name, text }))
            }
            (Some(_), ..) => Err(fields.refuse("path", "is there beside `text`: give one of the two")),
            (None, None, _) => Err(Fault::bad_request("`args.path` or `args.text` is missing")),
        }
    }

    /// Checks it. A policy with mistakes is a value; a file that cannot be read is a fault.
    pub(super) fn run(self, engine: &Engine) -> Result<String, Fault> {
        #[cfg(feature = "panics")]
        self.panic_if_asked();
        let pipeline = engine.pipeline()?;
        match load_policy(&[self.0], pipeline.environment()) {
            Ok(loaded) => {
                let policy = &loaded.policy;
                json(&json!({
                    "ok": true, "name": policy.name(), "digest": policy.digest(), "refusals": [],
                    "capabilities": policy.capabilities().map(|(name, _)| name).collect::<Vec<_>>(),
                }))
            }
            Err(PipelineError::Policy(error)) => {
                json(&json!({ "ok": false, "refusals": refusals(&error), "text": error.render(false) }))
            }
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(feature = "panics")]
impl CheckPolicy {
    /// Stands for a fault of ours, which must not reach frames of another language.
    #[expect(clippy::panic, reason = "what the feature is for")]
    fn panic_if_asked(&self) {
        if matches!(&self.0, PolicyInput::Text { name, .. } if name == "panic") {
            panic!("asked for by a test");
        }
    }
}

/// Every mistake: `{code, message, label, help, file, line, start, end}`; `start` and `end` count bytes of the file.
pub(crate) fn refusals(error: &LoadError) -> Value {
    let Value::Array(list) = error.to_json() else { return Value::Null };
    let flat = list.into_iter().map(|mut refusal| {
        let Value::Object(fields) = &mut refusal else { return refusal };
        fields.remove("related");
        if let Some(Value::Object(place)) = fields.remove("place") {
            fields.extend(place);
        }
        refusal
    });
    Value::Array(flat.collect())
}
