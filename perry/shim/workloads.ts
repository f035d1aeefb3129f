// `perry/workloads` under its own name. The functions are those of `workloads` in @perry-sandbox/perry: results are objects,
// no JSON texts, and failures are thrown.

import { workloads } from "@perry-sandbox/perry";

export const graph = workloads.graph;
export const node = workloads.node;
export const runGraph = workloads.runGraph;
export const inspectGraph = workloads.inspectGraph;
export const runtime = workloads.runtime;
export const policy = workloads.policy;
export const down = workloads.down;
export const status = workloads.status;
export const logs = workloads.logs;
export const exec = workloads.exec;
export const ps = workloads.ps;
