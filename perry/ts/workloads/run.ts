import { Fields, isFields } from "../checked";
import { RunningLogs } from "../container/follow";
import { ContainerLogs, ExecOptions, LogsOptions } from "../container/types";
import { SandboxError } from "../error";
import { call, callSync } from "../native";
import { encodeSecrets, optionFields, requireText } from "../options";
import {
  CleanupReport,
  DownOptions,
  ServiceInfo,
  endProject,
  execIn,
  followServiceLogs,
  listProject,
  projectName,
  readProjectLogs,
  readServiceLogs,
} from "../projects";
import { fieldsOf, textOf } from "../replies";
import { raise } from "../raise";
import { Cancellable, RunResult, Secrets } from "../types";
import {
  GraphDescription,
  GraphHandle,
  GraphStatus,
  GraphVerdict,
  NodeOutcome,
  RunGraphOptions,
  WorkloadGraph,
} from "./types";

/**
 * Brings a graph up. Every node is allowed by the policy and verified before anything starts; what has changed since the last
 * time is made anew, and what is as it is to be is left alone.
 *
 * With `partialContinue` it resolves when something is up: `nodes` says what is not. With `haltGraph` it rejects with
 * `HALTED`, and what is up stays.
 */
export function runGraph(graph: WorkloadGraph, options?: RunGraphOptions): Promise<GraphHandle> {
  return raise("graphUp", () => graphArgs(graph, options), nameIn(graph), handleOf);
}

/** Brings a graph up again as it was brought up before, by its name: what has ended or is gone since. */
export function resume(target: string | GraphHandle, options?: Secrets & Cancellable): Promise<GraphHandle> {
  return raise("graphResume", () => named(target, options), typeof target === "string" ? target : nameIn(target), handleOf);
}

/** What policy and verifier say of a graph, node by node. Runs nothing: options of a start are checked, and used for nothing. */
export function check(graph: WorkloadGraph, options?: RunGraphOptions): GraphVerdict {
  const args = graphArgs(graph, options);
  // The reply comes before anybody could abort.
  delete args.signal;
  const value = fieldsOf(callSync("graphCheck", args), "a verdict");
  if (typeof value.allowed !== "boolean") {
    throw new SandboxError("INTERNAL", "the reply is not a verdict");
  }
  return value as unknown as GraphVerdict;
}

/** Where a graph stands: one that this program or any other of this user has brought up. */
export async function status(target: string | GraphHandle | WorkloadGraph): Promise<GraphStatus> {
  const value = fieldsOf(await call("graphStatus", { name: projectName(target) }), "a status");
  if (typeof value.healthy !== "boolean" || !Array.isArray(value.nodes)) {
    throw new SandboxError("INTERNAL", "the reply is not a status");
  }
  return value as unknown as GraphStatus;
}

/** The same as {@link status}, by upstream's name. */
export async function inspectGraph(target: string | GraphHandle | WorkloadGraph): Promise<GraphStatus> {
  return status(target);
}

/** A graph as it was brought up. */
export async function describe(target: string | GraphHandle): Promise<GraphDescription> {
  const value = fieldsOf(await call("graphRead", { name: projectName(target) }), "a graph");
  if (!isFields(value.graph) || !Array.isArray(value.levels)) {
    throw new SandboxError("INTERNAL", "the reply is not a graph");
  }
  return value as unknown as GraphDescription;
}

/** Ends a graph and removes what it has; volumes only where that is said. */
export async function down(target: string | GraphHandle, options?: DownOptions): Promise<CleanupReport> {
  return endProject(target, options);
}

/** The sandboxes of a graph. */
export async function ps(target: string | GraphHandle): Promise<ServiceInfo[]> {
  return listProject(target, undefined);
}

/** What a node printed so far, or all of them. */
export async function logs(target: string | GraphHandle, node?: string, options?: LogsOptions): Promise<ContainerLogs> {
  return node === undefined ? readProjectLogs(target, options) : readServiceLogs(target, node, options);
}

/** What a node printed, and what it goes on to print. */
export async function followLogs(
  target: string | GraphHandle,
  node: string,
  options?: { tail?: number },
): Promise<RunningLogs> {
  return followServiceLogs(target, node, options);
}

/** Runs a command inside a node, under its plan. An exit code other than 0 is a result. */
export async function exec(
  target: string | GraphHandle,
  node: string,
  command: string[],
  options?: ExecOptions & Cancellable,
): Promise<RunResult> {
  return execIn(target, node, command, options);
}

/** A handle on a graph that is up already, by its name. */
export async function find(name: string): Promise<GraphHandle> {
  const found = await status(requireText(name, "name"));
  const nodes: NodeOutcome[] = [];
  for (const one of found.nodes) {
    const error = found.errors[one.nodeId];
    const state = one.state === "pending" ? "not-tried" : one.state === "failed" ? "failed" : "up";
    nodes.push({ nodeId: one.nodeId, state: state, containerId: one.containerId, error: error === undefined ? null : error });
  }
  return handle(found.name, nodes);
}

function graphArgs(graph: unknown, options: unknown): Fields {
  const args = optionFields(options, ["graph"]);
  encodeSecrets(args);
  if (!isFields(graph)) {
    throw new SandboxError("BAD_REQUEST", "a graph is an object with `name` and `nodes`");
  }
  args.graph = graph;
  return args;
}

function named(target: unknown, options: unknown): Fields {
  const args = optionFields(options, ["name"]);
  encodeSecrets(args);
  args.name = projectName(target);
  return args;
}

function nameIn(graph: unknown): string {
  return isFields(graph) && typeof graph.name === "string" ? graph.name : "";
}

function handleOf(value: unknown): GraphHandle {
  const fields = fieldsOf(value, "a graph");
  if (!Array.isArray(fields.nodes)) {
    throw new SandboxError("INTERNAL", "the reply is not a graph");
  }
  return handle(textOf(fields, "name", "a graph"), fields.nodes as NodeOutcome[]);
}

// Closures that return the promise of a function of the module: compiler 0.5.1182 gives stale values from async methods.
function handle(name: string, nodes: NodeOutcome[]): GraphHandle {
  return {
    name: name,
    nodes: nodes,
    status: () => status(name),
    ps: () => ps(name),
    logs: (node?: string, options?: LogsOptions) => logs(name, node, options),
    followLogs: (node: string, options?: { tail?: number }) => followLogs(name, node, options),
    exec: (node: string, command: string[], options?: ExecOptions & Cancellable) => exec(name, node, command, options),
    graph: () => describe(name),
    down: (options?: DownOptions) => down(name, options),
  };
}

