use std::num::NonZeroU32;

use perry_sandbox_compose::{Mapping, Node, Span};
use perry_sandbox_policy::{ByteSize, MilliCpu};

use super::asker::Asker;
use crate::model::integer;

pub(super) fn memory(asker: &mut Asker<'_>, _: Span, _: &Node) {
    let memory = asker.service.limits.memory.as_ref();
    asker.demand.limits.memory = memory.and_then(|memory| ByteSize::from_bytes(memory.value));
}

pub(super) fn cpus(asker: &mut Asker<'_>, _: Span, _: &Node) {
    let cpu = asker.service.limits.cpu.as_ref();
    asker.demand.limits.cpu = cpu.and_then(|cpu| NonZeroU32::new(cpu.value)).map(MilliCpu);
}

pub(super) fn cpu_period(asker: &mut Asker<'_>, span: Span, _: &Node) {
    if !asker.service.attributes.contains_key("cpu_quota") {
        asker.not_yet(span, "cpu_period", "write `cpu_quota` beside it, or `cpus` instead of both");
    }
}

/// Memory and swap together. A sandbox swaps nothing, so whoever wants more than memory does not get it.
pub(super) fn memswap(asker: &mut Asker<'_>, span: Span, node: &Node) {
    let found = integer(node).unwrap_or(-1);
    let memory = asker.service.limits.memory.as_ref().and_then(|memory| i64::try_from(memory.value).ok());
    if memory != Some(found) {
        asker.not_yet(
            span,
            &format!("memswap_limit: {found}"),
            "write as much as `mem_limit`, or leave it out: nothing is swapped",
        );
    }
}

pub(super) fn pids(asker: &mut Asker<'_>, _: Span, _: &Node) {
    let pids = asker.service.limits.pids.as_ref();
    asker.demand.limits.pids = pids.and_then(|pids| NonZeroU32::new(pids.value));
}

pub(super) fn ulimits(asker: &mut Asker<'_>, span: Span, node: &Node) {
    pids(asker, span, node);
    for (key, node) in node.mapping().into_iter().flat_map(Mapping::iter) {
        let is_zero = |node: &Node| integer(node) == Some(0);
        let all_zero =
            node.mapping().map_or_else(|| is_zero(node), |both| both.iter().all(|(_, node)| is_zero(node)));
        match key.name.as_str() {
            "nofile" | "nproc" => {}
            // There are none anyway.
            "core" if all_zero => {}
            "core" => asker.not_yet(key.span, "ulimits.core", "write 0: nothing is dumped"),
            name => asker.not_yet(key.span, &format!("ulimits.{name}"), "leave it out"),
        }
    }
    let files = asker.service.limits.open_files.as_ref();
    asker.demand.limits.open_files = files.and_then(|files| NonZeroU32::new(files.value));
}
