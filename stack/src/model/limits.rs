use perry_sandbox_compose::Node;

use super::{At, Reader, read};

/// Limits that a service sets itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServiceLimits {
    /// Bytes of memory.
    pub memory: Option<At<u64>>,
    /// Thousandths of a processor.
    pub cpu: Option<At<u32>>,
    /// Processes and threads.
    pub pids: Option<At<u32>>,
    /// Open files of a process.
    pub open_files: Option<At<u32>>,
}

/// The loader has checked that two that say the same limit agree.
pub(super) fn read(service: &Node, reader: &mut Reader) -> ServiceLimits {
    let of_deploy = service.get("deploy").and_then(|deploy| deploy.get("resources")?.get("limits"));
    let find = |key: &str, deployed: &str| service.get(key).or_else(|| of_deploy?.get(deployed));
    let memory = find("mem_limit", "memory").and_then(|node| {
        let bytes = read::integer(node)?;
        positive(u64::try_from(bytes).ok(), node, "mem_limit", &bytes.to_string(), reader)
    });
    let cpu = find("cpus", "cpus").and_then(|node| {
        positive(read::thousandths(node), node, "cpus", "not a number of processors", reader)
    });
    let cpu = cpu.or_else(|| other_cpus(service, reader));
    let mut count = |key: &str, node: Option<&Node>| {
        let node = node?;
        let number = read::integer(node)?;
        positive(u32::try_from(number).ok(), node, key, &number.to_string(), reader)
    };
    let of_process = |name: &str| {
        let limit = service.get("ulimits").and_then(|limits| limits.get(name))?;
        limit.get("hard").or(Some(limit))
    };
    let pids = count("pids_limit", find("pids_limit", "pids"));
    // Counted over the whole sandbox, which holds for each user in it too.
    let processes = count("ulimits.nproc", of_process("nproc"));
    let pids = [pids, processes].into_iter().flatten().min_by_key(|limit| limit.value);
    let open_files = count("ulimits.nofile", of_process("nofile"));
    ServiceLimits { memory, cpu, pids, open_files }
}

/// Processors in the words of an engine: their number, or the share of a period, in microseconds.
fn other_cpus(service: &Node, reader: &mut Reader) -> Option<At<u32>> {
    const PERIOD: i64 = 100_000;
    if let Some(node) = service.get("cpu_quota") {
        let period =
            service.get("cpu_period").map_or(Some(PERIOD), read::integer).filter(|period| *period > 0);
        let quota = read::integer(node);
        let share =
            quota.zip(period).and_then(|(quota, period)| quota.checked_mul(1000)?.checked_div(period));
        let share = share.and_then(|share| u32::try_from(share).ok());
        return positive(share, node, "cpu_quota", "no share of a period", reader);
    }
    let node = service.get("cpu_count")?;
    positive(read::thousandths(node), node, "cpu_count", "not a number of processors", reader)
}

fn positive<T: PartialEq + From<u8>>(
    number: Option<T>,
    node: &Node,
    attribute: &str,
    found: &str,
    reader: &mut Reader,
) -> Option<At<T>> {
    let number = number.filter(|number| *number != T::from(0));
    if number.is_none() {
        reader.wrong(node.span, attribute, found, "a number above 0: nothing is unlimited here");
    }
    number.map(|number| At::new(number, node.span))
}
