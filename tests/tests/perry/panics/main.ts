// A fault of the native half is an error of that call; the program and its other calls go on.

import { checkPolicy, checkPolicySync, version } from "@perry-sandbox/perry";
import { check, codeOf, codeOfAsync } from "./check";

const FAULT = { text: "", name: "panic" };
const SOUND = { text: "schema = \"perry-sandbox/policy/v1\"\nname = \"p\"\n" };

async function main(): Promise<void> {
  for (let round = 0; round < 20; round++) {
    check("a panic on this thread", codeOf(() => checkPolicySync(FAULT)), "INTERNAL");
    check("the next call on this thread", checkPolicySync(SOUND).ok, true);
  }
  const waiting: Promise<string>[] = [];
  for (let i = 0; i < 100; i++) {
    waiting.push(codeOfAsync(() => checkPolicy(i % 2 === 0 ? FAULT : SOUND)));
  }
  const found = await Promise.all(waiting);
  let right = 0;
  for (let i = 0; i < 100; i++) {
    right += found[i] === (i % 2 === 0 ? "INTERNAL" : "no error") ? 1 : 0;
  }
  check("panics on other threads reach their own calls", right, 100);
  check("the program goes on", version().length > 4, true);
  console.log("done");
}

main();
