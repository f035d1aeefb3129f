//! `explain`: the verdict and who would hold each line of it; nothing runs.

use perry_sandbox_pipeline::{Answer, Class, PipelineError, Wish};
use perry_sandbox_policy::{Explanation, TierName};
use serde::Serialize;
use serde_json::Value;

use super::{refused, result, target};
use crate::engine::Engine;
use crate::envelope::{Fields, json};
use crate::fault::Fault;

/// A question.
#[derive(Debug)]
pub(crate) struct Explain {
    wish: Wish,
    what_if: Option<TierName>,
    /// Whether an approval comes line by line too: reading them costs a Perry program more than the whole question.
    rows: bool,
}

/// The answer; a "no" is one too.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answered<'a> {
    verdict: &'static str,
    /// What the command line would exit with.
    exit: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan_digest: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<&'a Explanation>,
    /// The verifier's reasons.
    #[serde(skip_serializing_if = "Option::is_none")]
    denial: Option<Value>,
    text: String,
}

impl Explain {
    /// `{capability | spec, ifTier?, rows?}`.
    pub(super) fn read(mut fields: Fields) -> Result<Self, Fault> {
        let explain = Self {
            wish: target::either(&mut fields)?,
            what_if: fields.parsed("ifTier")?,
            rows: fields.flag("rows")?,
        };
        fields.finish()?;
        Ok(explain)
    }

    /// Asks.
    pub(super) fn run(mut self, engine: &Engine) -> Result<String, Fault> {
        self.wish.backend = self.wish.backend.or_else(|| engine.use_backend());
        let pipeline = engine.pipeline()?;
        let asked = match pipeline.ask(&self.wish, self.what_if.as_ref()) {
            Ok(asked) => asked,
            // A "no" that needs no question, as of a capability that the policy lacks.
            Err(error) if error.class() == Class::Denied => return denied(&error),
            Err(error) => return Err(error.into()),
        };
        if let Err(error) = pipeline.check_mounts(&asked) {
            return denied(&error);
        }
        let class = refused::class(&asked.answer);
        let (denial, text) = match &asked.answer {
            Answer::NotVerified(denial) => {
                let text = format!("DENIED   {}\n\n{denial}", asked.image);
                (serde_json::to_value(denial).map(result::camel).ok(), text)
            }
            Answer::Broken(error) => (None, format!("DENIED   {}\n\n{error}", asked.image)),
            Answer::NotAsked(_) | Answer::Decided(_) => (None, String::new()),
        };
        let made;
        let explanation = if let Answer::Decided(decided) = &asked.answer {
            Some(&decided.explanation)
        } else {
            made = refused::explanation(&asked);
            made.as_ref()
        };
        json(&Answered {
            verdict: match class {
                None => "allow",
                Some(Class::NotVerified | Class::Registry) => "not-verified",
                Some(_) => "deny",
            },
            exit: refused::exit(class),
            plan_digest: explanation.and_then(Explanation::plan_digest),
            explanation: explanation.filter(|_| self.rows || class.is_some()),
            denial,
            text: explanation.map_or(text, |explanation| explanation.to_text(false)),
        })
    }
}

/// A "no" without lines.
fn denied(error: &PipelineError) -> Result<String, Fault> {
    json(&Answered {
        verdict: "deny",
        exit: refused::exit(Some(error.class())),
        plan_digest: None,
        explanation: None,
        denial: None,
        text: format!("DENIED   {error}"),
    })
}
