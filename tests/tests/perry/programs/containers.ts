// Sandboxes with a name, which outlive the program that made them. `containersLater` runs in a second program.

import { container } from "@perry-sandbox/perry";
import { check, codeOfAsync, comes } from "./check";
import { IMAGE, KEY } from "./places";

const SIGNER = { key: KEY };

/** A shell in the example's image, in the words of perry/container. */
function shell(name: string, script: string): container.ContainerSpec {
  return { image: IMAGE, name: name, entrypoint: ["/bin/busybox", "sh", "-c"], cmd: [script], signer: SIGNER };
}

export async function containers(): Promise<void> {
  await life();
  await commands();
  await followed();
  await refusals();
  const kept = await container.run(shell("kept", "echo kept; sleep 600"));
  check("what is kept has its name", kept.name, "kept");
}

async function life(): Promise<void> {
  const spec = shell("short", "echo one; echo two; echo err >&2; exit 7");
  const handle = await container.run({ ...spec, labels: { part: "life" } });
  check("the name of a handle", handle.name, "short");
  const exit = await container.wait(handle);
  check("how it ended", exit.exitCode, 7);
  check("no limit was hit", exit.limitHit, null);
  const info = await container.inspect("short");
  check("inspected by its name", info.id, handle.id);
  check("its status", info.status, "exited");
  check("its exit code", info.exitCode, 7);
  const all = await container.logs(handle);
  check("its output", all.stdout, "one\ntwo\n");
  check("its errors", all.stderr, "err\n");
  check("the end of its output", (await container.logs(handle, { tail: 1 })).stdout.indexOf("one"), -1);
  // Root's sandboxes of other programs are listed as well.
  const running = await container.list();
  check("only what runs is listed", running.filter((info) => info.id === handle.id).length, 0);
  const listed = await container.list({ all: true, labels: { part: "life" } });
  check("found by its label", listed.length === 1 && listed[0].id === handle.id, true);
  await container.remove(handle);
  check("removed", await codeOfAsync(() => container.inspect("short")), "NOT_FOUND");
  check("removed once", await container.removeIfExists("short"), false);
}

async function commands(): Promise<void> {
  const created = await container.create(shell("long", "sleep 600"));
  check("created and not started", (await container.inspect(created)).status, "created");
  await container.start(created);
  check("started", (await container.inspect(created)).status, "running");
  check("a name is given once", await codeOfAsync(() => container.run(shell("long", "true"))), "CONFLICT");
  const done = await container.exec(created, ["/bin/busybox", "sh", "-c", "cat; exit 5"], { stdin: "é input" });
  check("a command's exit code", done.exitCode, 5);
  check("a command's input", done.stdout, "é input");
  const missing = (): Promise<unknown> => container.exec(created, ["/bin/no-such-program"]);
  check("a command that is not there", await codeOfAsync(missing), "PROGRAM_NOT_FOUND");
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 200);
  const endless = (): Promise<unknown> => container.exec(created, ["/bin/busybox", "sleep", "600"], { signal: controller.signal });
  check("an aborted command", await codeOfAsync(endless), "CANCELLED");
  const impatient = new AbortController();
  setTimeout(() => impatient.abort(), 50);
  check("an aborted wait", await codeOfAsync(() => container.wait(created, { signal: impatient.signal })), "CANCELLED");
  check("it runs on", (await container.inspect(created)).status, "running");
  check("what runs is not removed", await codeOfAsync(() => container.remove(created)), "CONFLICT");
  await container.stop(created, 1);
  check("stopped", (await container.inspect(created)).status, "exited");
  const late = (): Promise<unknown> => container.exec(created, ["/bin/busybox", "true"]);
  check("no command in what has ended", await codeOfAsync(late), "CONFLICT");
  check("removed if there", await container.removeIfExists("long", true), true);
}

async function followed(): Promise<void> {
  const handle = await container.run(shell("talker", "echo one; sleep 1; echo two"));
  let text = "";
  for await (const chunk of container.logs(handle, { follow: true })) {
    text += chunk.text;
  }
  check("followed to its end", text, "one\ntwo\n");
  await container.wait(handle);
  await container.remove(handle);
}

async function refusals(): Promise<void> {
  const unsigned = { ...shell("stranger", "true"), signer: { key: "examples/hello/other.pub" } };
  check("another signer's", await codeOfAsync(() => container.run(unsigned)), "NOT_VERIFIED");
  check("it was not made", await codeOfAsync(() => container.inspect("stranger")), "NOT_FOUND");
}

/** In another process than {@link containers}. */
export async function containersLater(): Promise<void> {
  const info = await container.inspect("kept");
  check("a sandbox outlives its program", info.status, "running");
  await comes("what it printed", async () => (await container.logs("kept")).stdout, "kept\n");
  const inside = await container.exec("kept", ["/bin/busybox", "echo", "inside"]);
  check("a command of another program", inside.stdout, "inside\n");
  await container.remove("kept", true);
  const left = await container.list(true);
  check("nothing is left of it", left.filter((one) => one.name === "kept").length, 0);
}
