//! Images in layout folders: looked at each time, and read again only where one of their files has changed.
//!
//! A layout's signatures are at hand, and whoever breaks one expects to see it; a library caller asks about the same
//! layout thousands of times. So the answer is kept together with the stamps of every file that it rests on.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use perry_sandbox_image::{FileStamp, ImageConfig, ImageName, Layout, ResolvedImage, Source, resolve};
use perry_sandbox_policy::Requirement;
use perry_sandbox_reference::Platform;
use perry_sandbox_verifier::{CacheLimits, Clock, Denial, VerifiedImage};

use crate::environment::Environment;
use crate::error::PipelineError;
use crate::files::is_settled;
use crate::sources::{AccessChoice, open_layout};
use crate::trust::LazyVerifier;

/// More layouts than one program has in use.
const MOST: usize = 64;

/// What is known about an image before the policy decides.
#[derive(Debug)]
pub(crate) struct Looked<'a> {
    pub(crate) source: Arc<dyn Source + 'a>,
    pub(crate) verified: Arc<VerifiedImage>,
    pub(crate) config: Arc<ImageConfig>,
}

/// Layouts that were looked at, the oldest first.
#[derive(Debug)]
pub(crate) struct LocalImages {
    kept: Mutex<Vec<Arc<Kept>>>,
    verifier: LazyVerifier,
}

#[derive(Debug)]
struct Kept {
    name: ImageName,
    platform: Platform,
    requirement: Requirement,
    scanned: bool,
    read: Vec<(PathBuf, FileStamp)>,
    layout: Arc<Layout>,
    image: ResolvedImage,
    config: Arc<ImageConfig>,
}

/// One question about a layout.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LayoutQuestion<'a> {
    pub(crate) name: &'a ImageName,
    pub(crate) dir: &'a Path,
    pub(crate) access: &'a AccessChoice,
    pub(crate) platform: &'a Platform,
    pub(crate) requirement: &'a Requirement,
    pub(crate) clock: Clock,
}

impl LocalImages {
    /// With a verifier of its own, that keeps no proofs on disk.
    pub(crate) fn new(limits: CacheLimits) -> Self {
        Self { kept: Mutex::default(), verifier: LazyVerifier::in_memory(limits) }
    }

    /// Looks at the image; the inner result is the verifier's "no".
    pub(crate) fn look(
        &self,
        question: LayoutQuestion<'_>,
        environment: &Environment,
    ) -> Result<Result<Looked<'static>, Denial>, PipelineError> {
        let desk = self.verifier.get(environment);
        if let Some(kept) = self.unchanged(question) {
            let proof = desk.verify(kept.layout.as_ref(), &kept.image, question.requirement, question.clock);
            return Ok(proof.map(|verified| kept.looked(verified)));
        }
        // What was proved of files that are others now is not asked for again.
        desk.forget();
        let layout = Arc::new(open_layout(question.dir, question.access)?);
        let image = resolve(layout.as_ref(), &question.name.wanted(), question.platform)?;
        let proof = desk.verify(layout.as_ref(), &image, question.requirement, question.clock);
        let verified = match proof {
            Ok(verified) => verified,
            Err(denial) => return Ok(Err(denial)),
        };
        let config = Arc::new(image.config(layout.as_ref())?);
        let kept = Arc::new(Kept {
            name: question.name.clone(),
            platform: question.platform.clone(),
            requirement: question.requirement.clone(),
            scanned: question.access.scan_layouts,
            read: layout.read(),
            layout,
            image,
            config,
        });
        self.keep(&kept);
        Ok(Ok(kept.looked(verified)))
    }

    fn unchanged(&self, question: LayoutQuestion<'_>) -> Option<Arc<Kept>> {
        let kept = {
            let all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            all.iter().find(|kept| kept.answers(question)).cloned()?
        };
        kept.layout.is_as_it_was(&kept.read).then_some(kept)
    }

    fn keep(&self, new: &Arc<Kept>) {
        let mut all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|kept| {
            kept.name != new.name || kept.platform != new.platform || kept.requirement != new.requirement
        });
        if new.read.iter().all(|(_, stamp)| is_settled(stamp)) {
            if all.len() >= MOST {
                all.remove(0);
            }
            all.push(Arc::clone(new));
        }
    }
}

impl Kept {
    fn answers(&self, question: LayoutQuestion<'_>) -> bool {
        self.name == *question.name
            && self.platform == *question.platform
            && self.requirement == *question.requirement
            && self.scanned == question.access.scan_layouts
    }

    fn looked(&self, verified: Arc<VerifiedImage>) -> Looked<'static> {
        let source: Arc<dyn Source> = self.layout.clone();
        Looked { source, verified, config: Arc::clone(&self.config) }
    }
}
