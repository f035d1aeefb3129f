use std::num::NonZeroU32;

use perry_sandbox_compose::{Mapping, Node, Span};
use perry_sandbox_policy::{ByteSize, MilliCpu};

use super::asker::Asker;

pub(super) fn memory(asker: &mut Asker<'_>, _: Span, _: &Node) {
    let memory = asker.service.limits.memory.as_ref();
    asker.demand.limits.memory = memory.and_then(|memory| ByteSize::from_bytes(memory.value));
}

pub(super) fn cpus(asker: &mut Asker<'_>, _: Span, _: &Node) {
    let cpu = asker.service.limits.cpu.as_ref();
    asker.demand.limits.cpu = cpu.and_then(|cpu| NonZeroU32::new(cpu.value)).map(MilliCpu);
}

pub(super) fn pids(asker: &mut Asker<'_>, _: Span, _: &Node) {
    let pids = asker.service.limits.pids.as_ref();
    asker.demand.limits.pids = pids.and_then(|pids| NonZeroU32::new(pids.value));
}

pub(super) fn ulimits(asker: &mut Asker<'_>, _: Span, node: &Node) {
    for (key, _) in node.mapping().into_iter().flat_map(Mapping::iter).filter(|(key, _)| key.name != "nofile")
    {
        asker.not_yet(key.span, &format!("ulimits.{}", key.name), "leave it out");
    }
    let files = asker.service.limits.open_files.as_ref();
    asker.demand.limits.open_files = files.and_then(|files| NonZeroU32::new(files.value));
}
