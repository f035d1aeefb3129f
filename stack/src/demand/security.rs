use perry_sandbox_compose::{Node, Span};
use perry_sandbox_policy::IsolationLevel;
use perry_sandbox_profiles::LinuxCap;

use super::asker::Asker;
use super::table::NOT_THE_HOSTS;
use crate::model::At;

pub(super) fn cap_add(asker: &mut Asker<'_>, _: Span, _: &Node) {
    let service = asker.service;
    for cap in &service.container.cap_add {
        let attribute = format!("cap_add: {}", cap.value);
        if cap.value.eq_ignore_ascii_case("ALL") {
            let why = "all Linux caps together are root on the host";
            asker.never(cap.span, &attribute, why, "name those that the program needs");
            continue;
        }
        match cap.value.to_ascii_uppercase().parse::<LinuxCap>() {
            Ok(cap) => {
                asker.demand.grants.linux_caps.insert(cap);
            }
            Err(error) => asker.never(cap.span, &attribute, &error.to_string(), "write a Linux cap's name"),
        }
    }
}

/// All are dropped always. What is named must not come back by what the policy's entry gives.
pub(super) fn cap_drop(asker: &mut Asker<'_>, _: Span, _: &Node) {
    let service = asker.service;
    let added = |cap: LinuxCap| {
        let mut names = service.container.cap_add.iter();
        names.any(|added| added.value.to_ascii_uppercase().parse() == Ok(cap))
    };
    for cap in &service.container.cap_drop {
        if cap.value.eq_ignore_ascii_case("ALL") {
            let all = LinuxCap::ALL.into_iter().filter(|cap| !added(*cap));
            asker.demand.must.without.extend(all.map(|one| At::new(one, cap.span)));
            continue;
        }
        match cap.value.to_ascii_uppercase().parse::<LinuxCap>() {
            Ok(one) => asker.demand.must.without.push(At::new(one, cap.span)),
            Err(error) => {
                let attribute = format!("cap_drop: {}", cap.value);
                asker.never(cap.span, &attribute, &error.to_string(), "write a Linux cap's name");
            }
        }
    }
}

/// The runtimes that have names of their own, by the wall that they are. Which program it is stays the policy's choice.
const RUNTIMES: [(&str, IsolationLevel); 9] = [
    ("runc", IsolationLevel::Oci),
    ("crun", IsolationLevel::Oci),
    ("youki", IsolationLevel::Oci),
    ("io.containerd.runc.v2", IsolationLevel::Oci),
    ("runsc", IsolationLevel::Gvisor),
    ("io.containerd.runsc.v1", IsolationLevel::Gvisor),
    ("kata", IsolationLevel::Microvm),
    ("kata-runtime", IsolationLevel::Microvm),
    ("io.containerd.kata.v2", IsolationLevel::Microvm),
];

/// A file may ask for a stronger wall than its tier would be held by, and never for a weaker one.
pub(super) fn runtime(asker: &mut Asker<'_>, span: Span, node: &Node) {
    let name = node.text().unwrap_or_default();
    match RUNTIMES.iter().find(|(known, _)| *known == name) {
        Some((_, level)) => asker.demand.must.isolation = Some(At::new(*level, span)),
        None => asker.not_yet(span, &format!("runtime: {name}"), "ask for a tier: `x-perry-tier`"),
    }
}

pub(super) fn read_only(asker: &mut Asker<'_>, _: Span, _: &Node) {
    asker.demand.must.read_only = asker.service.container.read_only.as_ref().map(|node| node.span);
}

pub(super) fn security_opt(asker: &mut Asker<'_>, _: Span, node: &Node) {
    for option in node.sequence().unwrap_or_default() {
        let text = option.text().unwrap_or_default();
        let attribute = format!("security_opt: {text}");
        let (name, value) = text.split_once(['=', ':']).unwrap_or((text, ""));
        match (name, value) {
            ("no-new-privileges", "" | "true") => {}
            ("no-new-privileges", _) => {
                asker.never(option.span, &attribute, "it always holds here", "leave it out");
            }
            ("seccomp" | "apparmor" | "systempaths", "unconfined") | ("label", "disable") => {
                asker.never(option.span, &attribute, "it takes a wall away", "leave it out");
            }
            ("seccomp", _) => {
                let instead = "name the profile in the policy: `[seccomp.NAME]`, and in the service's tier";
                asker.not_yet(option.span, &attribute, instead);
            }
            _ => asker.not_yet(option.span, &attribute, "leave it out"),
        }
    }
}

pub(super) fn pid(asker: &mut Asker<'_>, span: Span, node: &Node) {
    namespace(asker, span, "pid", node, &[]);
}

pub(super) fn ipc(asker: &mut Asker<'_>, span: Span, node: &Node) {
    namespace(asker, span, "ipc", node, &["private", "none"]);
}

pub(super) fn cgroup(asker: &mut Asker<'_>, span: Span, node: &Node) {
    namespace(asker, span, "cgroup", node, &["private"]);
}

fn namespace(asker: &mut Asker<'_>, span: Span, name: &str, node: &Node, own: &[&str]) {
    let mode = node.text().unwrap_or_default();
    let attribute = format!("{name}: {mode}");
    let (why, instead) = NOT_THE_HOSTS;
    if mode == "host" {
        asker.never(span, &attribute, why, instead);
    } else if !own.contains(&mode) {
        asker.not_yet(span, &attribute, instead);
    }
}
