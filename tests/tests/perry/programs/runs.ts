// Real programs in real sandboxes.

import { RunResult, SandboxError, container, run, runCapability, runCapabilitySync, runSync, verify, verifySync } from "@perry-sandbox/perry";
import { check, codeOfAsync } from "./check";
import { HELLO, IMAGE, KEY, POLICY, shell } from "./places";

export async function runs(): Promise<void> {
  await capabilities();
  await adHoc();
  await input();
  await limits();
  await cancelled();
  await verified();
  await together();
}

async function capabilities(): Promise<void> {
  const hello = await runCapability("hello", HELLO);
  check("a capability's exit code", hello.exitCode, 0);
  check("its output", hello.stdout.indexOf("Hello, from a signed image.") >= 0, true);
  check("its plan", hello.planDigest.indexOf("sha256:"), 0);
  check("the same plan at once", runCapabilitySync("hello", HELLO).planDigest, hello.planDigest);
  check("an unknown capability", await codeOfAsync(() => runCapability("nobody", HELLO)), "DENIED");
  try {
    await runCapability("hello", { policy: POLICY, image: IMAGE, args: ["a", "b", "c"] });
    check("too many arguments", "no error", "an error");
  } catch (error) {
    check("a denial's class", error instanceof SandboxError, true);
    if (error instanceof SandboxError) {
      check("a denial's code", error.code, "DENIED");
      check("a denial's status", error.status, 403);
      check("a denial's reasons", error.details !== undefined, true);
    }
  }
}

async function adHoc(): Promise<void> {
  const failed = await run(shell("echo out; echo err >&2; exit 42"));
  check("an exit code is a result", failed.exitCode, 42);
  check("standard output", failed.stdout, "out\n");
  check("standard error", failed.stderr, "err\n");
  check("no signal", failed.signal, null);
  check("output that is no text", (await run(shell("printf '\\377\\000a'"), { encoding: "base64" })).stdout, "/wBh");
  const missing = { image: IMAGE, args: ["/bin/no-such-program"], signer: { key: KEY } };
  check("a missing program", await codeOfAsync(() => run(missing)), "PROGRAM_NOT_FOUND");
  const stranger = { image: IMAGE, args: ["/bin/busybox"], signer: { key: "examples/hello/other.pub" } };
  check("another key", await codeOfAsync(() => run(stranger)), "NOT_VERIFIED");
  const nowhere = { image: "oci:no/such/folder", args: ["x"], signer: { key: KEY } };
  check("no such image", await codeOfAsync(() => run(nowhere)), "IO");
}

async function input(): Promise<void> {
  check("text as input", (await run(shell("cat"), { stdin: "é€𝄞\u0000end" })).stdout, "é€𝄞\u0000end");
  const bytes = new Uint8Array([0, 255, 128, 10]);
  check("bytes as input", (await run(shell("cat"), { stdin: bytes, encoding: "base64" })).stdout, "AP+ACg==");
  check("input of a capability", (await runCapability("count-words", { ...HELLO, stdin: "one two three" })).stdout.trim(), "3");
}

async function limits(): Promise<void> {
  const within = (ms: number): Promise<RunResult> => run({ ...shell("echo begun; sleep 60"), timeoutMs: ms });
  const soon = await within(1000);
  // A busy machine may need that time for the start.
  const late = soon.stdout === "" ? await within(20000) : soon;
  check("time that ran out is a result", late.limitHit, "wall");
  check("what was printed before", late.stdout, "begun\n");
  const loud = runSync({ ...shell("yes"), limits: { output: "64KiB" } });
  check("too much output is a result", loud.limitHit, "output");
}

async function cancelled(): Promise<void> {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 300);
  check("an aborted run", await codeOfAsync(() => run(shell("sleep 60"), { signal: controller.signal })), "CANCELLED");
  const early = new AbortController();
  early.abort();
  check("aborted before", await codeOfAsync(() => run(shell("true"), { signal: early.signal })), "CANCELLED");
  const question = { signer: { key: KEY } };
  check("a question aborted before", await codeOfAsync(() => verify(IMAGE, question, { signal: early.signal })), "CANCELLED");
  const pulled = (): Promise<unknown> => container.pullImage(IMAGE, { signal: early.signal });
  check("a pull aborted before", await codeOfAsync(pulled), "CANCELLED");
  const wrong = { signal: "now" } as unknown as { signal: AbortSignal };
  check("a signal that is none", await codeOfAsync(() => verify(IMAGE, question, wrong)), "BAD_REQUEST");
  const late = new AbortController();
  check("not aborted", (await run(shell("true"), { signal: late.signal })).exitCode, 0);
  late.abort();
}

async function verified(): Promise<void> {
  const signer = { key: KEY };
  check("a signed image", (await verify(IMAGE, { signer: signer })).verified, true);
  check("the same at once", verifySync(IMAGE, { signer: signer }).verified, true);
  const other = { signer: { key: "examples/hello/other.pub" } };
  check("another signer", await codeOfAsync(() => verify(IMAGE, other)), "NOT_VERIFIED");
}

async function together(): Promise<void> {
  const waiting = [];
  for (let i = 0; i < 16; i++) {
    waiting.push(run(shell("echo number " + i)));
  }
  const results = await Promise.all(waiting);
  let right = 0;
  for (let i = 0; i < 16; i++) {
    right += results[i].stdout === "number " + i + "\n" ? 1 : 0;
  }
  check("16 programs at once", right, 16);
}
