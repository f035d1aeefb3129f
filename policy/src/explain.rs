//! Explanations: the verdict line by line, with who holds each line and which place in the policy decided.

use std::borrow::Cow;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Serialize;

use crate::control::HostFacts;
use crate::decide::{Examined, UsedException, Verdict, examine, row_of};
use crate::denial::{Denial, DenyReason};
use crate::evidence::{Evidence, Trial, VerifiedSignature};
use crate::plan::PlanLine;
use crate::policy::Policy;
use crate::request::{ImageDefaults, Request, Target};
use crate::source::{Place, Span};

/// The version of the JSON form.
const SCHEMA: &str = "perry-sandbox/explain/v1";

/// Why a request may run, or may not. Made from the verdict itself: no line is shown as held without its enforcer.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Explanation {
    schema: &'static str,
    verdict: Outcome,
    /// What was asked for: the capability, the service, or the image.
    subject: String,
    tier: Option<String>,
    policy: PolicyRef,
    image: Option<ImageRef>,
    /// The plan's digest, where there is one.
    plan: Option<String>,
    rows: Vec<Row>,
    reasons: Vec<Reason>,
    exception: Option<UsedException>,
    notes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trial: Option<Trial>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
    Allowed,
    Denied,
}

#[derive(Debug, Clone, Serialize)]
struct PolicyRef {
    name: String,
    digest: String,
}

#[derive(Debug, Clone, Serialize)]
struct ImageRef {
    repository: Option<String>,
    manifest: String,
    config: String,
}

/// One line.
#[derive(Debug, Clone, Serialize)]
struct Row {
    name: &'static str,
    state: State,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    enforcer: Option<String>,
    places: Vec<Place>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Ok,
    Denied,
}

#[derive(Debug, Clone, Serialize)]
struct Reason {
    code: &'static str,
    kind: crate::denial::DenyKind,
    row: &'static str,
    wanted: String,
    found: String,
    places: Vec<Place>,
    remedy: Option<String>,
}

/// The order of lines; what is not listed comes last.
const ROWS: [&str; 32] = [
    "capability",
    "policy",
    "image",
    "tier",
    "isolation",
    "process",
    "namespaces",
    "network",
    "egress",
    "networks",
    "publish",
    "rootfs",
    "tmp",
    "mounts",
    "volumes",
    "devices",
    "env",
    "secrets",
    "files",
    "user",
    "linux-caps",
    "no-new-privs",
    "seccomp",
    "masked-paths",
    "memory",
    "cpu",
    "pids",
    "wall",
    "output",
    "disk",
    "open-files",
    "limits",
];

/// Decides about a request as [`decide`](crate::decide()) does, and says why.
pub fn explain(
    policy: &Policy,
    request: &Request,
    evidence: &Evidence,
    image: &ImageDefaults,
    host: &HostFacts,
    now: Timestamp,
) -> (Verdict, Explanation) {
    let examined = examine(policy, request, evidence, image, host, now);
    let explanation = Explanation::new(policy, request, Some(evidence), &examined, now);
    (examined.verdict, explanation)
}

impl Explanation {
    /// The explanation of a denial at the first desk, before anything is known about the image.
    pub fn of_denial(policy: &Policy, request: &Request, denial: &Denial, now: Timestamp) -> Self {
        let verdict = Verdict::Deny(denial.clone());
        let examined = Examined { verdict, tier: None, backend: None, held: Vec::new() };
        Self::new(policy, request, None, &examined, now)
    }

    /// The explanation of a verdict that was decided before. Where it is a denial, only its reasons are known.
    pub fn from_verdict(
        policy: &Policy,
        request: &Request,
        evidence: &Evidence,
        verdict: &Verdict,
        now: Timestamp,
    ) -> Self {
        let tier = match verdict {
            Verdict::Allow(plan) => {
                let chain = policy.tier(&plan.tier).map(|tier| &tier.chain);
                let tiers = chain.map(|chain| chain.value.clone()).unwrap_or_default();
                Some((plan.tier.clone(), tiers, chain.and_then(|chain| chain.span)))
            }
            Verdict::Deny(_) => None,
        };
        let backend = match verdict {
            Verdict::Allow(plan) => Some((plan.isolation, plan.backend.clone(), String::new())),
            Verdict::Deny(_) => None,
        };
        let examined = Examined { verdict: verdict.clone(), tier, backend, held: Vec::new() };
        Self::new(policy, request, Some(evidence), &examined, now)
    }

    fn new(
        policy: &Policy,
        request: &Request,
        evidence: Option<&Evidence>,
        examined: &Examined,
        now: Timestamp,
    ) -> Self {
        let (plan, reasons): (_, Vec<&DenyReason>) = match &examined.verdict {
            Verdict::Allow(plan) => (Some(plan), Vec::new()),
            Verdict::Deny(denial) => (None, denial.iter().collect()),
        };
        Self {
            schema: SCHEMA,
            verdict: if plan.is_some() { Outcome::Allowed } else { Outcome::Denied },
            subject: subject(request, evidence),
            tier: examined.tier.as_ref().map(|(name, _, _)| name.to_string()),
            policy: PolicyRef { name: policy.name().into_owned(), digest: policy.digest().to_string() },
            image: evidence.map(|evidence| ImageRef {
                repository: evidence.repository.as_ref().map(ToString::to_string),
                manifest: evidence.manifest.to_string(),
                config: evidence.config.to_string(),
            }),
            plan: plan.map(|plan| plan.digest().to_string()),
            rows: rows(policy, evidence, examined, now),
            reasons: reasons.iter().map(|reason| Reason::new(policy, reason)).collect(),
            exception: plan.and_then(|plan| plan.exception.clone()),
            notes: notes(plan.map(|plan| plan.notes.as_slice()), evidence),
            trial: evidence.and_then(|evidence| evidence.trial.clone()),
        }
    }

    /// Whether the request may run.
    pub fn is_allowed(&self) -> bool {
        self.verdict == Outcome::Allowed
    }

    /// The plan's digest, where there is a plan.
    pub fn plan_digest(&self) -> Option<&str> {
        self.plan.as_deref()
    }

    /// The explanation as JSON, with the inputs' digests, byte spans and permanent codes.
    pub fn to_json(&self) -> serde_json::Value {
        // Plain data always has a JSON form.
        serde_json::to_value(self).unwrap_or(serde_json::Value::Null)
    }

    /// The explanation as text, with or without colour.
    pub fn to_text(&self, colour: bool) -> String {
        /// An approval fits.
        const USUAL: usize = 4096;
        let paint = Paint { colour };
        let mut text = String::with_capacity(USUAL);
        let verdict = match self.verdict {
            Outcome::Allowed => paint.ok("ALLOWED"),
            Outcome::Denied => paint.denied("DENIED "),
        };
        let tier = self.tier.as_deref().map_or_else(String::new, |tier| format!("  (tier {tier})"));
        let (name, digest) = (&self.policy.name, short(&self.policy.digest));
        // Writing into a string has no way to fail.
        let _ = writeln!(text, "{verdict}  {}{tier}   policy {name} {digest}\n", self.subject);
        for row in &self.rows {
            write_row(&mut text, row, paint);
        }
        let mut remedies: Vec<&str> =
            self.reasons.iter().filter_map(|reason| reason.remedy.as_deref()).collect();
        remedies.dedup();
        if !remedies.is_empty() {
            let _ = writeln!(text, "\n  To allow it: {}.", remedies.join("; "));
        }
        if let Some(exception) = &self.exception {
            let UsedException { id, reason, owner, until } = exception;
            let _ = writeln!(text, "\n  By the exception {id} until {until}: {reason} ({owner})");
        }
        for note in &self.notes {
            let _ = writeln!(text, "  note: {note}");
        }
        text
    }
}

/// One line with its end. By hand: padding through `format!` goes over every text twice.
fn write_row(out: &mut String, row: &Row, paint: Paint) {
    out.push_str("  ");
    write_padded(out, row.name, 13);
    out.push_str(&match row.state {
        State::Ok => paint.ok("ok    "),
        State::Denied => paint.denied("DENIED"),
    });
    out.push_str("  ");
    write_padded(out, &crate::refusal::shown_line(&row.text), 44);
    let mut separator = "  ";
    if let Some(enforcer) = &row.enforcer {
        out.extend([separator, "enforced by ", enforcer]);
        separator = ", ";
    }
    for place in &row.places {
        // Writing into a string has no way to fail.
        let _ = write!(out, "{separator}{place}");
        separator = ", ";
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
}

fn write_padded(out: &mut String, text: &str, width: usize) {
    out.push_str(text);
    out.extend(std::iter::repeat_n(' ', width.saturating_sub(text.chars().count())));
}

#[derive(Debug, Clone, Copy)]
struct Paint {
    colour: bool,
}

impl Paint {
    fn ok(self, word: &'static str) -> Cow<'static, str> {
        self.with("32", word)
    }

    fn denied(self, word: &'static str) -> Cow<'static, str> {
        self.with("1;31", word)
    }

    fn with(self, code: &str, word: &'static str) -> Cow<'static, str> {
        if self.colour { format!("\u{1b}[{code}m{word}\u{1b}[0m").into() } else { word.into() }
    }
}

fn short(digest: &str) -> String {
    digest.chars().take("sha256:".len().saturating_add(12)).collect()
}

fn subject(request: &Request, evidence: Option<&Evidence>) -> String {
    match &request.target {
        Target::Capability(name) => name.to_string(),
        Target::Service(name) => name.to_string(),
        Target::AdHoc => evidence.map_or_else(
            || "image".to_owned(),
            |evidence| match &evidence.repository {
                Some(repository) => format!("{repository}@{}", short(evidence.manifest.as_str())),
                None => short(evidence.manifest.as_str()),
            },
        ),
    }
}

impl Reason {
    fn new(policy: &Policy, reason: &DenyReason) -> Self {
        Self {
            code: reason.code.as_str(),
            kind: reason.code.kind(),
            row: reason.row,
            wanted: reason.wanted.clone(),
            found: reason.found.clone(),
            places: places(policy, &reason.spans),
            remedy: reason.remedy.clone(),
        }
    }
}

impl Row {
    const fn stated(name: &'static str, text: String, places: Vec<Place>) -> Self {
        Self { name, state: State::Ok, text, enforcer: None, places }
    }

    fn denied(policy: &Policy, reason: &DenyReason) -> Self {
        let text = format!("{}: {}", reason.wanted, reason.found);
        Self {
            name: reason.row,
            state: State::Denied,
            text,
            enforcer: None,
            places: places(policy, &reason.spans),
        }
    }

    fn held(line: &PlanLine) -> Self {
        Self {
            name: row_of(line.control),
            state: State::Ok,
            text: line.value.clone(),
            enforcer: Some(line.enforcer.clone()),
            places: Vec::new(),
        }
    }
}

fn places(policy: &Policy, spans: &[Span]) -> Vec<Place> {
    spans.iter().filter_map(|span| policy.place(*span)).collect()
}

/// Every line, in order: what is denied, what is known to be right, and what the backend holds.
fn rows(policy: &Policy, evidence: Option<&Evidence>, examined: &Examined, now: Timestamp) -> Vec<Row> {
    let (mut rows, lines): (Vec<Row>, &[PlanLine]) = match &examined.verdict {
        Verdict::Allow(plan) => (Vec::new(), &plan.lines),
        Verdict::Deny(denial) => {
            (denial.iter().map(|reason| Row::denied(policy, reason)).collect(), &examined.held)
        }
    };
    let mut stated = Vec::new();
    if let Some(evidence) = evidence {
        stated.push(Row::stated("image", signed_by(&evidence.signatures, now), Vec::new()));
    }
    if let Some((name, chain, span)) = &examined.tier {
        let chain: Vec<&str> = chain.iter().map(crate::names::TierName::as_str).collect();
        let text =
            if chain.len() > 1 { format!("{name} = {}", chain.join(" ∧ ")) } else { name.to_string() };
        stated.push(Row::stated("tier", text, places(policy, span.as_slice())));
    }
    if let Some((level, backend, version)) = &examined.backend {
        let version = if version.is_empty() { String::new() } else { format!(" {version}") };
        stated.push(Row::stated("isolation", format!("{level} ({backend}{version})"), Vec::new()));
    }
    stated.retain(|row| !rows.iter().any(|denied| denied.name == row.name));
    rows.extend(stated);
    rows.extend(lines.iter().map(Row::held));
    rows.sort_by_key(|row| ROWS.iter().position(|known| *known == row.name).unwrap_or(ROWS.len()));
    rows
}

/// `signed by acme-release, logged 2026-11-02T09:14Z, 19 days old`
fn signed_by(signatures: &[VerifiedSignature], now: Timestamp) -> String {
    let mut parts: Vec<String> = Vec::new();
    for signature in signatures {
        let earliest = signature.times.iter().map(|time| time.at).min();
        let time = earliest.and_then(|at| Some((at, Timestamp::from_second(at).ok()?)));
        let when = time.map_or_else(
            || ", without a verified time".to_owned(),
            |(at, stamp)| {
                let days = now.as_second().saturating_sub(at).checked_div(86_400).unwrap_or(0);
                let word = if signature.log.is_some() { "logged" } else { "stamped" };
                format!(", {word} {}, {days} days old", stamp.strftime("%Y-%m-%dT%H:%MZ"))
            },
        );
        parts.push(format!("signed by {}{when}", signature.signer));
    }
    parts.dedup();
    parts.join("; ")
}

fn notes(plan: Option<&[String]>, evidence: Option<&Evidence>) -> Vec<String> {
    let unchecked = evidence.into_iter().flat_map(|evidence| &evidence.not_checked);
    let trial = evidence.and_then(|evidence| evidence.trial.as_ref()).map(Trial::sentence);
    plan.unwrap_or_default().iter().chain(unchecked).cloned().chain(trial).collect()
}
