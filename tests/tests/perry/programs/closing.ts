// close() ends everything, and nothing works after it.

import { checkPolicySync, close, run, runCapability, streamSpec, version } from "@perry-sandbox/perry";
import { check, codeOf, codeOfAsync } from "./check";
import { HELLO, shell } from "./places";

export async function closing(): Promise<void> {
  const open = streamSpec(shell("echo up; sleep 60"));
  await open.started;
  const running = codeOfAsync(() => run(shell("sleep 60")));
  const ended = codeOfAsync(() => open.result);
  close();
  check("a running call", await running, "CANCELLED");
  const end = await ended;
  check("an open stream", end === "CANCELLED" || end === "CLOSED" || end === "STREAM", true);
  check("a call after close", codeOf(() => version()), "CLOSED");
  check("another", codeOf(() => checkPolicySync({ text: "" })), "CLOSED");
  check("a run after close", await codeOfAsync(() => runCapability("hello", HELLO)), "CLOSED");
  check("a second close", codeOf(() => close()), "CLOSED");
}
