// What the functions that answer on the spot decide. No `await` here: compiler 0.5.1182 is held to this.

import { explainSync, runCapabilitySync, runSync, verifySync } from "@perry-sandbox/perry";
import { check, codeOf } from "./check";
import { HELLO, IMAGE, KEY, POLICY, shell } from "./places";

export function atOnce(): void {
  const hello = runCapabilitySync("hello", HELLO);
  check("a capability's exit code", hello.exitCode, 0);
  for (let i = 0; i < 5; i++) {
    const result = runSync(shell("cat; exit " + i), { stdin: "input " + i });
    check("exit code " + i, result.exitCode, i);
    check("input " + i, result.stdout, "input " + i);
  }
  check("a signed image", verifySync(IMAGE, { signer: { key: KEY } }).verified, true);
  const stranger = { signer: { key: "examples/hello/other.pub" } };
  check("another signer", codeOf(() => verifySync(IMAGE, stranger)), "NOT_VERIFIED");
  check("an unknown capability", codeOf(() => runCapabilitySync("nobody", HELLO)), "DENIED");
  const missing = { image: IMAGE, args: ["/bin/no-such-program"], signer: { key: KEY } };
  check("a missing program", codeOf(() => runSync(missing)), "PROGRAM_NOT_FOUND");
  check("an allowed plan", explainSync({ capability: { name: "hello", policy: POLICY, image: IMAGE } }).verdict, "allow");
  const tooMuch = { name: "hello", policy: POLICY, image: IMAGE, args: ["a", "b", "c"] };
  check("a denied plan", explainSync({ capability: tooMuch }).verdict, "deny");
  check("a limit is a result", runSync({ ...shell("yes"), limits: { output: "64KiB" } }).limitHit, "output");
}
