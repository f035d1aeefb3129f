//! From a wish to a verdict: policy, image, verifier, and policy again.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use perry_sandbox_image::{ImageConfig, ImageName, Source, Store};
use perry_sandbox_policy::{
    CommandLineSigner, Denial, Evidence, Explanation, HostFacts, ImageDefaults, ImageSubject, Policy,
    Request, Requirement, Terminal, TierName, Verdict, WantedGrants, WantedLimits, WantedProject,
    decide_requirement, explain,
};
use perry_sandbox_reference::{Platform, Repository};
use perry_sandbox_runner::Launcher;
use perry_sandbox_verifier::{CacheLimits, Clock, Named, Unverified, VerifiedImage, Verifier};

use crate::environment::Environment;
use crate::error::{Class, PipelineError};
use crate::host::{self, Host};
use crate::local::{LayoutQuestion, LocalImages, Looked};
use crate::policies::{LoadedPolicy, PolicyChoice};
use crate::policy_cache::PolicyCache;
use crate::signer::SignerChoice;
use crate::sources::{self, AccessChoice, Opened, in_time};
use crate::terms::Terms;
use crate::trust::LazyVerifier;
use crate::wish::{TargetChoice, Wish};

/// Everything that stays the same from one wish to the next.
#[derive(Debug)]
pub struct Pipeline {
    pub(crate) environment: Environment,
    pub(crate) store: Store,
    pub(crate) launcher: Option<Launcher>,
    pub(crate) host: Host,
    policies: PolicyCache,
    verifier: LazyVerifier,
    local: LocalImages,
}

/// A wish with its answer, and what the answer rests on.
#[derive(Debug)]
pub struct Asked<'a> {
    /// The policy that decided.
    pub policy: Arc<Policy>,
    /// The files that the policy was made of, and those of the caller's own signer.
    pub(crate) policy_files: Vec<PathBuf>,
    /// What was asked.
    pub request: Request,
    /// The image's name as given.
    pub image: String,
    /// When it was decided.
    pub now: Timestamp,
    /// What came of it.
    pub answer: Answer<'a>,
}

/// How far a wish came.
#[derive(Debug)]
pub enum Answer<'a> {
    /// The policy has no way to say yes, whatever the image is.
    NotAsked(Denial),
    /// The image is not what it should be.
    NotVerified(perry_sandbox_verifier::Denial),
    /// The image's content is not what its digests name.
    Broken(PipelineError),
    /// Everything is known and decided.
    Decided(Box<Decided<'a>>),
}

/// A decision about a verified image.
#[derive(Debug)]
pub struct Decided<'a> {
    /// The proof.
    pub verified: Arc<VerifiedImage>,
    /// Where its content comes from.
    pub source: Arc<dyn Source + 'a>,
    /// What its configuration asks for.
    pub config: Arc<ImageConfig>,
    /// The verdict.
    pub verdict: Verdict,
    /// The verdict line by line.
    pub explanation: Explanation,
}

impl Decided<'_> {
    /// What was proved.
    pub fn evidence(&self) -> &Evidence {
        self.verified.evidence()
    }
}

impl Pipeline {
    /// Opens the store, and makes it where it is not there yet.
    ///
    /// # Errors
    /// The store cannot be used.
    pub fn open(environment: Environment) -> Result<Self, PipelineError> {
        let store = Store::open(&environment.data_dir)?;
        let (verifier, local) = (LazyVerifier::on_disk(), LocalImages::new(CacheLimits::default()));
        Ok(Self {
            environment,
            store,
            launcher: None,
            host: Host::default(),
            policies: PolicyCache::default(),
            verifier,
            local,
        })
    }

    /// Verifies anew each time, and keeps no proofs.
    #[must_use]
    pub fn without_cache(self) -> Self {
        let verifier = LazyVerifier::in_memory(CacheLimits::none());
        Self { verifier, local: LocalImages::new(CacheLimits::none()), ..self }
    }

    /// Starts sandboxes by this launcher process instead of cloning the caller's own: for large and threaded programs.
    #[must_use]
    pub fn with_launcher(self, launcher: Launcher) -> Self {
        Self { launcher: Some(launcher), ..self }
    }

    /// The content store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Verifies images, and keeps proofs as long as they hold.
    pub fn verifier(&self) -> &Verifier {
        self.verifier.get(&self.environment)
    }

    /// What the environment decides.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The backend that the environment pins, if it does.
    pub fn pinned_backend(&self) -> Option<&str> {
        host::pinned(None, &self.host, &self.environment)
    }

    /// Opens the place that an image's name stands for.
    ///
    /// # Errors
    /// It cannot be opened; nothing was verified.
    pub fn source(&self, name: &ImageName, access: &AccessChoice) -> Result<Opened<'_>, PipelineError> {
        sources::open(name, access, &self.environment, &self.store)
    }

    /// Resolves an image and verifies it, all before the clock's deadline; the inner result is the verifier's "no".
    ///
    /// # Errors
    /// The image is not there, or not what its digests name.
    pub fn verify(
        &self,
        opened: &Opened<'_>,
        platform: &Platform,
        requirement: &Requirement,
        clock: Clock,
    ) -> Result<Result<Arc<VerifiedImage>, perry_sandbox_verifier::Denial>, PipelineError> {
        let Opened { source, wanted } = opened;
        let named = Named { source: source.as_ref(), wanted, platform, requirement, clock };
        match self.verifier().verify_named(named) {
            Ok(verified) => Ok(Ok(verified)),
            Err(Unverified::Denied(denial)) => Ok(Err(*denial)),
            Err(Unverified::Resolve(error)) => Err(error.into()),
        }
    }

    /// The policy of the choice, or nothing if none is named and there is no default policy.
    ///
    /// # Errors
    /// A file cannot be read, others can write it, it does not load, or it is not the one that is demanded.
    pub fn policy(&self, choice: &PolicyChoice) -> Result<Option<LoadedPolicy>, PipelineError> {
        self.policies.find(choice, &self.environment)
    }

    /// What policy and signer together demand of an image that is named by itself, as `[ad-hoc]` says: the very thing that a
    /// run of it would demand, deny list and all.
    ///
    /// # Errors
    /// There is neither policy nor signer, or the policy has no rule for the image.
    pub fn requirement_for_image(
        &self,
        choice: &PolicyChoice,
        signer: &SignerChoice,
        repository: Option<Repository>,
    ) -> Result<Requirement, PipelineError> {
        let asked = self.policy_of(choice, signer);
        if matches!(asked, Err(PipelineError::NoPolicy)) {
            return Err(PipelineError::NoSigner);
        }
        let (policy, _) = asked?;
        let request = Request {
            target: perry_sandbox_policy::Target::AdHoc,
            tier: None,
            args: Vec::new(),
            entrypoint: None,
            env: std::collections::BTreeMap::new(),
            grants: WantedGrants::default(),
            project: WantedProject::default(),
            limits: WantedLimits::default(),
            terminal: Terminal::None,
        };
        let required = decide_requirement(&policy, &request, &ImageSubject { repository });
        required.map(|required| required.requirement).map_err(|denial| {
            let reasons: Vec<_> = denial.iter().map(ToString::to_string).collect();
            PipelineError::NoRule { reasons: reasons.join("; ") }
        })
    }

    /// Takes a wish the whole way, at tier `what_if` where that is asked. Nothing runs, and no layer is fetched.
    ///
    /// # Errors
    /// A word of the wish, a file or the world is in the way; a "no" is an [`Answer`].
    pub fn ask(&self, wish: &Wish, what_if: Option<&TierName>) -> Result<Asked<'_>, PipelineError> {
        self.ask_under(wish, what_if, &Terms::default())
    }

    /// As [`Pipeline::ask`], for a program that joins the sandbox of the wish from time to time, as a health check does.
    ///
    /// # Errors
    /// As [`Pipeline::ask`].
    pub fn ask_for_probe(&self, wish: &Wish, command: &[String]) -> Result<Asked<'_>, PipelineError> {
        let wish = Wish { terminal: Terminal::None, ..wish.clone() };
        self.ask_under(&wish, None, &Terms { command: Some(command), ..Terms::default() })
    }

    /// As [`Pipeline::ask`], for a sandbox that is there already.
    pub(crate) fn ask_under(
        &self,
        wish: &Wish,
        what_if: Option<&TierName>,
        terms: &Terms<'_>,
    ) -> Result<Asked<'_>, PipelineError> {
        let (policy, policy_files) = self.policy_of(&wish.policy, &wish.signer)?;
        let (request, name) = wish.under(&policy)?;
        let (request, name) = (terms.request(request, &policy), terms.name(name));
        let policy = match what_if {
            Some(tier) => Arc::new(policy.what_if(&request.target, tier)),
            None => policy,
        };
        let policy = terms.profile.map_or(policy.clone(), |profile| Arc::new(policy.under_profile(profile)));
        let image = name.to_string();
        let now = Timestamp::now();
        let question = Question { policy: &policy, request: &request, name: &name, wish, terms, now };
        let answer = self.answer(&question).or_else(|error| {
            // Content that is not what its digest names says something about the image; everything else that breaks does not.
            if error.class() == Class::NotVerified { Ok(Answer::Broken(error)) } else { Err(error) }
        })?;
        Ok(Asked { policy, policy_files, request, image, now, answer })
    }

    /// The policy of files and signer together. A signer tightens a policy; alone it is one.
    fn policy_of(
        &self,
        choice: &PolicyChoice,
        named: &SignerChoice,
    ) -> Result<(Arc<Policy>, Vec<PathBuf>), PipelineError> {
        let log = named.log();
        let signer = named.signer()?.map(|signer| CommandLineSigner { signer, log });
        let loaded = self.policy(choice)?;
        let files = loaded.iter().flat_map(|loaded| loaded.seen.iter()).map(|seen| seen.path.clone());
        let files = files.chain(named.files().cloned()).collect();
        let policy = match (loaded, signer) {
            (Some(loaded), Some(signer)) => {
                Arc::new(Arc::unwrap_or_clone(loaded.policy).with_command_line_signer(signer))
            }
            (Some(loaded), None) => loaded.policy,
            (None, Some(signer)) => Arc::new(Policy::command_line(signer)),
            (None, None) => return Err(PipelineError::NoPolicy),
        };
        Ok((policy, files))
    }

    fn answer(&self, question: &Question<'_>) -> Result<Answer<'_>, PipelineError> {
        let Question { policy, request, name, wish, terms, now } = *question;
        if let Some(denial) = terms.refuse(request, policy) {
            return Ok(Answer::NotAsked(denial));
        }
        let repository =
            wish.repository.clone().or_else(|| name.reference().map(|it| it.repository().clone()));
        let required = match decide_requirement(policy, request, &ImageSubject { repository }) {
            Ok(required) => required,
            Err(denial) => return Ok(Answer::NotAsked(denial)),
        };
        let platform = wish.platform.clone().unwrap_or_else(Platform::host);
        let looked = match self.look(question, &platform, &required.requirement)? {
            Ok(looked) => looked,
            Err(denial) => return Ok(Answer::NotVerified(denial)),
        };
        let Looked { source, verified, config } = looked;
        terms.check(verified.image())?;
        let pinned = host::pinned(wish.backend.as_deref(), &self.host, &self.environment);
        let mut defaults = defaults(&config);
        own_words(wish, &mut defaults);
        if let Some(dir) = terms.working_dir {
            defaults.working_dir = Some(dir.to_owned());
        }
        let explained =
            |host: &HostFacts| explain(policy, request, verified.evidence(), &defaults, host, now);
        let far = || host::far(&self.host, pinned, &self.environment);
        let (mut verdict, mut explanation) = match pinned {
            Some(_) => explained(&far()?),
            None => explained(&host::near(&self.environment)),
        };
        if pinned.is_none() && host::others_matter(question, &verdict, &self.environment) {
            (verdict, explanation) = explained(&far()?);
        }
        Ok(Answer::Decided(Box::new(Decided { verified, source, config, verdict, explanation })))
    }

    /// Resolves and verifies; the inner result is the verifier's "no".
    fn look(
        &self,
        question: &Question<'_>,
        platform: &Platform,
        requirement: &Requirement,
    ) -> Result<Result<Looked<'_>, perry_sandbox_verifier::Denial>, PipelineError> {
        let name = question.name;
        sources::refuse_bundle(name, &question.wish.access)?;
        if let ImageName::Layout { dir, .. } = name {
            let clock = Clock::of(requirement, question.now);
            let access = &question.wish.access;
            return self
                .local
                .look(LayoutQuestion { name, dir, access, platform, requirement, clock }, &self.environment);
        }
        let opened = self.source(name, &question.wish.access)?;
        let clock = Clock::of(requirement, question.now);
        let verified = match self.verify(&opened, platform, requirement, clock)? {
            Ok(verified) => verified,
            Err(denial) => return Ok(Err(denial)),
        };
        let source = opened.source;
        let config = Arc::new(in_time(source.as_ref(), |source| verified.image().config(source))?);
        Ok(Ok(Looked { source, verified, config }))
    }
}

/// What is asked, before anything is read of the image.
pub(crate) struct Question<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) request: &'a Request,
    name: &'a ImageName,
    wish: &'a Wish,
    terms: &'a Terms<'a>,
    pub(crate) now: Timestamp,
}

/// What a service's file says in the place of the image's configuration.
///
/// SECURITY: of a service only. A capability's program is the policy's, and begins where its image says.
fn own_words(wish: &Wish, defaults: &mut ImageDefaults) {
    if !matches!(wish.target, TargetChoice::Service { .. }) {
        return;
    }
    for (own, wanted) in [(&mut defaults.user, &wish.user), (&mut defaults.working_dir, &wish.working_dir)] {
        if wanted.is_some() {
            own.clone_from(wanted);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_service_has_words_of_its_own_about_user_and_folder() {
        let said = |target: TargetChoice| {
            let own = Some("1000:1000".to_owned());
            let wish = Wish { user: own, working_dir: Some("/own".to_owned()), ..Wish::of(target) };
            let mut defaults = ImageDefaults { user: Some("7".to_owned()), ..ImageDefaults::default() };
            own_words(&wish, &mut defaults);
            (defaults.user.unwrap_or_default(), defaults.working_dir.unwrap_or_default())
        };
        let service =
            TargetChoice::Service { name: "shop/web".parse().unwrap(), image: "oci:image".to_owned() };
        assert_eq!(said(service), ("1000:1000".to_owned(), "/own".to_owned()));
        for other in
            [TargetChoice::Capability("check".to_owned()), TargetChoice::Image("oci:image".to_owned())]
        {
            assert_eq!(said(other), ("7".to_owned(), String::new()));
        }
    }
}
