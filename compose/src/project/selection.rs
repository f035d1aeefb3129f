use std::collections::{BTreeSet, HashSet};

use super::Project;
use super::build::sorted;
use crate::error::{Problem, Problems, Reason, shown};
use crate::node::{Mapping, Node};

impl Project {
    /// Sets the services apart that have profiles of which none was asked for.
    pub(super) fn apply_profiles(&mut self) {
        let asked: HashSet<String> = self.profiles.iter().cloned().collect();
        let disabled = std::mem::take(&mut self.disabled);
        let Some(services) = self.services_mut() else { return };
        let all = std::mem::take(services).into_iter().chain(disabled);
        let (enabled, apart): (Vec<_>, Vec<_>) = all.partition(|(_, service)| {
            let mut own = profiles(service).peekable();
            own.peek().is_none() || asked.contains("*") || own.any(|profile| asked.contains(profile))
        });
        *services = enabled.into_iter().collect();
        self.disabled = apart.into_iter().collect();
    }

    /// Asks for the profiles of services that are named and set apart.
    pub fn enable(&mut self, names: &[String]) {
        let more: Vec<String> = names
            .iter()
            .filter_map(|name| self.disabled.get(name))
            .flat_map(|service| profiles(service).map(str::to_owned).collect::<Vec<_>>())
            .collect();
        if !more.is_empty() {
            self.profiles.extend(more);
            self.apply_profiles();
        }
    }

    /// Keeps the named services and those that they depend on; all, if none is named.
    ///
    /// # Errors
    /// A name that no service has.
    pub fn select(&mut self, names: &[String]) -> Result<(), Problems> {
        if names.is_empty() {
            return Ok(());
        }
        let mut wanted: BTreeSet<String> = BTreeSet::new();
        let mut missing = Vec::new();
        let mut left: Vec<(String, bool)> = names.iter().map(|name| (name.clone(), true)).collect();
        while let Some((name, required)) = left.pop() {
            match self.services().get(&name) {
                Some(service) if wanted.insert(name.clone()) => {
                    left.extend(dependencies(service).map(|(name, required)| (name.to_owned(), required)));
                }
                None if required => {
                    missing.push(self.no_service(&name));
                }
                Some(_) | None => {}
            }
        }
        if !missing.is_empty() {
            return Err(Problems::new(missing, self.sources.clone()));
        }
        if let Some(services) = self.services_mut() {
            let (kept, apart): (Vec<_>, Vec<_>) =
                std::mem::take(services).into_iter().partition(|(key, _)| wanted.contains(&key.name));
            *services = kept.into_iter().collect();
            for (_, service) in services.iter_mut() {
                if let Some(depends) = service.get_mut("depends_on").and_then(Node::mapping_mut) {
                    depends.retain(|key, _| wanted.contains(&key.name));
                }
            }
            self.disabled = std::mem::take(&mut self.disabled).into_iter().chain(apart).collect();
        }
        Ok(())
    }

    /// There is none of this name, or none by the profiles that are active.
    fn no_service(&self, name: &str) -> Problem {
        let message = format!("no such service: `{}`", shown(name));
        let mut problem = Problem::nowhere(Reason::UndefinedService, message);
        if self.disabled.get(name).is_some_and(|service| profiles(service).next().is_some()) {
            problem.message.push_str(": none of its profiles is active");
            return problem.help("name one of its profiles by `--profile`");
        }
        problem.did_you_mean(name, self.services().iter().map(|(key, _)| key.name.as_str()))
    }

    /// Drops networks, volumes, secrets, configs and models that no service uses.
    pub fn drop_unused(&mut self) {
        let mut used: HashSet<(&'static str, String)> = HashSet::new();
        let mut add = |section, name: Option<&str>| {
            if let Some(name) = name {
                used.insert((section, name.to_owned()));
            }
        };
        for (_, service) in self.services().iter() {
            for section in ["networks", "models"] {
                for (key, _) in
                    service.get(section).and_then(Node::mapping).into_iter().flat_map(Mapping::iter)
                {
                    add(section, Some(&key.name));
                }
            }
            for volume in items(service.get("volumes")) {
                if volume.get("type").and_then(Node::text) == Some("volume") {
                    add("volumes", source(volume));
                }
            }
            let of_build = service.get("build").and_then(|build| build.get("secrets"));
            for secret in items(service.get("secrets")).iter().chain(items(of_build)) {
                add("secrets", source(secret));
            }
            for config in items(service.get("configs")) {
                add("configs", source(config));
            }
        }
        for section in ["networks", "volumes", "secrets", "configs", "models"] {
            if let Some(entries) = self.model.get_mut(section).and_then(Node::mapping_mut) {
                entries.retain(|key, _| used.contains(&(section, key.name.clone())));
                if entries.is_empty()
                    && let Some(model) = self.model.mapping_mut()
                {
                    model.remove(section);
                }
            }
        }
    }

    /// All profiles that services have, in order.
    pub fn all_profiles(&self) -> BTreeSet<String> {
        let all = self.services().iter().chain(self.disabled.iter());
        all.flat_map(|(_, service)| profiles(service)).map(str::to_owned).collect()
    }

    /// The names of all services, also of those that are set apart.
    pub fn all_service_names(&self) -> BTreeSet<String> {
        self.services().iter().chain(self.disabled.iter()).map(|(key, _)| key.name.clone()).collect()
    }

    /// The services' names, each behind those that it depends on.
    pub fn service_names(&self) -> Vec<String> {
        let mut done: Vec<String> = Vec::new();
        let mut seen: HashSet<&str> = HashSet::new();
        for (name, _) in sorted(self.services()) {
            // Depth first; `true`: all that it depends on is done.
            let mut stack = vec![(name, false)];
            while let Some((name, ready)) = stack.pop() {
                if ready {
                    done.push(name.to_owned());
                } else if let Some(service) = self.services().get(name)
                    && seen.insert(name)
                {
                    stack.push((name, true));
                    let mut needed: Vec<_> = dependencies(service).map(|(name, _)| (name, false)).collect();
                    needed.sort_unstable_by(|a, b| b.cmp(a));
                    stack.extend(needed);
                }
            }
        }
        done
    }
}

fn profiles(service: &Node) -> impl Iterator<Item = &str> {
    items(service.get("profiles")).iter().filter_map(Node::text)
}

fn items(node: Option<&Node>) -> &[Node] {
    node.and_then(Node::sequence).unwrap_or_default()
}

fn source(node: &Node) -> Option<&str> {
    node.get("source").and_then(Node::text)
}

/// What a service depends on, and whether it must be there.
pub(crate) fn dependencies(service: &Node) -> impl Iterator<Item = (&str, bool)> {
    let depends = service.get("depends_on").and_then(Node::mapping).into_iter().flat_map(Mapping::iter);
    depends.map(|(key, dependency)| {
        let required = dependency.get("required").is_some_and(|required| required.printed() == "true");
        (key.name.as_str(), required)
    })
}
