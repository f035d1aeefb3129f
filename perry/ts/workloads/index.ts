/** The functions of `perry/workloads`, with objects for results and a {@link SandboxError} for every failure. */

export { graph, node, policy, runtime } from "./build";
export { check, describe, down, exec, find, followLogs, inspectGraph, logs, ps, resume, runGraph, status } from "./run";
export { projectNames as names, recoverProject as recover } from "../projects";
export type { CleanupReport, DownOptions, ServiceInfo } from "../projects";
export type {
  Dependency,
  GraphDescription,
  GraphHandle,
  GraphStatus,
  GraphVerdict,
  NodeHealth,
  NodeInfo,
  NodeOutcome,
  NodePolicy,
  NodeResources,
  RunGraphOptions,
  Runtime,
  WorkloadEdge,
  WorkloadGraph,
  WorkloadNode,
  WorkloadRef,
} from "./types";
