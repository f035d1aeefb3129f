//! What all operations on whole projects have in common: their end when nobody waits for them, secrets, and failures.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use perry_sandbox_engine::{
    EngineError, Event, Events, Interrupt, Left, RaiseError, Reached, StepError, UpError,
};
use perry_sandbox_stack::Judged;
use perry_sandbox_workloads::{Raised, WorkloadError};
use serde_json::{Map, Value, json};

use super::result::camel;
use crate::calls::Call;
use crate::code::Code;
use crate::engine::Engine;
use crate::fault::{Fault, of_class};

/// How often is looked whether the call was cancelled.
const LOOK: Duration = Duration::from_millis(50);

/// Nobody is told: a call has one reply.
pub(super) struct Untold;

impl Events for Untold {
    fn tell(&self, _: Event) {}
}

/// Works with an ear for the call's cancel, which undoes what was done.
pub(super) fn heeding<T>(
    engine: &Engine,
    call: &Call,
    work: impl FnOnce(&Interrupt) -> Result<T, Fault>,
) -> Result<T, Fault> {
    engine.check_hook()?;
    call.check()?;
    let (interrupt, over) = (Interrupt::default(), Over(AtomicBool::new(false)));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.0.load(Ordering::Acquire) {
                if !call.go_on() {
                    return interrupt.ask();
                }
                std::thread::park_timeout(LOOK);
            }
        });
        // Also when the work panics, or the scope would wait for ever.
        let _ends = Ends(&over);
        work(&interrupt)
    })
}

struct Over(AtomicBool);

struct Ends<'a>(&'a Over);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Release);
    }
}

/// How far each node or service came.
pub(super) fn reached(raised: &Raised) -> Value {
    let node = |(name, reached): (&String, &Reached)| {
        let (state, id, error) = match reached {
            Reached::Up(id) => ("up", Some(id), None),
            Reached::Failed(why) => ("failed", None, Some(why)),
            Reached::NotTried(why) => ("not-tried", None, Some(why)),
        };
        json!({ "nodeId": name, "state": state, "containerId": id, "error": error })
    };
    json!({ "name": raised.graph, "nodes": raised.nodes.iter().map(node).collect::<Vec<_>>() })
}

/// Verdicts as a program reads them.
pub(super) fn verdicts(judged: &[Judged], whose: &str) -> Value {
    let one = |judged: &Judged| {
        let mut fields = camel(judged.to_json());
        if let Value::Object(fields) = &mut fields
            && let Some(name) = fields.remove("service")
        {
            fields.insert(whose.to_owned(), name);
        }
        fields
    };
    judged.iter().map(one).collect()
}

/// The fault of nodes or services that are not all allowed. A "no" of the policy goes first, since no other host or
/// signature would change it.
pub(super) fn refused(judged: &[Judged], whose: &str) -> Fault {
    let no: Vec<&Judged> = judged.iter().filter(|one| !one.judgement.is_allowed()).collect();
    let code = if no.iter().any(|one| one.judgement.is_of_the_policy()) {
        Code::Denied
    } else if no.iter().any(|one| one.judgement.is_of_the_verifier()) {
        Code::NotVerified
    } else if let Some(class) = no.iter().find_map(|one| one.judgement.class()) {
        of_class(class)
    } else {
        Code::NotAvailable
    };
    let each: Vec<String> = no
        .iter()
        .map(|one| {
            format!("`{}` is {}: {}", one.service, one.judgement.word(), one.judgement.reasons().join("; "))
        })
        .collect();
    let message = format!("nothing was started: {}", each.join("; "));
    Fault::new(code, message).with(&json!({ "verdicts": verdicts(judged, whose) }))
}

pub(super) fn left_of(left: &[Left]) -> Value {
    left.iter().map(|left| json!({ "what": left.what, "why": left.why })).collect()
}

impl From<EngineError> for Fault {
    fn from(error: EngineError) -> Self {
        if let EngineError::Pipeline(error) = error {
            return error.into();
        }
        let is_refused = matches!(&error, EngineError::Fetch { source: StepError::Refused(_), .. });
        let is_conflict = matches!(
            &error,
            EngineError::Busy { .. }
                | EngineError::Unfinished { .. }
                | EngineError::OtherOrigin { .. }
                | EngineError::OtherNetwork { .. }
                | EngineError::OtherBackend { .. }
                | EngineError::SeveralOrigins(_)
        );
        let code = match (is_refused, is_conflict) {
            (true, _) => Code::Denied,
            (false, true) => Code::Conflict,
            (false, false) if matches!(&error, EngineError::Name(_) | EngineError::TooManyNeeds { .. }) => {
                Code::BadRequest
            }
            (false, false) if matches!(&error, EngineError::Fetch { .. }) => Code::Registry,
            (false, false) => Code::Io,
        };
        Self::new(code, error.to_string())
    }
}

impl From<Box<UpError>> for Fault {
    fn from(error: Box<UpError>) -> Self {
        let code = match &error.cause {
            StepError::Interrupted => Code::Cancelled,
            StepError::Refused(_) => Code::Denied,
            StepError::Changed { .. } => Code::Conflict,
            StepError::Condition { .. } => Code::Unhealthy,
            StepError::Failed(_) | _ => Code::Io,
        };
        let undone = if error.left.is_empty() && error.step.is_some() && error.reached.is_empty() {
            "; all that this run had made is undone"
        } else {
            ""
        };
        let mut details = Map::new();
        details.insert("left".to_owned(), left_of(&error.left));
        Self::new(code, format!("{error}{undone}")).with(&details)
    }
}

impl From<RaiseError> for Fault {
    fn from(error: RaiseError) -> Self {
        match error {
            RaiseError::NotBegun(error) => error.into(),
            RaiseError::Failed(error) => error.into(),
            RaiseError::Secret(why) => Self::bad_request(why),
            RaiseError::Interrupted => Self::cancelled(),
            error => Self::new(Code::Io, error.to_string()),
        }
    }
}

impl From<WorkloadError> for Fault {
    fn from(error: WorkloadError) -> Self {
        match error {
            WorkloadError::Refused(judged) => refused(&judged, "nodeId"),
            WorkloadError::Raise(error) => error.into(),
            WorkloadError::Engine(error) => error.into(),
            WorkloadError::Pipeline(error) => error.into(),
            WorkloadError::Halted { ref raised, .. } => {
                Self::new(Code::Halted, error.to_string()).with(&reached(raised))
            }
            WorkloadError::NoGraph(_) | WorkloadError::NoNode { .. } => {
                Self::new(Code::NotFound, error.to_string())
            }
            WorkloadError::Crowd { .. } => Self::bad_request(error.to_string()),
            WorkloadError::Backends { .. } => Self::new(Code::Conflict, error.to_string()),
            error @ (WorkloadError::Remembered { .. } | _) => Self::new(Code::Io, error.to_string()),
        }
    }
}
