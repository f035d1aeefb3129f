//! From a project whose services are all allowed to what the engine brings up.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::time::Duration;

use perry_sandbox_engine::{Desired, NetworkUnit, Project, StopHow, Unit, Until, VolumeUnit, Wait};
use perry_sandbox_pipeline::{AccessChoice, PolicyChoice, Probe, SignerChoice, Upkeep, Wish};
use perry_sandbox_policy::{NetworkName, WallTime};
use perry_sandbox_runner::{HealthCheck as Check, Restart as Again};

use crate::demand::{Demand, Demands};
use crate::judge::{Judged, Judgement};
use crate::model::{At, Condition, HealthCheck, Ipam, Restart, Service, Stack};
use crate::order::Order;

/// Failures in a row where nobody says.
const RETRIES: NonZeroU32 = NonZeroU32::MIN.saturating_add(2);

/// Who was asked, and what belongs to a project beside its files' words.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The policies.
    pub policy: &'a PolicyChoice,
    /// Who must have signed, beside them.
    pub signer: &'a SignerChoice,
    /// How registries are reached.
    pub access: &'a AccessChoice,
    /// A digest of where the project comes from.
    pub origin: &'a str,
    /// The hash of each service's part of the files.
    pub hashes: &'a BTreeMap<String, String>,
}

/// Why a service cannot be brought up, though it is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DesireError {
    /// The policy or the verifier says no.
    #[error("the service `{0}` is not allowed: see `perry-compose plan`")]
    NotAllowed(String),
    /// No signal.
    #[error(
        "the service `{service}` asks for the stop signal `{signal}`, which is none: write one as `SIGTERM` or `15`"
    )]
    Signal {
        /// The service.
        service: String,
        /// What it asks for.
        signal: String,
    },
}

/// What there is to be. Pure; every service must be allowed.
///
/// # Errors
/// A service is not, or asks for a signal that is none.
pub fn desire(
    stack: &Stack,
    demands: &Demands,
    order: &Order,
    judged: &[Judged],
    asked: Asked<'_>,
) -> Result<Desired, DesireError> {
    let judged: BTreeMap<&str, &Judged> = judged.iter().map(|one| (one.service.as_str(), one)).collect();
    let mut units = Vec::new();
    for name in order.start() {
        let not_allowed = || DesireError::NotAllowed(name.to_owned());
        let service = stack.services.get(name).ok_or_else(not_allowed)?;
        let demand = demands.services.get(name).ok_or_else(not_allowed)?;
        let verdict = judged.get(name).ok_or_else(not_allowed)?;
        units.extend(replicas(stack, service, demand, verdict, asked)?);
    }
    let used = |keys: fn(&Unit) -> &Vec<String>| -> BTreeSet<String> {
        units.iter().flat_map(keys).cloned().collect()
    };
    let (networks, volumes) = (used(|unit| &unit.networks), used(|unit| &unit.volumes));
    let external = |key: &String| key.parse::<NetworkName>().ok()?.external().map(str::to_owned);
    let external_networks = networks.iter().filter_map(external).collect();
    let networks = networks.into_iter().filter(|key| external(key).is_none()).map(|key| {
        let network = stack.networks.get(&key);
        let text = |of: fn(&Ipam) -> &Option<At<String>>| {
            network.and_then(|network| of(&network.ipam).as_ref()).map(|text| text.value.clone())
        };
        let (subnet, gateway, range) = (text(|it| &it.subnet), text(|it| &it.gateway), text(|it| &it.range));
        let called = network.and_then(|network| network.called(&stack.name, &key)).map(str::to_owned);
        NetworkUnit { key, called, subnet, gateway, range }
    });
    let owner = |key: &String| {
        demands.services.iter().find_map(|(service, demand)| {
            let own = demand.anonymous.contains(key).then_some(service);
            own.or_else(|| demand.borrowed.get(key)).cloned()
        })
    };
    Ok(Desired {
        project: Project { name: stack.name.clone(), origin: asked.origin.to_owned() },
        networks: networks.collect(),
        external_networks,
        volumes: volumes.into_iter().map(|key| VolumeUnit { service: owner(&key), key }).collect(),
        external_volumes: external_volumes(order, demands),
        units,
        services: stack.services.keys().cloned().collect(),
        none_of: stack
            .services
            .values()
            .filter(|service| service.replicas == 0)
            .map(|service| service.name.clone())
            .collect(),
    })
}

/// The volumes that services see and that are made elsewhere.
fn external_volumes(order: &Order, demands: &Demands) -> BTreeSet<String> {
    let services = order.start().filter_map(|name| demands.services.get(name));
    let volumes = services.flat_map(|demand| &demand.project.volumes);
    volumes.filter_map(|one| one.volume.external().map(str::to_owned)).collect()
}

fn replicas(
    stack: &Stack,
    service: &Service,
    demand: &Demand,
    verdict: &Judged,
    asked: Asked<'_>,
) -> Result<Vec<Unit>, DesireError> {
    let not_allowed = || DesireError::NotAllowed(service.name.clone());
    let Judgement::Allowed(allowed) = &verdict.judgement else { return Err(not_allowed()) };
    let wish =
        demand.wish((&verdict.pinned(), verdict.built.as_ref()), asked.policy, asked.signer, asked.access);
    // Whoever asks by these words again, from another environment, asks for the backend that the verdict was about.
    let wish = Wish { backend: Some(allowed.backend.clone()), ..wish.ok_or_else(not_allowed)? };
    let stop = StopHow {
        signal: stop_signal(service)?,
        grace: service.container.stop_grace.map(|grace| grace.value),
    };
    let unit = |replica: u32| Unit {
        service: service.name.clone(),
        replica,
        name: name(stack, service, replica),
        config: asked.hashes.get(&service.name).cloned().unwrap_or_default(),
        plan: allowed.plan.to_string(),
        wish: wish.clone(),
        upkeep: upkeep(service, demand),
        secrets: !service.secrets.is_empty(),
        stop,
        after: waits(service),
        beside: demand.project.networks.iter().find_map(|one| one.network.shared()).map(str::to_owned),
        borrows: demand.borrowed.values().cloned().collect::<BTreeSet<_>>().into_iter().collect(),
        networks: demand
            .project
            .networks
            .iter()
            .filter(|one| one.network.shared().is_none())
            .map(|one| one.network.key().to_owned())
            .collect(),
        volumes: demand
            .project
            .volumes
            .iter()
            .map(|one| &one.volume)
            .filter(|one| one.external().is_none())
            .map(ToString::to_string)
            .collect(),
    };
    Ok((1..=service.replicas).map(unit).collect())
}

/// The name that its file gives it, or docker compose's; nothing where a sandbox cannot have that.
fn name(stack: &Stack, service: &Service, replica: u32) -> Option<String> {
    let given = service.container_name.as_ref().map(|name| name.value.clone());
    let name = given.unwrap_or_else(|| format!("{}-{}-{replica}", stack.name, service.name));
    name.parse::<perry_sandbox_runner::SandboxName>().ok().map(|_| name)
}

fn stop_signal(service: &Service) -> Result<Option<i32>, DesireError> {
    let Some(text) = &service.container.stop_signal else { return Ok(None) };
    let signal = perry_sandbox_pipeline::signal_number(&text.value);
    let none = || DesireError::Signal { service: service.name.clone(), signal: text.value.clone() };
    signal.map(Some).ok_or_else(none)
}

/// What a service waits for.
pub fn waits(service: &Service) -> Vec<Wait> {
    let depends = service.depends_on.iter().map(|one| Wait {
        service: one.value.service.as_str().into(),
        until: match one.value.condition {
            Condition::Started => Until::Started,
            Condition::Healthy => Until::Healthy,
            Condition::Completed => Until::Completed,
        },
        required: one.value.required,
        restart: one.value.restart,
    });
    let needs = service.needs.iter().map(|(service, _)| Wait {
        service: service.as_str().into(),
        until: Until::Started,
        required: true,
        restart: false,
    });
    depends.chain(needs).collect()
}

fn upkeep(service: &Service, demand: &Demand) -> Upkeep {
    let restart = match service.restart.map_or(Restart::No, |restart| restart.value) {
        Restart::No => Again::No,
        Restart::OnFailure(most) => Again::OnFailure { most },
        Restart::Always | Restart::UnlessStopped => Again::Always,
    };
    let health = service.health.as_ref().and_then(|health| probe(&health.value));
    Upkeep { restart, health, log: demand.log }
}

fn probe(health: &HealthCheck) -> Option<Probe> {
    let command = health.command()?;
    let time = |time: Option<Duration>| {
        time.and_then(|time| WallTime::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)))
    };
    let check = Check {
        interval: time(health.interval).unwrap_or(WallTime::HEALTH_CHECK),
        timeout: time(health.timeout).unwrap_or(WallTime::HEALTH_CHECK),
        start_period: time(health.start_period),
        retries: health.retries.and_then(NonZeroU32::new).unwrap_or(RETRIES),
    };
    Some(Probe { command, check })
}
