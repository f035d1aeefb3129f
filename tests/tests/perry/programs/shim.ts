// A program as it was written for Perry's own modules; the shim makes it say what it did not do.

import { create, getBackend, run } from "perry/container";
import { up } from "perry/compose";
import { down } from "perry/container-compose";
import { graph, policy, runGraph } from "perry/workloads";
import { check, codeOf, codeOfAsync } from "./check";

async function main(): Promise<void> {
  check("a spec that cannot be honoured is refused", await codeOfAsync(() => run({ image: "x", privileged: true })), "DENIED");
  check("create too", await codeOfAsync(() => create({ image: "x", ports: ["80:80"] })), "NOT_AVAILABLE");
  check("a function that answers at once", getBackend(), "native");
  check("compose", await codeOfAsync(() => up()), "NOT_AVAILABLE");
  check("compose under its other name", await codeOfAsync(() => down()), "NOT_AVAILABLE");
  check("workloads, at once", codeOf(() => graph()), "NOT_AVAILABLE");
  check("workloads, later", await codeOfAsync(() => runGraph()), "NOT_AVAILABLE");
  check("workloads, a helper", codeOf(() => policy.untrusted()), "NOT_AVAILABLE");
  console.log("done");
}

main();
