// A program as it was written for Perry's own modules; the shim makes it do what it says.

import { create, getBackend, run } from "perry/container";
import { up } from "perry/compose";
import { down } from "perry/container-compose";
import { graph, policy, runGraph } from "perry/workloads";
import { check, codeOfAsync } from "./check";

function atOnce(): void {
  check("a function that answers at once", getBackend(), "native");
  check("workloads, at once", graph("g", { a: { image: "x" } }).name, "g");
  check("workloads, a helper", policy.untrusted().tier, "untrusted");
}

async function later(): Promise<void> {
  check("a spec that cannot be honoured is refused", await codeOfAsync(() => run({ image: "x", privileged: true })), "DENIED");
  check("create too", await codeOfAsync(() => create({ image: "x", ports: ["80:80"] })), "NOT_AVAILABLE");
  const nothing = { services: {} };
  const file = "/no/such/compose.yaml";
  check("compose", await codeOfAsync(() => up(file)), "BAD_REQUEST");
  check("compose, of no services", await codeOfAsync(() => up(nothing)), "BAD_REQUEST");
  check("compose under its other name", (await down("no-such-project")).containersRemoved, 0);
  check("workloads, later", await codeOfAsync(() => runGraph(graph("g", {}))), "BAD_REQUEST");
  console.log("done");
}

atOnce();
if (process.env.PART === "later") {
  later();
} else {
  console.log("done");
}
