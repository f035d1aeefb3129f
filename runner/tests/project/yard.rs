//! A data folder with an image, a runtime folder, and services of projects in them.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use perry_sandbox_policy::{Attachment, LaunchPlan, VolumeAccess, VolumeMount};
use perry_sandbox_runner::stock::{Labels, NewNetwork, NewVolume, OwnStock, StockName};
use perry_sandbox_runner::{
    Labels as SandboxLabels, LaunchError, NewSandbox, Outcome, SandboxId, Sandboxes, StartOptions, Streams,
    Surroundings, launch,
};

use crate::clock;
use crate::spine::{Spine, request, spine};

pub(super) struct Yard {
    pub(super) spine: Spine,
    pub(super) stock: OwnStock,
    pub(super) runtime: PathBuf,
}

/// What one service is to be given.
#[derive(Default)]
pub(super) struct Gives<'a> {
    /// Key and name in it.
    pub(super) networks: &'a [(&'a str, &'a str)],
    /// Key and what may be done.
    pub(super) volume: Option<(&'a str, VolumeAccess)>,
}

pub(super) fn yard() -> Yard {
    let spine = spine(&request(&["/bin/busybox", "true"]));
    let runtime = spine.scratch.path().join("live");
    let stock = OwnStock::new(spine.rootfs.store(), &runtime);
    Yard { spine, stock, runtime }
}

fn of(project: &str, key: &str) -> (StockName, Labels) {
    let labels = Labels::default().of_project(&project.parse().unwrap());
    (format!("{project}_{key}").parse().unwrap(), labels)
}

impl Yard {
    pub(super) fn network(&self, project: &str, key: &str) -> StockName {
        let (name, labels) = of(project, key);
        let new = NewNetwork { name: name.clone(), labels, internal: true, addresses: None };
        self.stock.create_network(&new).unwrap();
        name
    }

    pub(super) fn volume(&self, project: &str, key: &str) -> StockName {
        let (name, labels) = of(project, key);
        self.stock.create_volume(&NewVolume { name: name.clone(), labels }).unwrap();
        name
    }

    /// A plan of that service, which runs this line of the shell.
    pub(super) fn plan(&self, service: &str, gives: &Gives<'_>, line: &str) -> LaunchPlan {
        let mut plan = self.spine.plan.clone();
        plan.service = Some(service.parse().unwrap());
        plan.process.argv = ["/bin/busybox", "sh", "-c", line].map(str::to_owned).to_vec();
        let attachment = |(network, alias): &(&str, &str)| Attachment {
            aliases: vec![alias.parse().unwrap()],
            ..Attachment::to(network.parse().unwrap())
        };
        plan.networks = gives.networks.iter().map(attachment).collect();
        let mount = |(volume, access): (&str, VolumeAccess)| VolumeMount {
            volume: volume.parse().unwrap(),
            path: "/data".parse().unwrap(),
            access,
        };
        plan.volumes = gives.volume.map(mount).into_iter().collect();
        plan
    }

    pub(super) fn surroundings(&self) -> Surroundings<'_> {
        Surroundings {
            runtime: &self.runtime,
            trail: None,
            commands: None,
            secrets: None,
            window: (24, 80),
            clock,
            engines: None,
        }
    }

    pub(super) fn launch(&self, plan: &LaunchPlan) -> Result<Outcome, LaunchError> {
        let Spine { image, rootfs, .. } = &self.spine;
        launch(plan, image, rootfs, Streams::captured(), &self.surroundings())
    }

    /// What it writes.
    pub(super) fn said(&self, plan: &LaunchPlan) -> String {
        let outcome = self.launch(plan).unwrap();
        String::from_utf8([outcome.stdout, outcome.stderr].concat()).unwrap()
    }

    /// Those that outlive their caller.
    pub(super) fn sandboxes(&self) -> Sandboxes {
        let program = Path::new(env!("CARGO_BIN_EXE_perry-sandbox-launcher"));
        Sandboxes::open(&self.runtime).unwrap().with_program(program)
    }

    /// Starts one of those.
    pub(super) fn start(&self, plan: &LaunchPlan) -> SandboxId {
        self.try_start(plan).unwrap()
    }

    /// What one of those writes, once it has ended.
    pub(super) fn told(&self, plan: &LaunchPlan) -> String {
        let (sandboxes, id) = (self.sandboxes(), self.start(plan));
        sandboxes.wait(&id, Some(Duration::from_secs(60))).unwrap();
        self.log(&id)
    }

    /// What one of those has written so far.
    pub(super) fn log(&self, id: &SandboxId) -> String {
        let sandboxes = self.sandboxes();
        let chunks = sandboxes.logs(id, None, false).unwrap().map(|chunk| chunk.unwrap().bytes);
        String::from_utf8(chunks.collect::<Vec<_>>().concat()).unwrap()
    }

    /// Waits until one of those has written just this.
    pub(super) fn await_log(&self, id: &SandboxId, text: &str) {
        let begun = Instant::now();
        while self.log(id) != text {
            assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", self.log(id));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Starts one of those, or says why that is not possible.
    pub(super) fn try_start(&self, plan: &LaunchPlan) -> Result<SandboxId, String> {
        let sandboxes = self.sandboxes();
        let new = NewSandbox {
            name: None,
            labels: SandboxLabels::default(),
            image: "example.org/hello",
            plan,
            stop_signal: 15,
            request: b"",
        };
        let id = sandboxes.create(&new).unwrap();
        let Spine { image, rootfs, .. } = &self.spine;
        let started = sandboxes.start(&id, plan, image, rootfs, StartOptions::default());
        started.map(|()| id).map_err(|error| error.to_string())
    }

    /// Everybody in a network, by name, once that is so many.
    pub(super) fn await_members(&self, network: &StockName, count: usize) -> Vec<String> {
        let begun = Instant::now();
        loop {
            let members = self.stock.members(network).unwrap();
            if members.len() == count {
                return members.into_iter().flat_map(|(_, names)| names).collect();
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "{members:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Yard {
    /// A test that failed leaves no sandbox and no namespace behind either.
    fn drop(&mut self) {
        let sandboxes = self.sandboxes();
        for info in sandboxes.list(&perry_sandbox_runner::Filter::default()).unwrap_or_default() {
            sandboxes.remove(&info.id, true).ok();
        }
        for network in self.stock.networks().unwrap_or_default() {
            self.stock.remove_network(&network.name).ok();
        }
    }
}
