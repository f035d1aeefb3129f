// Perry's own module of this name compiles and does nothing. Here every function says that it is not there yet.

import { refusal } from "./refusal";

export function graph(): never {
  throw refusal("perry/workloads", "graph");
}

export function node(): never {
  throw refusal("perry/workloads", "node");
}

export async function runGraph(): Promise<never> {
  throw refusal("perry/workloads", "runGraph");
}

export async function inspectGraph(): Promise<never> {
  throw refusal("perry/workloads", "inspectGraph");
}

/** Where upstream chooses a runtime. */
export const runtime = {
  auto: (): never => {
    throw refusal("perry/workloads", "runtime.auto");
  },
  oci: (): never => {
    throw refusal("perry/workloads", "runtime.oci");
  },
  microvm: (): never => {
    throw refusal("perry/workloads", "runtime.microvm");
  },
  wasm: (): never => {
    throw refusal("perry/workloads", "runtime.wasm");
  },
};

/** Where upstream chooses a tier. */
export const policy = {
  default: (): never => {
    throw refusal("perry/workloads", "policy.default");
  },
  isolated: (): never => {
    throw refusal("perry/workloads", "policy.isolated");
  },
  hardened: (): never => {
    throw refusal("perry/workloads", "policy.hardened");
  },
  untrusted: (): never => {
    throw refusal("perry/workloads", "policy.untrusted");
  },
};
