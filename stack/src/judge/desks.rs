use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use perry_sandbox_pipeline::{
    AccessChoice, Answer, Asked, Class, Pipeline, PolicyChoice, SignerChoice, Wish,
};
use perry_sandbox_policy::{Explanation, Verdict};
use perry_sandbox_reference::Repository;
use perry_sandbox_verifier::DenialClass;

use super::must::unlike;
use super::{Allowed, Built, Judged, Judgement, Signed};
use crate::demand::{Demand, Demands};
use crate::lock::Lock;

/// Services that are asked about at once: most of the time is a registry's.
const MOST_AT_ONCE: usize = 8;

/// Who is asked, and under what.
#[derive(Debug, Clone, Copy)]
pub struct Desks<'a> {
    /// The way past the desks.
    pub pipeline: &'a Pipeline,
    /// The policies.
    pub policy: &'a PolicyChoice,
    /// Who must have signed, beside them.
    pub signer: &'a SignerChoice,
    /// How registries are reached.
    pub access: &'a AccessChoice,
    /// Which digests images had when they were locked.
    pub lock: Option<&'a Lock>,
    /// The services whose images are built here, by name.
    pub built: &'a BTreeMap<String, Built>,
}

/// Asks about every service that is not refused anyway. Nothing runs, and nothing of the world changes; the verdicts come
/// in the order of the services' names.
pub fn judge(desks: Desks<'_>, demands: &Demands) -> Vec<Judged> {
    let services: Vec<(&String, &Demand)> =
        demands.services.iter().filter(|(_, demand)| demand.refused.is_empty()).collect();
    // It is kept then. What is wrong with it each service says; without this every thread would read it before the first has.
    drop(desks.pipeline.policy(desks.policy));
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some((name, demand)) = services.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push(one(desks, name, demand));
        }
        done
    };
    let mut judged: Vec<Judged> = thread::scope(|scope| {
        // This thread is one of them, and perhaps the only one that there is to be had.
        let others = 1..services.len().min(MOST_AT_ONCE);
        let others: Vec<_> =
            others.map_while(|_| thread::Builder::new().spawn_scoped(scope, work).ok()).collect();
        let own = catch_unwind(AssertUnwindSafe(work)).unwrap_or_default();
        let others = others.into_iter().filter_map(|worker| worker.join().ok()).flatten();
        own.into_iter().chain(others).collect()
    });
    // A check that broke off has said nothing, and nothing is no "yes".
    let done: BTreeSet<String> = judged.iter().map(|one| one.service.clone()).collect();
    for (name, _) in services.iter().filter(|(name, _)| !done.contains(*name)) {
        judged.push(failed(name, String::new(), Class::Failure, "its check broke off".to_owned()));
    }
    judged.sort_by(|a, b| a.service.cmp(&b.service));
    judged
}

fn one(desks: Desks<'_>, service: &str, demand: &Demand) -> Judged {
    let (image, repository) = match image_of(desks, service, demand) {
        Ok(found) => found,
        Err(judgement) => return without_image(service, judgement),
    };
    let Some(wish) = demand.wish((&image, repository.as_ref()), desks.policy, desks.signer, desks.access)
    else {
        return failed(service, image, Class::Denied, "its file is refused".to_owned());
    };
    let asked = desks.pipeline.ask(&wish, None).and_then(|asked| {
        desks.pipeline.check_mounts(&asked)?;
        Ok(asked)
    });
    // What is built here is in no lock.
    let written = demand.image.as_ref().filter(|_| repository.is_none()).map(|image| image.value.as_str());
    let judged = match asked {
        Ok(asked) => Judged { built: repository, ..answered(service, image, demand, asked) },
        Err(error) => return failed(service, image, error.class(), error.to_string()),
    };
    let signers = judged.signed.as_ref().map(|signed| signed.signers.as_slice());
    let other = desks
        .lock
        .zip(written)
        .zip(signers)
        .and_then(|((lock, written), signers)| lock.other_signers(written, signers));
    if let Some(why) = other {
        return Judged { judgement: Judgement::NotVerified(why), ..judged };
    }
    match &demand.probe {
        Some(command) if judged.judgement.is_allowed() => probed(desks, &wish, command, judged),
        Some(_) | None => judged,
    }
}

/// The image that is asked about: the one that was built here where the policy grants that, else the one that is named.
fn image_of(
    desks: Desks<'_>,
    service: &str,
    demand: &Demand,
) -> Result<(String, Option<Repository>), Judgement> {
    let written = demand.image.as_ref().map(|image| image.value.as_str());
    match (desks.built.get(service), written) {
        (Some(Built::Here { image, repository }), _) => Ok((image.clone(), Some(repository.clone()))),
        (Some(Built::NotYet), _) => {
            let text = format!("it is not built yet: run `perry-compose build {service}`, or `up --build`");
            Err(Judgement::Failed(Class::NotFound, text))
        }
        (Some(Built::Denied(reasons)), None) => Err(Judgement::Denied(reasons.clone())),
        (Some(Built::Denied(_)) | None, Some(written)) => {
            let Some(lock) = desks.lock else { return Ok((written.to_owned(), None)) };
            // SECURITY: whoever may change the files only must not get another image run than those that were locked.
            if !lock.images.contains_key(written) {
                let why = format!(
                    "`perry-compose.lock` does not have `{written}`, and no others are run: if it is meant, write it down by `perry-compose lock`"
                );
                return Err(Judgement::NotVerified(why));
            }
            Ok((lock.pinned(written).unwrap_or_else(|| written.to_owned()), None))
        }
        (None, None) => Err(Judgement::Failed(Class::NotFound, "it has no image".to_owned())),
    }
}

/// The verdict of a service whose health check is asked about too: it must be allowed as any program that joins.
fn probed(desks: Desks<'_>, wish: &Wish, command: &[String], judged: Judged) -> Judged {
    let answer = desks.pipeline.ask_for_probe(wish, command).map(|asked| asked.answer);
    let judgement = match answer {
        Ok(Answer::Decided(decided)) => match decided.verdict {
            Verdict::Allow(_) => return judged,
            Verdict::Deny(denial) => Judgement::Denied(denial.into()),
        },
        Ok(Answer::NotAsked(denial)) => Judgement::Denied(denial.into()),
        Ok(Answer::NotVerified(denial)) => Judgement::NotVerified(denial.to_string()),
        Ok(Answer::Broken(error)) | Err(error) => Judgement::Failed(error.class(), error.to_string()),
    };
    Judged { judgement, ..judged }
}

fn answered(service: &str, image: String, demand: &Demand, asked: Asked<'_>) -> Judged {
    let Asked { policy, request, now, answer, .. } = asked;
    let service = service.to_owned();
    match answer {
        Answer::NotAsked(denial) => {
            let explanation = Some(Explanation::of_denial(&policy, &request, &denial, now));
            let judgement = Judgement::Denied(denial.into());
            Judged { service, image, built: None, signed: None, judgement, explanation }
        }
        Answer::NotVerified(denial) => {
            let judgement = match denial.class {
                DenialClass::NotVerified => Judgement::NotVerified(denial.to_string()),
                DenialClass::Failure => Judgement::Failed(Class::Failure, denial.to_string()),
            };
            Judged { service, image, built: None, signed: None, judgement, explanation: None }
        }
        Answer::Broken(error) => failed(&service, image, error.class(), error.to_string()),
        Answer::Decided(decided) => {
            let evidence = decided.evidence();
            let signers = evidence.signers().into_iter().map(String::from).collect();
            let signed = Some(Signed { digest: evidence.top.clone(), signers });
            let judgement = match decided.verdict {
                Verdict::Deny(denial) => Judgement::Denied(denial.into()),
                Verdict::Allow(plan) => {
                    let unlike = unlike(&service, demand, &plan);
                    if unlike.is_empty() {
                        Judgement::Allowed(Allowed { plan: plan.digest(), backend: plan.backend.to_string() })
                    } else {
                        Judgement::Unlike(unlike)
                    }
                }
            };
            Judged { service, image, built: None, signed, judgement, explanation: Some(decided.explanation) }
        }
    }
}

fn failed(service: &str, image: String, class: Class, message: String) -> Judged {
    Judged { image, ..without_image(service, Judgement::Failed(class, message)) }
}

fn without_image(service: &str, judgement: Judgement) -> Judged {
    let (service, image) = (service.to_owned(), String::new());
    Judged { service, image, built: None, signed: None, judgement, explanation: None }
}
