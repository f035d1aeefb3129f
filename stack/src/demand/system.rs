use perry_sandbox_compose::{Mapping, Node, Span, Value};
use perry_sandbox_policy::{FirstProcess, GroupId, OomScore, UtsName};

use super::asker::Asker;
use crate::model::{At, Service, integer};

pub(super) fn host_name(asker: &mut Asker<'_>, span: Span, node: &Node) {
    asker.demand.project.system.host_name = name(asker, "hostname", span, node);
}

pub(super) fn domain_name(asker: &mut Asker<'_>, span: Span, node: &Node) {
    asker.demand.project.system.domain_name = name(asker, "domainname", span, node);
}

/// Nothing where it is empty, or refused.
fn name(asker: &mut Asker<'_>, attribute: &str, span: Span, node: &Node) -> Option<UtsName> {
    let text = node.text().filter(|text| !text.is_empty())?;
    let name = text.parse();
    if let Err(error) = &name {
        asker.never(span, &format!("{attribute}: {text}"), &format!("{error}"), "write another name");
    }
    name.ok()
}

pub(super) fn hosts(asker: &mut Asker<'_>, _: Span, node: &Node) {
    for host in node.sequence().unwrap_or_default() {
        let text = host.text().unwrap_or_default();
        let attribute = format!("extra_hosts: {text}");
        match text.parse() {
            Ok(known) => asker.demand.project.system.hosts.push(known),
            Err(_) if text.ends_with("=host-gateway") => {
                let why = "nothing leads to the host";
                let instead = "run what it asks as a service, or grant egress to it";
                asker.never(host.span, &attribute, why, instead);
            }
            Err(error) => asker.never(host.span, &attribute, &format!("{error}"), "write `name=address`"),
        }
    }
}

pub(super) fn init(asker: &mut Asker<'_>, _: Span, node: &Node) {
    if matches!(node.value, Value::Bool(true)) {
        asker.demand.project.system.first = FirstProcess::Init;
    }
}

pub(super) fn sysctls(asker: &mut Asker<'_>, _: Span, node: &Node) {
    for (key, value) in node.mapping().into_iter().flat_map(Mapping::iter) {
        let text = format!("{}={}", key.name, value.text().unwrap_or_default());
        match text.parse() {
            Ok(sysctl) => asker.demand.project.system.sysctls.push(sysctl),
            Err(error) => {
                asker.never(key.span, &format!("sysctls: {text}"), &format!("{error}"), "leave it out");
            }
        }
    }
    asker.demand.project.system.sysctls.sort();
}

pub(super) fn groups(asker: &mut Asker<'_>, _: Span, node: &Node) {
    for group in node.sequence().unwrap_or_default() {
        let number = integer(group).and_then(|number| u32::try_from(number).ok());
        let attribute = || {
            let found = integer(group).map(|number| number.to_string());
            format!("group_add: {}", group.text().map_or(found.unwrap_or_default(), str::to_owned))
        };
        match number.map(GroupId::try_from) {
            None => {
                let why = "a name is looked up in the image's own list of groups, where it may be root's";
                asker.never(group.span, &attribute(), why, "write the group's number");
            }
            Some(Err(error)) => {
                asker.never(group.span, &attribute(), &format!("{error}"), "name another group");
            }
            Some(Ok(group)) => {
                asker.demand.project.system.groups.insert(group);
            }
        }
    }
}

pub(super) fn oom_score(asker: &mut Asker<'_>, span: Span, node: &Node) {
    let Some(number) = integer(node) else {
        return asker.never(
            span,
            "oom_score_adj",
            "it is no number",
            "write one from 1 to 1000, or leave it out",
        );
    };
    match OomScore::try_from(number) {
        Ok(score) => asker.demand.project.system.oom_score = Some(score),
        // What it is anyway.
        Err(_) if number == 0 => {}
        Err(error) => {
            asker.never(span, &format!("oom_score_adj: {number}"), &format!("{error}"), "leave it out");
        }
    }
}

/// By what a service calls itself others find it as well: its host's name, and with its domain's where there is one.
pub(super) fn names(service: &Service) -> Vec<At<String>> {
    let usable = |name: &&At<String>| name.value.parse::<UtsName>().is_ok();
    let Some(host) = service.hostname.as_ref().filter(usable) else { return Vec::new() };
    let domain = service.attributes.get("domainname").and_then(|(_, node)| node.text());
    let whole = domain.filter(|domain| domain.parse::<UtsName>().is_ok());
    let whole = whole.map(|domain| At::new(format!("{}.{domain}", host.value), host.span));
    [host.clone()].into_iter().chain(whole).collect()
}
