//! The way from flags to a verdict, for every command that asks for one: policy, image, verifier, policy.

use jiff::Timestamp;
use perry_sandbox_image::{ImageConfig, ImageName, ResolvedImage, Store, resolve};
use perry_sandbox_policy::{
    CommandLineSigner, Denial, DenyKind, Evidence, Explanation, ImageDefaults, ImageSubject, LogRule, Policy,
    Request, Terminal, TierName, Verdict, decide_requirement, explain,
};
use perry_sandbox_reference::Platform;
use perry_sandbox_verifier::{Clock, VerifiedImage, verify};

use crate::args::RequestArgs;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::request::{Wish, wish};
use crate::sources::{Opened, open_source};
use crate::stop::{self, Stop};
use crate::{host, policies, signer};

/// How far a request came.
pub(crate) enum Answer<'store> {
    /// The policy has no way to say yes, whatever the image is.
    NotAsked(Denial),
    /// The image is not what it should be.
    NotVerified(perry_sandbox_verifier::Denial),
    /// The image's content is not what its digests name.
    Broken(anyhow::Error),
    /// Everything is known and decided.
    Decided(Box<Decided<'store>>),
}

/// A request with its answer, and what the answer rests on.
pub(crate) struct Asked<'store> {
    /// The policy that decided.
    pub(crate) policy: Policy,
    /// What was asked.
    pub(crate) request: Request,
    /// The image's name as given.
    pub(crate) image: String,
    /// When it was decided.
    pub(crate) now: Timestamp,
    /// What came of it.
    pub(crate) answer: Answer<'store>,
}

/// A decision about a verified image.
pub(crate) struct Decided<'store> {
    /// The proof.
    pub(crate) verified: VerifiedImage,
    /// Where its content comes from.
    pub(crate) opened: Opened<'store>,
    /// What its configuration asks for.
    pub(crate) config: ImageConfig,
    /// The verdict.
    pub(crate) verdict: Verdict,
    /// The verdict line by line.
    pub(crate) explanation: Explanation,
}

impl Decided<'_> {
    /// What was proved.
    pub(crate) fn evidence(&self) -> &Evidence {
        self.verified.evidence()
    }
}

/// Takes a request the whole way, at tier `what_if` where that is asked. Nothing runs, and no layer is fetched.
///
/// # Errors
/// A flag, a file or the world is in the way; a "no" is an [`Answer`].
pub(crate) fn ask<'store>(
    args: &RequestArgs,
    what_if: Option<&TierName>,
    terminal: Terminal,
    environment: &Environment,
    store: &'store Store,
) -> anyhow::Result<Asked<'store>> {
    let policy = policy(args, environment)?;
    let Wish { request, image: name } = wish(args, &policy, terminal)?;
    let policy = match what_if {
        Some(tier) => policy.what_if(&request.target, tier),
        None => policy,
    };
    let image = name.to_string();
    let now = Timestamp::now();
    let question = Question { policy: &policy, request: &request, name: &name, now };
    let answer = question.answer(args, environment, store).or_else(|error| {
        // Content that is not what its digest names says something about the image; everything else that breaks does not.
        if stop::exit_of(&error) == Exit::NotVerified { Ok(Answer::Broken(error)) } else { Err(error) }
    })?;
    Ok(Asked { policy, request, image, now, answer })
}

/// What is asked, before anything is read of the image.
struct Question<'a> {
    policy: &'a Policy,
    request: &'a Request,
    name: &'a ImageName,
    now: Timestamp,
}

impl Question<'_> {
    fn answer<'store>(
        &self,
        args: &RequestArgs,
        environment: &Environment,
        store: &'store Store,
    ) -> anyhow::Result<Answer<'store>> {
        let Self { policy, request, name, now } = *self;
        let repository =
            args.repository.clone().or_else(|| name.reference().map(|it| it.repository().clone()));
        let required = match decide_requirement(policy, request, &ImageSubject { repository }) {
            Ok(required) => required,
            Err(denial) => return Ok(Answer::NotAsked(denial)),
        };
        let opened = open_source(name, &args.access, environment, store)?;
        let source = opened.source.as_ref();
        let platform = args.platform.clone().unwrap_or_else(Platform::host);
        let resolved: ResolvedImage = resolve(source, &opened.wanted, &platform)?;
        let verified = match verify(source, &resolved, &required.requirement, Clock::at(now)) {
            Ok(verified) => verified,
            Err(denial) => return Ok(Answer::NotVerified(denial)),
        };
        let config = resolved.config(source)?;
        let host = host::facts(args.backend.as_deref(), environment)?;
        let (verdict, explanation) =
            explain(policy, request, verified.evidence(), &defaults(&config), &host, now);
        Ok(Answer::Decided(Box::new(Decided { verified, opened, config, verdict, explanation })))
    }
}

/// The exit code of a denial: what was verified is not enough, the host cannot do it, or the policy says no. A "no" of
/// the policy goes first, since no other host or signature would change it.
pub(crate) fn exit_of(denial: &Denial) -> Exit {
    let has = |kind| denial.iter().any(|reason| reason.code.kind() == kind);
    if has(DenyKind::Policy) {
        Exit::Denied
    } else if has(DenyKind::NotVerified) {
        Exit::NotVerified
    } else {
        Exit::NotAvailable
    }
}

/// The policy of files and flags together. A signer on the command line tightens a policy; alone it is one.
fn policy(args: &RequestArgs, environment: &Environment) -> anyhow::Result<Policy> {
    let log = if args.signer.require_log { LogRule::Required } else { LogRule::Optional };
    let signer = signer::signer(&args.signer)?.map(|signer| CommandLineSigner { signer, log });
    match (policies::find(&args.policy, environment)?, signer) {
        (Some(policy), Some(signer)) => Ok(policy.with_command_line_signer(signer)),
        (Some(policy), None) => Ok(policy),
        (None, Some(signer)) => Ok(Policy::command_line(signer)),
        (None, None) => Err(Stop::with(
            Exit::Denied,
            "denied: there is no policy and no signer, so nothing may run; say who must have signed (--key, or --certificate-identity with --certificate-oidc-issuer), or name a policy (--policy)",
        )),
    }
}

fn defaults(config: &ImageConfig) -> ImageDefaults {
    ImageDefaults {
        entrypoint: config.entrypoint.clone(),
        cmd: config.cmd.clone(),
        env: config.env.clone(),
        working_dir: config.working_dir.clone(),
        user: config.user.clone(),
    }
}
