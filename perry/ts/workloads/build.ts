// From what callers write to a graph: helpers that only make objects. What is wrong with them is found by the native half.

import { isFields } from "../checked";
import { SandboxError } from "../error";
import { NodePolicy, Runtime, WorkloadEdge, WorkloadGraph, WorkloadNode } from "./types";

/** A node with its name, for {@link graph}. */
export function node(name: string, spec: WorkloadNode): WorkloadNode & { id: string } {
  if (typeof name !== "string" || name.length === 0) {
    throw new SandboxError("BAD_REQUEST", "a node has a name");
  }
  if (!isFields(spec)) {
    throw new SandboxError("BAD_REQUEST", "a node is an object with an `image`");
  }
  return { ...spec, id: name };
}

/** A graph of nodes, by their names or as {@link node} makes them. */
export function graph(
  name: string,
  nodes: Record<string, WorkloadNode> | (WorkloadNode & { id: string })[],
  edges?: WorkloadEdge[],
): WorkloadGraph {
  const built: WorkloadGraph = { name: name, nodes: Array.isArray(nodes) ? byName(nodes) : nodes };
  if (edges !== undefined) {
    built.edges = edges;
  }
  return built;
}

function byName(list: (WorkloadNode & { id: string })[]): Record<string, WorkloadNode> {
  const nodes: Record<string, WorkloadNode> = {};
  for (const one of list) {
    if (!isFields(one) || typeof one.id !== "string") {
      throw new SandboxError("BAD_REQUEST", "a list of nodes has only what `node` made");
    }
    if (nodes[one.id] !== undefined) {
      throw new SandboxError("BAD_REQUEST", "there are two nodes `" + one.id + "`");
    }
    nodes[one.id] = one;
  }
  return nodes;
}

/** Which wall must stand around a node; one that is not here is an error, never a weaker one. */
export const runtime = {
  auto: (): Runtime => ({ type: "auto" }),
  oci: (): Runtime => ({ type: "oci" }),
  gvisor: (): Runtime => ({ type: "gvisor" }),
  microvm: (): Runtime => ({ type: "microvm" }),
  wasm: (): Runtime => ({ type: "wasm" }),
};

/** The floor under a node. `untrusted` needs a microVM or WebAssembly, and no variable of the environment waives that. */
export const policy = {
  default: (): NodePolicy => ({ tier: "default" }),
  isolated: (): NodePolicy => ({ tier: "isolated", noNetwork: true }),
  hardened: (): NodePolicy => ({ tier: "hardened", readOnlyRoot: true, seccomp: true }),
  untrusted: (): NodePolicy => ({ tier: "untrusted", noNetwork: true, readOnlyRoot: true, seccomp: true }),
};
