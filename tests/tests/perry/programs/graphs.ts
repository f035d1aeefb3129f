// Graphs and Compose projects. `graphsStay` waits for a signal, and `graphsLater` runs in a second program.

import { compose, container, workloads } from "@perry-sandbox/perry";
import { check, codeIn, codeOf, codeOfAsync, comes } from "./check";
import { IMAGE } from "./places";

const MARK = process.env.MARK === undefined ? "" : process.env.MARK;
const NAME = "graphs" + MARK;

const TIER = `
[tier.node]
isolation = { accept = ["oci"], prefer = ["oci"] }
rootfs = "read-only"
seccomp = "perry-default"
memory-enforcement = "watched"
limits = { memory = "64MiB", cpu = 1, pids = 64, wall = "1h", output = "16MiB", disk = "64MiB", open-files = 256 }
`;

/** A policy that allows these nodes. */
function policyFor(nodes: string[]): { text: string; name: string } {
  let text = 'schema = "perry-sandbox/policy/v1"\n[signer.example]\npublic-key = "cosign.pub"\n';
  text += '[image.hello]\nrepository = "registry.example/perry-sandbox/hello"\nsigned-by = { at-least = 1, of = ["example"] }\n';
  text += TIER;
  for (const node of nodes) {
    text += '[service."' + NAME + "/" + node + '"]\ntier = "node"\nimage = ["hello"]\n';
  }
  return { text: text, name: "examples/hello/graphs.toml" };
}

function shell(line: string): workloads.WorkloadNode {
  return { image: IMAGE, entrypoint: "/bin/busybox", command: ["sh", "-c", line], network: "none" };
}

export async function graphs(): Promise<void> {
  await wholeWay();
  await failures();
  await refused();
  await stacks();
}

async function wholeWay(): Promise<void> {
  const { graph, node, runGraph, find, down, status } = workloads;
  const built = graph(NAME, [
    node("job", shell("echo done")),
    node("long", { ...shell("echo up; exec sleep 600"), dependsOn: { job: { condition: "completed" } } }),
  ]);
  const policy = policyFor(["job", "long"]);
  check("allowed", workloads.check(built, { policy: policy }).allowed, true);
  const options: workloads.RunGraphOptions = { policy: policy, strategy: "sequential", waitTimeoutMs: 60000 };
  check("allowed by the options that it comes up with", workloads.check(built, options).allowed, true);
  const up = await runGraph(built, options);
  check("its name", up.name, NAME);
  check("how far its nodes came", up.nodes.map((one) => one.state).join(" "), "up up");
  const seen = await up.status();
  check("well", seen.healthy, true);
  check("where its nodes stand", seen.nodes.map((one) => one.state).join(" "), "stopped running");
  const again = await runGraph(built, { policy: policy });
  check("left alone", again.nodes[1].containerId, up.nodes[1].containerId);
  await comes("output of a node", async () => (await up.logs("long")).stdout, "up\n");
  check("output of all", (await workloads.logs(NAME)).stdout.indexOf(NAME + "-long  | up") >= 0, true);
  const ran = await up.exec("long", ["/bin/busybox", "sh", "-c", "echo in; exit 3"]);
  check("a command's output", ran.stdout, "in\n");
  check("a command's code", ran.exitCode, 3);
  const described = await up.graph();
  check("described", described.levels.length, 2);
  const found = await find(NAME);
  check("found by its name", (await found.ps()).length, 2);
  const report = await down(found, { graceMs: 0 });
  check("what was removed", report.containersRemoved, 2);
  check("gone", (await status(NAME)).nodes.map((one) => one.state).join(" "), "pending pending");
  const resumed = await workloads.resume(NAME);
  check("as it was", resumed.nodes.map((one) => one.state).join(" "), "up up");
  check("ended by project", (await container.downByProject(NAME, { graceMs: 0 })).containersRemoved, 2);
}

async function failures(): Promise<void> {
  const built = workloads.graph(NAME, {
    bad: { image: IMAGE, entrypoint: "/bin/no-such-program", network: "none" },
    good: shell("exec sleep 600"),
    needs: { ...shell("exec sleep 600"), dependsOn: ["bad"] },
  });
  const policy = policyFor(["bad", "good", "needs"]);
  check("undone", await codeOfAsync(() => workloads.runGraph(built, { policy: policy })), "IO");
  check("of which nothing is left", (await workloads.ps(NAME)).length, 0);
  const partly = await workloads.runGraph(built, { policy: policy, onFailure: "partialContinue" });
  check("in part", partly.nodes.map((one) => one.state).join(" "), "failed up not-tried");
  try {
    await workloads.runGraph(built, { policy: policy, onFailure: "haltGraph", strategy: "sequential" });
    check("halted", "no error", "HALTED");
  } catch (error) {
    check("halted", codeIn(error), "HALTED");
  }
  await partly.down({ graceMs: 0 });
}

async function refused(): Promise<void> {
  const { graph, policy, runGraph, runtime } = workloads;
  const floor = policyFor(["a", "b"]);
  const untrusted = graph(NAME, { a: shell("exec sleep 600"), b: { ...shell("true"), policy: policy.untrusted() } });
  const code = await codeOfAsync(() => runGraph(untrusted, { policy: floor }));
  check("untrusted without a microVM", code === "NOT_AVAILABLE" || code === "DENIED", true);
  const declared = graph(NAME, { a: { ...shell("true"), policy: policy.untrusted(), runtime: runtime.microvm() } });
  const still = await codeOfAsync(() => runGraph(declared, { policy: floor }));
  check("to declare a microVM is not to have one", still === "NOT_AVAILABLE" || still === "DENIED", true);
  check("nothing was started", (await workloads.ps(NAME)).length, 0);
  check("no nodes", await codeOfAsync(() => runGraph(graph(NAME, {}))), "BAD_REQUEST");
  const strange = { a: { image: IMAGE, imag: "x" } } as unknown as Record<string, workloads.WorkloadNode>;
  check("a field that is none", await codeOfAsync(() => runGraph(graph(NAME, strange))), "BAD_REQUEST");
  check("a node that is none", codeOf(() => workloads.node("", shell("true"))), "BAD_REQUEST");
  check("two nodes of a name", codeOf(() => graph(NAME, [workloads.node("a", shell("x")), workloads.node("a", shell("x"))])), "BAD_REQUEST");
  check("no such graph", await codeOfAsync(() => workloads.status("no-such-graph")), "NOT_FOUND");
}

async function stacks(): Promise<void> {
  const web = { image: IMAGE, entrypoint: ["/bin/busybox", "sh", "-c", "echo up; exec sleep 600"], network_mode: "none" };
  const spec = { name: NAME, services: { web: web } };
  const up = await compose.up(spec, { policy: policyFor(["web"]), wait: true });
  check("a project's name", up.name, NAME);
  check("its form", up.config().indexOf("exec sleep 600") >= 0, true);
  check("the same by the function", compose.config(up), up.config());
  check("its sandboxes", (await up.ps())[0].status, "running");
  check("its output", (await up.logs({ service: "web" })).stdout, "up\n");
  check("a command in it", (await compose.exec(up, "web", ["/bin/busybox", "true"])).exitCode, 0);
  await up.stop(["web"]);
  check("stopped", (await compose.ps(NAME))[0].status, "exited");
  await compose.start(NAME, ["web"]);
  await up.restart(["web"], { graceMs: 0, secrets: { other: "x" } });
  check("restarted", (await up.ps())[0].status, "running");
  check("among the names", (await compose.names()).indexOf(NAME) >= 0, true);
  check("ended", (await compose.down(up, { graceMs: 0 })).containersRemoved, 1);
  const built = { name: NAME, services: { web: { build: { context: "examples" }, network_mode: "none" } } };
  const ungranted = { policy: policyFor(["web"]) };
  check("a build that is not granted", await codeOfAsync(() => compose.build(built, ungranted)), "DENIED");
  check("nor before an up", await codeOfAsync(() => compose.up(built, { ...ungranted, build: true })), "DENIED");
  check("no build", await codeOfAsync(() => compose.build(spec, ungranted)), "BAD_REQUEST");
  check("a project of no services", await codeOfAsync(() => compose.up({ services: {} })), "BAD_REQUEST");
  check("a file that is none", await codeOfAsync(() => compose.up("/no/such/compose.yaml")), "BAD_REQUEST");
}

/** Brings something up and stays until a signal comes. */
export async function graphsStay(): Promise<void> {
  const built = workloads.graph(NAME, { long: shell("trap 'sleep 2; exit' TERM; sleep " + MARK + " & wait") });
  await workloads.runGraph(built, { policy: policyFor(["long"]) });
  console.log("up");
  setInterval(() => undefined, 1000);
}

/** Resumes a graph that is halted by that, and stays until a signal comes. */
export async function graphsHalt(): Promise<void> {
  const built = workloads.graph(NAME, {
    long: shell("trap exit TERM; sleep " + MARK + " & wait"),
    no: { image: IMAGE, entrypoint: "/bin/no-such-program", network: "none" },
  });
  const policy = policyFor(["long", "no"]);
  await codeOfAsync(() => workloads.runGraph(built, { policy: policy, onFailure: "haltGraph", strategy: "sequential" }));
  const halted = await workloads.find(NAME);
  await halted.down({ graceMs: 0 });
  const code = await codeOfAsync(() => workloads.resume(halted));
  console.log(code === "HALTED" ? "up" : code);
  setInterval(() => undefined, 1000);
}

/** What outlived another program is found by its name. */
export async function graphsLater(): Promise<void> {
  const found = await workloads.find(NAME);
  check("found by another program", (await found.status()).nodes[0].state, "running");
  check("and ended", (await found.down({ graceMs: 0 })).containersRemoved, 1);
}
